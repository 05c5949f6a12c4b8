#!/bin/bash
# Two worlds in one results folder stay apart: in the catalogue, in what is printed, and in what is compared.
. tests/tap.sh
scenario=$work/first.yaml
"$OFFSIM" new "$scenario" >/dev/null
sed -i 's/duration: 10 min/duration: 20 s/; s/replications: 5/replications: 2/' "$scenario"
run() { "$OFFSIM" run "$scenario" --quiet --policy always_local,always_edge -o "$work/d" "$@"; }
query() { /usr/bin/python3 - "$work/d" "$1" <<'PY'
import sqlite3, sys
print(*[v for r in sqlite3.connect(sys.argv[1] + "/catalog.sqlite").execute(sys.argv[2]) for v in r])
PY
}
value() { "$OFFSIM" compare "$work/d" --format json "$@" 2>/dev/null | /usr/bin/python3 -c "import json, sys
print([p['metrics']['latency_mean_s']['value'] for p in json.load(sys.stdin)['policies'] if p['policy'] == 'always_edge'][0])"; }

check "the first world" run
first=$(value)
check "a second one into the same folder" run --set links.access.rate_scale=0.25
check "two points with their factors" same "$(query 'SELECT point, factors FROM point')" '0 {} 1 {"links.access.rate_scale":0.25}'
check "four runs each" same "$(query 'SELECT point, count(*) FROM v_runs GROUP BY point')" "0 4 1 4"
check "the factor is a column" same "$(query 'SELECT DISTINCT "links.access.rate_scale" FROM v_runs WHERE point = 1')" 0.25
check "as a number" same "$(query 'SELECT DISTINCT typeof("links.access.rate_scale"), typeof(latency_p95_s) FROM v_runs WHERE point = 1')" "real real"
check "each whole-run metric is a column, with its value" same "$(query "SELECT sum(v.latency_p95_s = m.value), count(*) FROM v_runs v
  JOIN metric m ON m.run = v.run AND m.name = 'latency_p95_s' AND m.class = '' AND m.place = ''")" "8 8"
check "all of them" same "$(query "SELECT count(*) FROM (SELECT DISTINCT name FROM metric WHERE class = '' AND place = ''
  EXCEPT SELECT name FROM pragma_table_info('v_runs'))")" 0
query 'EXPLAIN QUERY PLAN SELECT * FROM v_runs' >"$work/plan"
check "v_runs looks metrics up by their key" grep -q 'SEARCH m USING PRIMARY KEY (run=? AND name=?' "$work/plan"
check "and never reads them all" bash -c "! grep -qE 'SCAN (m|metric)|GROUP BY' '$work/plan'"
check "the last call is shown" differ "$(value)" "$first"
check "and says that there is another" bash -c "'$OFFSIM' compare '$work/d' 2>&1 >/dev/null | grep -qF \
  '2 points in $work/d; showing point 1 (links.access.rate_scale=0.25); --point N'"
check "--point reaches the first" same "$(value --point 0)" "$first"
check_exit "no such point" 2 "$OFFSIM" compare "$work/d" --point 7
check "export has both" same "$("$OFFSIM" export "$work/d" | cut -d, -f6 | sort -u | tr '\n' ' ')" "0 1 point "
check "the first world again, another seed" run --seed 5
check "makes no third point" same "$(query 'SELECT count(*) FROM point')" 2
check "is the current one again" differ "$(value)" "$first"
sed -i 's/rate: 4/rate: 5/' "$scenario"
check "an edited file" run
check "is a point of its own" same "$(query "SELECT count(*) FROM point WHERE factors LIKE '{\"scenario\":%'")" 1
check "report of a point" "$OFFSIM" report "$work/d" --point 1
check "its command is the one that made it" grep -qF "offsim run $scenario --set links.access.rate_scale=0.25 --policy always_local,always_edge -o $work/d" "$work/d/report.html"
check "the page says which point it shows" grep -q 'showing point 1 (links.access.rate_scale=0.25)' "$work/d/report.html"
check "files are a table" grep -q '<td class="l">presets/hardware/l4.yaml</td>' "$work/d/report.html"
check "inspect of a point" "$OFFSIM" inspect "$work/d" --point 1
check "figure of a point" "$OFFSIM" plot "$work/d" --kind latency --point 1

other() { "$OFFSIM" run "$scenario" --quiet --policy always_local,always_edge,ucb1 -o "$work/$1" "${@:2}"; }
# Numbers with units are numbers in the unit that the folder saw first, whatever unit comes later.
units() { other u --set horizon.duration='20 s' --policy always_edge "$@"; }
column() { /usr/bin/python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1]).execute(f"SELECT \"{sys.argv[2]}\", typeof(\"{sys.argv[2]}\") FROM v_runs GROUP BY point")
print(*[v for r in c for v in r])' "$work/u/catalog.sqlite" "$1"; }
check "a rate in Mbit/s" units --set links.access.rate=20Mbit/s --set 'links.access.latency=5 ms'
check "and one in Gbit/s" units --set 'links.access.rate=0.1 Gbit/s' --set 'links.access.latency=0.01 s'
check "and a distribution" units --set 'links.access.latency={uniform: {low: 1 ms, high: 9 ms}}'
check "are numbers in Mbit/s" same "$(column links.access.rate)" "20.0 real 100.0 real None null"
check "in milliseconds; what is no number is text" same "$(column links.access.latency)" \
  "5.0 real 10.0 real {uniform: {low: 1 ms, high: 9 ms}} text"
