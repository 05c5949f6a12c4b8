# Blocks: "latency_s share", one a policy: share of requests that took at least so long.
set xlabel 'latency (s), logarithmic'
set ylabel 'share of requests that took longer, logarithmic'
set logscale xy
set format x '%h'
set format y '%h'
set yrange [smallest_share:1]
set key outside right top Left reverse
plot for [i=1:n] data index block[i] using 1:2 with linespoints lc rgb color(slot[i]) dt dash(slot[i]) lw 1.8 \
  pt point(slot[i]) ps 0.6 pi 140 title name[i]
