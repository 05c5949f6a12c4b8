# Block 0: the front, "x y". Then "y lo hi x lo hi", one block a policy. What exposes nothing stands at x_zero.
set ylabel y_label
set yrange [y_lo:y_hi]
if (y_log) set logscale y
set format y '%h'
set xlabel 'exposure beyond the device, weighted (B per request)'
set xrange [x_lo:x_hi]
set logscale x
set format x '%h'
eval log_labels('x', x_lo, x_hi)
if (x_none) set xtics add ('0' x_zero)
if (exists('left_out')) set bmargin at screen 0.17
set rmargin at screen 0.74
set key at screen 0.76, 0.95 left top Left reverse samplen 1.5
# A ring around each of the front: of one policy alone there are no steps.
plot data index 0 using 1:2 with steps lc rgb '#888888' dt 2 lw 1.6 title (n_front > 1 ? 'front' : ''), \
  data index 0 using 1:2 with points lc rgb '#888888' pt 6 ps 2.4 title (n_front == 1 ? 'front' : ''), \
  for [i=1:n] data index block[i]+1 using 4:1:5:6:2:3 with xyerrorbars lc rgb color(slot[i]) pt point(slot[i]) ps 1.2 lw 1.4 \
  title name[i]
