# Blocks: "row error stable", one a kernel; last block: "row low high", the 90 % bands. Rows are kernels, from the top down; a red ring: unstable.
set style data points
set xlabel 'measured / foretold by the other shapes - 1 (%); grey: 90 % band; ring: unstable'
set yrange [n + 0.6:0.4]
set xrange [-most:most]
set ytics scale 0 ('' 0)
unset grid
set grid x lc rgb '#dddddd' lt 1 lw 0.8
do for [i=1:n] { set ytics add (name[i] i) }
do for [i=1:n] {
  lo = value(sprintf('lo_%d', i)); hi = value(sprintf('hi_%d', i))
  set object i rectangle from (lo < -most ? -most : lo), i - 0.34 to (hi > most ? most : hi), i + 0.34 fc rgb '#dddddd' fs solid noborder behind
}
set arrow from 0, graph 0 to 0, graph 1 nohead lc rgb '#444444' lw 0.8
set key off
set lmargin at screen margin
plot for [i=1:n] data index i-1 using 2:1 lc rgb color(i-1) pt point(i-1) ps 0.75, \
  for [i=1:n] data index i-1 using ($3 == 0 ? $2 : NaN):1 pt 6 ps 1.8 lc rgb '#CC0000'
