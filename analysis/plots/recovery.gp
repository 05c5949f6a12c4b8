# Blocks: "t cost lo hi", one a policy. A vertical line at each change of the scenario.
set xlabel 'time of arrival (s)'
set ylabel 'cost of a request (objective units)'
set key outside right top Left reverse
set style fill transparent solid 0.16 noborder
set yrange [0:*]
do for [k=1:n_changes] {
  set arrow from word(changes, k), graph 0 to word(changes, k), graph 1 nohead dt 2 lc rgb '#444444' front
}
if (n_changes > 0) set label 'change' at word(changes, 1), graph 0.97 offset 0.5, 0 tc rgb '#444444' front
set title note
plot for [i=1:n] data index (i - 1) using 1:3:4 with filledcurves lc rgb color(slot[i]), \
  for [i=1:n] data index (i - 1) using 1:2 with linespoints lc rgb color(slot[i]) dt dash(slot[i]) lw 1.8 \
  pt point(slot[i]) ps 0.6 pi 8 title name[i]
