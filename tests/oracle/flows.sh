#!/bin/bash
# Flows over several links against reference completions; wrong completions and malformed files must be seen.
. tests/tap.sh
here=tests/data/flows
flows() { "$OFFSIM" validate flows "$@"; }
for c in hand case03 case04 case08; do
  check "shipped: $c" flows $here/$c-links.csv $here/$c-flows.csv
done
flows $here/hand-links.csv $here/hand-flows.csv --format json >"$work/hand" 2>&1
check "the parking lot by hand, to a nanosecond" python3 -c "
import json; x = json.load(open('$work/hand')); got = [f['completion_s'] for f in x['flows']]
assert max(abs(a - b) for a, b in zip(got, [1.501, .996, .006 + .992 / 1.5, 1.501 + .506 / 3])) < 1e-9, got
assert x['agrees'] and x['at_once'] == 4 and x['largest_deviation_s'] < 1e-9, x"
cut -d, -f1-4 $here/case03-flows.csv >"$work/bare.csv"
check "without completions they are told" bash -c "'$OFFSIM' validate flows $here/case03-links.csv '$work/bare.csv' |
  head -n 21 | cut -d, -f3 | tail -n +2 | paste - <(tail -n +2 $here/case03-flows.csv | cut -d, -f5) |
  awk '{d = \$1 - \$2; if (d > 2e-9 || d < -2e-9 || !\$1) exit 1; n++} END {exit n != 20}'"
# One completion 0.2 % of its flow time later; a link a hundredth slower; one link of a route left out.
awk -F, -v OFS=, 'NR == 10 {$5 = sprintf("%.12g", $5 + .002 * ($5 - $2))} {print}' $here/case08-flows.csv >"$work/late.csv"
check_exit "planted: one completion" 1 flows $here/case08-links.csv "$work/late.csv"
awk -F, -v OFS=, 'NR == 2 {$2 = $2 * .99} {print}' $here/hand-links.csv >"$work/slow.csv"
check_exit "planted: a slower link" 1 flows "$work/slow.csv" $here/hand-flows.csv
sed 's/L1;L2;L3/L1;L3/' $here/hand-flows.csv >"$work/short.csv"
check_exit "planted: a shorter route" 1 flows $here/hand-links.csv "$work/short.csv"

says() { # says NAME PATTERN LINKS FLOWS: exit 2, nothing on stdout, the words on stderr
  flows "$3" "$4" >"$work/said" 2>"$work/stderr"; local rc=$?
  [ $rc = 2 ] && [ ! -s "$work/said" ] && grep -qF -- "$2" "$work/stderr"; local seen=$?
  result $seen "$1"; [ $seen = 0 ] || { echo "#   exit $rc, wanted 2 and '$2'"; sed 's/^/#   /' "$work/said" "$work/stderr" | head -n 6; }
}
links=$here/hand-links.csv
bad() { printf '%s\n' flow,start_s,bytes,route "$@" >"$work/bad.csv"; }
lame() { printf '%s\n' link,bandwidth_bit_per_s,latency_s "$@" >"$work/lame.csv"; }
bad 'a,0,1000,L1;access'; says "an unknown link" "bad.csv:2:13: error: unknown link 'access'" $links "$work/bad.csv"
lame access,8e6,0 shared,8e6,0; bad 'a,0,1,acces'
says "the nearest link" "did you mean 'access'" "$work/lame.csv" "$work/bad.csv"
bad 'a,0,1000,L1;L2;L1'; says "a link twice" "bad.csv:2:16: error: the route crosses 'L1' twice" $links "$work/bad.csv"
bad 'a,0,1000,L1;;L2'; says "a link without name" "bad.csv:2:13: error: a route is names" $links "$work/bad.csv"
bad 'a,1,1000,L1' 'b,0,1000,L1'; says "unsorted" "bad.csv:3:3: error: time goes back by 1 s" $links "$work/bad.csv"
bad 'a,0,-1,L1'; says "negative bytes" "bad.csv:2:5: error: 'bytes' is negative" $links "$work/bad.csv"
bad 'a,0,1,L1' 'a,0,1,L2'; says "a flow twice" "bad.csv:3:1: error: 'a' stands in line 2 already" $links "$work/bad.csv"
bad 'a,0,x,L1'; says "no number" "bad.csv:2:5: error: 'bytes' is not a number" $links "$work/bad.csv"
bad 'a,0,1,'; says "no route" "bad.csv:2:7: error: no value: 'route'" $links "$work/bad.csv"
bad 'a,0,1'; says "a field less" "bad.csv:2:1: error: 3 fields" $links "$work/bad.csv"
bad 'a,0,1,L1'; lame 'L1,-1,0'; says "a negative rate" "lame.csv:2:4: error: 'bandwidth_bit_per_s' is negative" "$work/lame.csv" "$work/bad.csv"
lame 'L1,0,0'; says "no rate" "a link of 0 bit/s moves nothing" "$work/lame.csv" "$work/bad.csv"
lame 'L1,1,-1'; says "a negative latency" "'latency_s' is negative" "$work/lame.csv" "$work/bad.csv"
lame 'L1,1,0' 'L1,1,0'; says "a link defined twice" "lame.csv:3:1: error: 'L1' stands in line 2" "$work/lame.csv" "$work/bad.csv"
lame $(seq -f 'n%g,8,0' 9); bad "a,0,1,$(seq -s ';' -f 'n%g' 9)"
says "nine links" "a route has 8 links at most" "$work/lame.csv" "$work/bad.csv"
printf 'flow,start,bytes,route\na,0,1,L1\n' >"$work/bad.csv"
says "a column misspelt" "bad.csv:1:6: error: unknown column 'start'" $links "$work/bad.csv"
printf 'flow,start_s,bytes,route,completion\na,0,1,L1,1\n' >"$work/bad.csv"
says "a column nearly there" "unknown column 'completion'; did you mean 'completion_s'?" $links "$work/bad.csv"
printf 'flow,start_s,route\na,0,L1\n' >"$work/bad.csv"
says "a column missing" "no column 'bytes'" $links "$work/bad.csv"
says "one file only" "needs LINKS.csv and FLOWS.csv" $links --format=table
check_exit "a file that is not there" 3 flows $links "$work/none.csv"
check_exit "an unknown option" 2 flows $links "$work/bare.csv" --fromat json

data=${OFFSIM_DATA:-}/reference/flows
if [ -r "$data/case01-links.csv" ]; then
  for l in "$data"/*-links.csv; do check "${l##*/}" flows "$l" "${l%-links.csv}-flows.csv"; done
else
  skip "the ten reference cases" "needs files of \$OFFSIM_DATA"
fi
finish
