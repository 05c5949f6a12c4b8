# theme.gp: one look for all figures. Colours: Okabe and Ito 2008 without the yellow, told apart by colour-blind
# readers; with five dashes and eight points no two of the first 40 policies look alike. Fills: Tol 2021, "light".
array policy_color[8] = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9', '#7F7F7F']
array policy_point[8] = [7, 5, 9, 11, 13, 6, 4, 8]
array policy_dash[5] = ['solid', '-', '.', '-.', '_']
array fill_color[9] = ['#77AADD', '#EE8866', '#44BB99', '#EEDD88', '#FFAABB', '#AAAA00', '#99DDFF', '#BBCC33', '#DDDDDD']
array place_color[8] = ['#332288', '#CC6677', '#117733', '#88CCEE', '#AA4499', '#999933', '#44AA99', '#661100']
color(i) = policy_color[(i % 8) + 1]
point(i) = policy_point[((i + int(i / 8)) % 8) + 1]
dash(i) = (i % 5) + 1
fill(i) = fill_color[((i - 1) % 9) + 1]
ink(i) = place_color[((i - 1) % 8) + 1]
width_px = exists('width_px') ? width_px : 860
height_px = exists('height_px') ? height_px : 480
if (format eq 'svg') set terminal svg size width_px, height_px dynamic noenhanced font 'DejaVu Sans,13' background '#ffffff'
if (format eq 'png') set terminal pngcairo size width_px, height_px noenhanced font 'DejaVu Sans,10.5'
if (format eq 'pdf') set terminal pdfcairo size width_px / 110.0, height_px / 110.0 noenhanced font 'DejaVu Sans,10'
set output image
set border 3 lc rgb '#444444'
set tics nomirror out
set grid lc rgb '#dddddd' lt 1 lw 0.8
set key noautotitle samplen 2.6
set style data lines
set samples 2
# A row of the key whose curve is that of the row above it.
twin(i) = substr(name[i], 1, 2) eq '= '
# Which policies a figure leaves out, and why.
if (exists('left_out')) set label 99 left_out at screen 0.012, screen 0.018 left tc rgb '#444444' font ',9'
# Labels of a logarithmic axis: 1, 2, 5 of each decade where it spans less than two.
log_labels(axis, lo, hi) = hi / lo < 100 ? "do for [e=-12:15] { do for [m in '1 2 5'] { " . \
  "set " . axis . "tics add (gprintf('%h', (m + 0) * 10.0 ** e) (m + 0) * 10.0 ** e) } }" : ''
# A round distance for about four ticks up to x.
tick(x) = x <= 0 ? 1 : round_up(x / 4.0, 10.0 ** floor(log10(x / 4.0)))
round_up(x, p) = x <= p ? p : (x <= 2 * p ? 2 * p : (x <= 5 * p ? 5 * p : 10 * p))
