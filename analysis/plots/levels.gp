# Blocks: "x y lo hi", one a curve. Where the best curve changes: a line with its interval.
set xlabel x_label
set ylabel y_label
set key outside right top Left reverse
set style fill transparent solid 0.16 noborder
if (x_log) set logscale x
set xrange [x_lo:x_hi]
if (x_log) eval log_labels('x', x_lo, x_hi)
if (y_log) set logscale y
set format x '%h'
set format y '%h'
do for [k=1:n_crossings] {
  lo = value(sprintf('cross_lo_%d', k)); hi = value(sprintf('cross_hi_%d', k)); at = value(sprintf('cross_at_%d', k))
  set object k rectangle from lo, graph 0 to hi, graph 1 fc rgb '#999999' fs transparent solid 0.25 noborder behind
  set arrow from at, graph 0 to at, graph 1 nohead dt 2 lc rgb '#444444' front
  # Beside the line, on the side that has more room.
  share = x_log ? log(at / x_lo) / log(x_hi / x_lo) : (at - x_lo) / (x_hi - x_lo)
  if (share < 0.5) { set label value(sprintf('cross_name_%d', k)) at at, graph 0.98 - 0.05 * (k - 1) left offset 0.5, 0 tc rgb '#444444' font ',10' front }
  else { set label value(sprintf('cross_name_%d', k)) at at, graph 0.98 - 0.05 * (k - 1) right offset -0.5, 0 tc rgb '#444444' font ',10' front }
}
plot for [i=1:n] data index i-1 using 1:3:4 with filledcurves lc rgb color(i-1), \
  for [i=1:n] data index i-1 using 1:2 with linespoints lc rgb color(i-1) dt dash(i-1) lw 1.8 pt point(i-1) ps 0.8 title name[i]
