# Blocks: "latency_s share", one a policy.
set xlabel some_failed ? 'latency (s), logarithmic; the rest of a curve below 1 failed' : 'latency (s), logarithmic'
set ylabel 'share of requests answered within'
set logscale x
set format x '%h'
set yrange [0:1]
set key outside right top Left reverse
plot for [i=1:n] data index block[i] using 1:2 with linespoints lc rgb color(slot[i]) dt dash(slot[i]) lw 1.8 \
  pt point(slot[i]) ps 0.6 pi 140 title name[i]
