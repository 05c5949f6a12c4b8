# Blocks: "row from to" in seconds, one a phase; the last: "row latency lo hi".
set xlabel 'time (s), mean of completed requests, all their attempts'
set ytics ()
set for [i=1:n] ytics add (name[i] n + 1 - i)
set yrange [0.4:n + 0.6]
set xrange [0:*]
set grid noytics
set key outside right top Left reverse
set style fill solid 1 border rgb '#ffffff'
array shown[n_phases] = [phase_1, phase_2, phase_3, phase_4, phase_5, phase_6, phase_7]
if (exists('left_out')) set bmargin at screen 72.0 / height_px
plot for [k=1:n_phases] data index (k - 1) using 2:1:2:3:($1 - 0.36):($1 + 0.36) with boxxyerror lc rgb fill(k) \
  title (shown[k] ? phase[k] : ''), \
  data index n_phases using 2:1:3:4 with xerrorbars lc rgb '#000000' pt 13 ps 0.9 lw 1.2 title 'latency, 95 %'
