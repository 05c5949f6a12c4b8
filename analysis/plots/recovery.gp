# Blocks: "t cost lo hi", one a policy. A vertical line where a change begins or ends.
set xlabel 'time of arrival (s)'
set ylabel 'cost of a request (objective units)'
set key outside right top Left reverse
set style fill transparent solid 0.16 noborder
set yrange [0:*]
do for [k=1:n_changes] {
  at = value(sprintf('change_at_%d', k))
  set arrow from at, graph 0 to at, graph 1 nohead dt 2 lc rgb '#444444' front
  set label value(sprintf('change_name_%d', k)) at at, graph 0.98 - 0.05 * ((k - 1) % 6) offset 0.5, 0 tc rgb '#444444' front
}
set title note
plot for [i=1:n] data index block[i] using 1:3:(twin(i) ? $3 : $4) with filledcurves lc rgb color(slot[i]), \
  for [i=1:n] data index block[i] using 1:2 with linespoints lc rgb color(slot[i]) dt dash(slot[i]) lw 1.8 \
  pt point(slot[i]) ps 0.6 pi 8 title name[i]
