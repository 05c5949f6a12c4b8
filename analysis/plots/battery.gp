# Blocks: "t level", one a policy and place.
set xlabel 'time (s)'
set ylabel 'batteries: share of the capacity, mean'
set key outside right top Left reverse
set yrange [0:1.02]
plot for [i=1:n] data index block[i] using 1:2 with lines lc rgb color(slot[i]) dt dash(slot[i]) lw 2 title name[i]
