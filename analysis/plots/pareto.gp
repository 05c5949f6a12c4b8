# Blocks: "y lo hi money lo hi energy lo hi", one a policy.
set multiplot
set ylabel y_label
if (log_y) set logscale y
if (log_y) set format y '%h'
set key off
set style data points
set lmargin at screen 0.10
set rmargin at screen 0.42
set xlabel 'money, total ledger (USD per 1000 requests)'
if (log_money) set logscale x
set format x '%h'
plot for [i=1:n] data index (i - 1) using 4:1:5:6:2:3 with xyerrorbars lc rgb color(slot[i]) pt point(slot[i]) ps 1 lw 1.4
set lmargin at screen 0.49
set rmargin at screen 0.80
unset ylabel
unset logscale x
set xlabel 'energy, total ledger (J per request)'
# four tics or so: the panel is narrow
stats data using 7 nooutput
step = (STATS_max - STATS_min) / 3.0
if (!log_energy && step > 0) {
  unit = 10 ** floor(log10(step))
  set xtics unit * (step < 1.5 * unit ? 1 : step < 3.5 * unit ? 2 : step < 7.5 * unit ? 5 : 10)
}
if (log_energy) set logscale x
set key at screen 0.815, 0.95 left top Left reverse samplen 1.5
plot for [i=1:n] data index (i - 1) using 7:1:8:9:2:3 with xyerrorbars lc rgb color(slot[i]) pt point(slot[i]) ps 1 lw 1.4 \
  title name[i]
unset multiplot
