#!/bin/bash
# What asking a large study again costs, through the command line, over real runs with all their metrics: tiny runs, so
# that there can be many. `study_speed.sh long`: 10^4 and 10^5 runs (minutes); else a tenth of each, with the same limits.
. tests/tap.sh
small=25; large=250; [ "${1:-}" = long ] && { small=250; large=2500; }   # replications of 40 (point, policy)
study=bench/study-tiny.yaml
spent() { # spent NAME COMMAND...: wall seconds of the command into the file NAME
  local name=$1; shift
  /usr/bin/python3 - "$work/$name" "$@" <<'PY'
import subprocess, sys, time
start = time.monotonic()
rc = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1] + ".out", "w"), stderr=subprocess.STDOUT).returncode
open(sys.argv[1], "w").write("%.3f" % (time.monotonic() - start)); sys.exit(rc)
PY
}
within() { # within NAME SECONDS
  /usr/bin/python3 -c "import sys; t = float(open(sys.argv[1]).read()); print(t, 's'); sys.exit(t > float(sys.argv[2]))" "$work/$1" "$2"; }
in_proportion() { # in_proportion SMALL LARGE: ten times the runs, at most 15 times the time, and what a start takes
  /usr/bin/python3 -c "import sys; a, b = (float(open(f).read()) for f in sys.argv[1:]); print(a, b, 's'); sys.exit(b > 15 * a + 0.5)" \
    "$work/$1" "$work/$2"; }

for n in $small $large; do
  check "$((40 * n)) runs" "$OFFSIM" sweep $study --replications $n -o "$work/d$n" --quiet
done
check "$((40 * small)) runs again" spent again "$OFFSIM" sweep $study --replications $small -o "$work/d$small" --quiet
check "simulated nothing" grep -q "0 of them now" "$work/again.out"
check "within 1 s" within again 1
check "status of $((40 * large)) runs" spent status "$OFFSIM" status "$work/d$large"
check "within 0.3 s" within status 0.3
for n in $small $large; do
  check "compare of $((40 * n)) runs" spent compare$n "$OFFSIM" compare "$work/d$n"
  check "compare of one point of them" spent point$n "$OFFSIM" compare "$work/d$n" --point 3
done
check "compare grows in proportion" in_proportion compare$small compare$large
check "of a point too" in_proportion point$small point$large
list() { local s; s=$(seq -s, "$@"); echo "${s%,}"; }
cat >"$work/plan.yaml" <<END
study: plan
scenario: $PWD/scenarios/minimal.yaml
set: {horizon.duration: 1 s}
replications: 1
factors:
  bw:     {path: links.access.rate_scale, values: [$(list 0.5 0.5 50)]}
  n:      {path: places.edge.servers, values: [$(list 1 100)]}
  lat:    {path: links.access.latency, values: [1 ms, 2 ms, 3 ms, 4 ms, 5 ms, 6 ms, 7 ms, 8 ms, 9 ms, 10 ms]}
  policy: [always_local]
END
check "plan of 10^5 points" spent plan "$OFFSIM" sweep "$work/plan.yaml" --plan -o "$work/planned"
check "all of them" grep -q "100000 points" "$work/plan.out"
check "within 2 s" within plan 2
finish
