# Blocks: "rate size" without queues; "rate size lo hi" with queues.
set logscale xy
set format x '%h'
set format y '%h'
set xlabel sprintf('uplink rate of %s (Mbit/s), logarithmic', link)
set ylabel sprintf('input of %s (MB), logarithmic', task)
set key top left Left reverse
set autoscale xfix
set label 1 'local is faster' at graph 0.04, 0.72
set label 2 sprintf('offload to %s is faster', place) at graph 0.60, 0.10
plot data index 0 using 1:2 with lines lc rgb color(0) lw 2 title 'equal mean latency (formula: no queues, no time-outs)', \
  data index 1 using 1:2:3:4 with yerrorbars lc rgb color(1) pt 5 ps 0.8 lw 1.6 title 'with queues and time-outs (runs), 95 %', \
  data index 1 using 1:2 with lines lc rgb color(1) dt 2 lw 1.4
