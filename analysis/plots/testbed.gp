# Blocks: "latency_ms share": measured, predicted, the ends of the band.
set logscale xy
set format x '%h'
set format y '%h'
set xlabel 'latency (ms), logarithmic'
set ylabel 'share of requests that took longer, logarithmic'
set yrange [smallest:1]
set key bottom left Left reverse
set title heading
plot data index 2 using 1:2 with lines lc rgb '#888888' dt 3 lw 1.2 title 'predicted, ends of the band', \
  data index 3 using 1:2 with lines lc rgb '#888888' dt 3 lw 1.2 notitle, \
  data index 0 using 1:2 with lines lc rgb color(0) lw 2.2 title 'measured', \
  data index 1 using 1:2 with lines lc rgb color(1) dt 2 lw 2 title 'predicted'
