# One kernel. Blocks 2 i: "axis cost low high residual stable" of the shapes of curve i, blocks 2 i + 1: its fit, "axis cost low high".
# Above: measured (with the interval of the median) and fitted (with the band); below: the error of shapes left out
# (a red ring: unstable).
array shade[8] = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9', '#7F7F7F']
set multiplot
set logscale x
set xrange [x_lo:x_hi]
set style fill transparent solid 0.14 noborder
set lmargin at screen 0.13
set rmargin at screen n > 1 ? 0.80 : 0.965
set tmargin at screen 0.90
set bmargin at screen 0.41
set title title_text offset 0, -0.3
set format x ''
room = y_hi / y_lo < 3 ? 0.25 * (y_hi - y_lo) : 0
if (y_hi / y_lo >= 3) set logscale y
set yrange [y_lo:y_hi + room]
if (y_hi / y_lo >= 3) eval log_labels('y', y_lo, y_hi)
set format y '%h'
set ylabel y_label offset -1, 0
if (n > 1) set key at screen 0.815, 0.88 left top Left reverse samplen 1.6; else if (rises) set key top left Left reverse; else set key top right
plot for [i=1:n] data index 2*i-1 using 1:3:4 with filledcurves lc rgb shade[(i-1)%8+1] notitle, \
  for [i=1:n] data index 2*i-1 using 1:2 with lines lc rgb shade[(i-1)%8+1] lw 1.6 title (n > 1 ? name[i] : 'fitted, with its 90 % band'), \
  for [i=1:n] data index 2*i-2 using 1:2:3:4 with yerrorbars lc rgb shade[(i-1)%8+1] pt point(i-1) ps 0.7 lw 1.1 title (n > 1 ? '' : 'measured')
unset title
unset key
set tmargin at screen 0.37
set bmargin at screen 0.13
unset logscale y
set ytics autofreq
set format y '%h'
set yrange [-r_most:r_most]
set ytics tick(2 * r_most)
set xlabel x_label
x_format = x_bytes ? '%.0s %cB' : '%h'
set format x x_format
if (x_hi / x_lo < 100) do for [e=-12:15] { do for [m in '1 2 5'] { x_tick = (m + 0) * 10.0 ** e; set xtics add (gprintf(x_format, x_tick) x_tick) } }
if (x_hi / x_lo < 2) x_tick = sqrt(x_lo * x_hi); set xtics (gprintf(x_bytes ? '%.1s %cB' : '%h', x_tick) x_tick)
set ylabel 'error (%)' offset -1, 0
if (band_lo > -r_most) set arrow 1 from graph 0, first band_lo to graph 1, first band_lo nohead dt 2 lc rgb '#444444'
if (band_hi < r_most) set arrow 2 from graph 0, first band_hi to graph 1, first band_hi nohead dt 2 lc rgb '#444444'
set arrow 3 from graph 0, first 0 to graph 1, first 0 nohead lc rgb '#444444' lw 0.6
plot for [i=1:n] data index 2*i-2 using 1:5 with points lc rgb shade[(i-1)%8+1] pt point(i-1) ps 0.7, \
  for [i=1:n] data index 2*i-2 using 1:($6 == 0 ? $5 : NaN) with points pt 6 ps 1.8 lc rgb '#CC0000'
unset multiplot
