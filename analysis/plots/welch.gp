# Blocks: "t mean moving_average", one a policy. A vertical line where the warm-up ends.
set xlabel 'time of arrival (s)'
set ylabel y_label
set key outside right top Left reverse
set yrange [0:*]
if (warmup_s > 0) set arrow from warmup_s, graph 0 to warmup_s, graph 1 nohead dt 2 lc rgb '#444444' front
if (warmup_s > 0) set label 'warm-up ends' at warmup_s, graph 0.97 offset 0.5, 0 tc rgb '#444444' front
set title note
plot for [i=1:n] data index block[i] using 1:2 with lines lc rgb '#cccccc' lw 0.8, \
  for [i=1:n] data index block[i] using 1:3 with lines lc rgb color(slot[i]) dt dash(slot[i]) lw 2 title name[i]
