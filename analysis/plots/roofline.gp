# Blocks: "intensity rate", one a kernel, of one core, in G/s; int8 counts as float does. Roofs: best arithmetic, bandwidths of memory and caches.
set logscale xy
set xrange [x_lo:x_hi]
set yrange [y_lo:y_hi]
eval log_labels('x', x_lo, x_hi)
eval log_labels('y', y_lo, y_hi)
set format x '%h'
set format y '%h'
set xlabel 'arithmetic intensity (operations per byte moved at least), logarithmic'
set ylabel 'operations of one core (G/s), logarithmic'
set key bottom right Left reverse samplen 1.8
set style data points
set samples 400
roof(x, b, top) = b * x < top ? b * x : top
plot roof(x, memory, peak) with lines lc rgb '#444444' lw 1.8 title 'triad from memory, best GEMM', \
  (cache > memory ? roof(x, cache, peak) : NaN) with lines lc rgb '#444444' dt 2 lw 1.2 title 'triad from the caches', \
  (int8 > peak ? roof(x, cache, int8) : NaN) with lines lc rgb '#444444' dt 3 lw 1.4 title 'the same, best GEMM in int8', \
  for [i=1:n] data index i-1 using 1:2 lc rgb color(i-1) pt point(i-1) ps 0.8 title name[i]
