# Blocks: "t queue busy_share slots", one a place. Devices are summed. Slots of instances that are up, where they come and go.
set multiplot
set lmargin at screen 0.11
set rmargin at screen key_at - 0.02
set title policy offset 0, -0.6
set tmargin at screen 0.93
set bmargin at screen 0.68
set ylabel 'attempts waiting'
set yrange [0:*]
set format x ''
set key at screen key_at, 0.93 left top Left reverse
plot for [k=1:n_places] data index (k - 1) using 1:2 with lines lc rgb ink(k) dt dash(k - 1) lw 1.5 title place[k]
unset title
set tmargin at screen 0.65
set bmargin at screen 0.41
set ylabel 'busy / slots'
set yrange [0:1.02]
set key off
plot for [k=1:n_places] data index (k - 1) using 1:3 with lines lc rgb ink(k) dt dash(k - 1) lw 1.5
set tmargin at screen 0.37
set bmargin at screen 0.13
set format x '%g'
set xlabel 'time (s)'
set ylabel 'open slots'
set yrange [0:*]
plot for [k=1:n_places] data index (k - 1) using 1:4 with steps lc rgb ink(k) dt dash(k - 1) lw 1.5
unset multiplot
