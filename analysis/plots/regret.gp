# Blocks: "requests regret lo hi", one a policy.
set xlabel 'requests, in order of arrival'
set ylabel sprintf('cumulative regret against %s (objective units)', comparator)
set key outside right top Left reverse
set style fill transparent solid 0.16 noborder
set xzeroaxis lc rgb '#444444' lt 1
plot for [i=1:n] data index block[i] using 1:3:(twin(i) ? $3 : $4) with filledcurves lc rgb color(slot[i]), \
  for [i=1:n] data index block[i] using 1:2 with linespoints lc rgb color(slot[i]) dt dash(slot[i]) lw 1.8 \
  pt point(slot[i]) ps 0.6 pi 25 title name[i]