check "the unit is told" grep -qF 'links.access.latency=10 ms' <("$OFFSIM" compare "$work/u" --point 1 2>&1)

# Other policies settle `warmup: auto` otherwise: those runs measure another window.
steady() { other s --set 'horizon={kind: steady, warmup: auto, duration: 2 min}' --set 'classes.photo.arrivals={poisson: {rate: 12 /s}}' "$@"; }
check "warm-up of one policy" steady --policy always_local
check "warm-up of three" steady
check "is a factor" grep -q '"horizon.warmup":[0-9]' <("$OFFSIM" export "$work/s" --jsonl)

# ---- `warmup: auto` in a study: each point has the warm-up that `run` finds there, and its runs are the same ones ----------
cat >"$work/w.yaml" <<END
study: w
scenario: first.yaml
set: {horizon: {kind: steady, warmup: auto, duration: 2 min}}
replications: 2
factors:
  load: {path: classes.photo.arrivals.poisson.rate, values: [3 /s, 12 /s]}
  policy: [always_local, always_edge]
END
new_runs() { "$OFFSIM" sweep "$work/w.yaml" -o "$work/w" --quiet --format json "$@" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["new"])'; }
ids() { /usr/bin/python3 -c 'import sqlite3, sys
print(*[r[0] for r in sqlite3.connect(sys.argv[1] + "/catalog.sqlite").execute("SELECT DISTINCT run FROM v_runs WHERE policy != ? " + sys.argv[2] + " ORDER BY 1", ("ucb1",))])' "$1" "$2"; }
check "the pilots are told" grep -q '^warm-up   auto: 4 pilots come first' <("$OFFSIM" sweep "$work/w.yaml" -o "$work/w" --plan)
check "a study with warm-ups of its own" same "$(new_runs)" 8
check "again: nothing" same "$(new_runs)" 0
check "no pilots any more" bash -c "! '$OFFSIM' sweep '$work/w.yaml' -o '$work/w' --plan | grep -q pilots"
check "more replications: these alone" same "$(new_runs --replications 3)" 4
"$OFFSIM" run "$scenario" --quiet --policy always_local,always_edge --replications 3 --set 'horizon={kind: steady, warmup: auto, duration: 2 min}' \
  --set 'classes.photo.arrivals.poisson.rate=12 /s' -o "$work/w1" >"$work/told"
check "what run does is the study's point" same "$(ids "$work/w1" "")" "$(ids "$work/w" "AND load = 12")"
check "verify does them again" "$OFFSIM" verify --all "$work/w"
check "each point tells its warm-up" same "$("$OFFSIM" compare "$work/w" --point 1 2>/dev/null | grep -o 'warm-up of [0-9.]*')" \
  "$(grep -o 'warm-up of [0-9.]*' "$work/told")"
check_exit "not on a cluster" 2 "$OFFSIM" sweep "$work/w.yaml" -o "$work/w" --launcher slurm --dry-run

# ---- two folders -----------------------------------------------------------------------------------------------------
absent() { local pattern=$1; shift; "$@" >"$work/said" 2>&1 && ! grep -q "$pattern" "$work/said"; }
both() { "$OFFSIM" compare "$work/a" "$work/$1" 2>&1; }
check "one folder" other a
check "another: a slower link, the same requests" other b --set links.access.rate_scale=0.2
check "a third: another seed" other c --seed 9
check "equal seeds are paired without a warning" absent 'not paired' both b
check "planted: another seed is warned of" grep -q 'not paired by random numbers' <(both c)
check "one best_fixed a folder" grep -q '^best_fixed@b: .* of .*/b$' <(both b)
check "best_fixed says what it is" grep -qF 'best_fixed: always_' <("$OFFSIM" compare "$work/a")
check "missing references say what to do" grep -qF 'INCOMPLETE: missing tuned threshold, model-greedy, clairvoyant greedy (add what `offsim tune FILE --policy threshold --budget 16` finds and `cost_aware` and `clairvoyant`)' \
  <("$OFFSIM" compare "$work/a")

# ---- what cannot be drawn ----------------------------------------------------------------------------------------------
said() { local want=$1; shift; "$OFFSIM" "$@" >"$work/said" 2>&1; local rc=$?; [ $rc = 2 ] && grep -qF -- "$want" "$work/said" || { echo "exit $rc"; cat "$work/said"; return 1; }; }
check "queues without samples" said 'needs output: {timeseries: 1 s}' plot "$work/a" --kind queues
check "breakeven of a folder" said 'takes a scenario file' plot "$work/a" --kind breakeven
check "latency of a scenario" said 'takes a results folder' plot "$scenario" --kind latency
# Few tics, and every interval within the frame; planted: a frame that cuts one.
frame() { /usr/bin/python3 - "$work/a/figures/pareto" "$1" <<'PY'
import re, sys
head = dict(re.findall(r"^(\w+_(?:lo|hi|step|log)) = (\S+)$", open(sys.argv[1] + ".gp").read(), re.M))
head = {k: float(v) for k, v in head.items()}
head["y_lo"] += float(sys.argv[2])
rows = [[float(x) for x in line.split()] for line in open(sys.argv[1] + ".dat") if line.strip()]
for k, axis in enumerate(["y", "money", "energy"]):
    lo, hi = head[axis + "_lo"], head[axis + "_hi"]
    assert rows and all(lo < r[3 * k + 1] and r[3 * k + 2] < hi for r in rows), axis
    assert 2 <= (hi - lo) / head[axis + "_step"] <= 5 or head[axis + "_log"], (axis, head)
PY
}
check "pareto" "$OFFSIM" plot "$work/a" --kind pareto
check "intervals inside, few tics" frame 0
check_exit "planted: an interval is cut" 1 frame 1000
check "a run without traces" other n --set 'output={trace: none}'
check "regret without traces" said 'needs traces' plot "$work/n" --kind regret
check "a run without requests" other z --set 'classes.photo.arrivals={poisson: {rate: 1e-9 /s}}'
check "no requests: no figure" said 'no requests' plot "$work/z" --kind latency
check "and no folder for it" test ! -e "$work/z/figures"
check "no requests: nobody on the front" absent 'on the front' "$OFFSIM" compare "$work/z" --pareto
quiet_pipe() { "$OFFSIM" export "$work/a" 2>"$work/err" | head -1; same "${PIPESTATUS[0]} $(cat "$work/err")" "0 "; }
check "a reader that leaves early" quiet_pipe
check_exit "planted: a full disk is no success" 3 bash -c "'$OFFSIM' describe >/dev/full"
/usr/bin/python3 -c 'for i in range(40): print(i, sep="")' | sed '1i time' >"$work/t.csv"
check "a trace, replayed whole" other t --set "classes.photo.arrivals={trace: {file: $work/t.csv, time: {column: time, as: s}}}"
check "is warned of" grep -q 'intervals are conditional on this one trace' <("$OFFSIM" compare "$work/t")

sed -i 's/^name: .*/name: another/' "$scenario"
check_exit "a scenario of another name" 2 run
check "left no run behind" same "$(query 'SELECT DISTINCT study FROM run')" first
finish
