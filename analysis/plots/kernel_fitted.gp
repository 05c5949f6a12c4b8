# Blocks: "fitted measured", one a kernel: seconds of one execution, each shape predicted by the others where that was possible.
set logscale xy
set xrange [lo:hi]
set yrange [lo:hi]
set size ratio -1
set format x '%.0s %cs'
set format y '%.0s %cs'
set xlabel 'one execution as the other shapes foretell it'
set ylabel 'one execution, measured'
set key outside right top Left reverse samplen 1
set style data points
plot x with lines lc rgb '#444444' lw 0.8, \
  for [i=1:n] data index i-1 using 1:2 lc rgb color(i-1) pt point(i-1) ps 0.8 title name[i]
