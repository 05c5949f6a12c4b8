# Blocks: "y lo hi money lo hi energy lo hi", one a policy. The panels share their y axis.
set multiplot
set ylabel y_label
set yrange [y_lo:y_hi]
if (y_log) set logscale y
set format y '%h'
set key off
set style data points
if (exists('left_out')) set bmargin at screen 0.17
set lmargin at screen 0.14
# Names in the key take what room they need of the panels, up to half of it.
longest = 0
do for [i=1:n] { longest = strlen(name[i]) > longest ? strlen(name[i]) : longest }
edge = 1 - (70 + 8.6 * longest) / width_px
edge = edge > 0.79 ? 0.79 : (edge < 0.5 ? 0.5 : edge)
panel = (edge - 0.19) / 2
set rmargin at screen 0.14 + panel
set xlabel 'money, total ledger (USD/1k requests)'
set xrange [money_lo:money_hi]
if (money_log) set logscale x; else set xtics money_step
set format x '%h'
plot for [i=1:n] data index block[i] using 4:1:5:6:2:3 with xyerrorbars lc rgb color(slot[i]) pt point(slot[i]) ps 1 lw 1.4
set lmargin at screen edge - panel
set rmargin at screen edge
unset ylabel
set format y ''
unset logscale x
set xlabel 'energy, total ledger (J per request)'
set xrange [energy_lo:energy_hi]
set xtics autofreq
if (energy_log) set logscale x; else set xtics energy_step
set key at screen edge + 0.015, 0.95 left top Left reverse samplen 1.5
plot for [i=1:n] data index block[i] using 7:1:8:9:2:3 with xyerrorbars lc rgb color(slot[i]) pt point(slot[i]) ps 1 lw 1.4 \
  title name[i]
unset multiplot
