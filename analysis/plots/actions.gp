# Blocks: "t share_1 share_1+2 ...", one a policy; a panel each.
columns = n < 3 ? n : (n < 5 ? 2 : 3)
rows = int((n + columns - 1) / columns)
set multiplot
set style fill solid 0.95 noborder
set key off
set yrange [0:1]
set ytics 0.5
set xrange [0:end_s]
set xtics tick(end_s)
left = 0.085; right = 0.83; bottom = (exists('left_out') ? 88.0 : 74.0) / height_px; top = 1 - 30.0 / height_px
gap_x = 0.05; gap_y = 62.0 / height_px
panel_w = (right - left - gap_x * (columns - 1)) / columns
panel_h = (top - bottom - gap_y * (rows - 1)) / rows
do for [i=1:n] {
  c = (i - 1) % columns
  r = int((i - 1) / columns)
  set lmargin at screen left + c * (panel_w + gap_x)
  set rmargin at screen left + c * (panel_w + gap_x) + panel_w
  set tmargin at screen top - r * (panel_h + gap_y)
  set bmargin at screen top - r * (panel_h + gap_y) - panel_h
  set title name[i] offset 0, -0.7
  if (i == 1) { set label 98 'share of decisions' at screen 0.02, screen (bottom + top) / 2 center rotate } else { unset label }
  if (i > n - columns) { set xlabel 'time (s)' } else { unset xlabel }
  if (i == n) { set key at screen 0.845, 0.95 left top Left reverse invert }
  plot for [k=n_places:1:-1] data index (i - 1) using 1:(column(k + 1)) with filledcurves y1=0 lc rgb fill(k) title place[k]
}
unset multiplot
