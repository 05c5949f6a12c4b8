#!/bin/bash
# Studies that are crowded, interrupted, starved of disk or damaged come out as if nothing had happened; a study that grows
# runs what is new and nothing else. (Killed ones: kills.sh.)
. tests/tap.sh
"$OFFSIM" new "$work/s.yaml" >/dev/null; sed -i 's/^name: .*/name: tiny/; s/duration: 10 min/duration: 5 s/' "$work/s.yaml"
study() { # study NAME REPLICATIONS LEVELS POLICIES [MORE]
  printf 'study: %s\nscenario: %s\nreplications: %s\nfactors:\n  bw: {path: links.access.rate_scale, values: [%s]}\n  policy: [%s]\n%s' \
    "$1" "$work/s.yaml" "$2" "$3" "$4" "${5:-}" >"$work/$1.yaml"; }
sweep() { local name=$1; shift; "$OFFSIM" sweep "$work/$name.yaml" --quiet --format json "$@"; }
field() { /usr/bin/python3 -c "import json, sys; d = json.load(sys.stdin); print(*[d[k] for k in sys.argv[1:]])" "$@"; }
counts() { sweep "$@" 2>"$work/err" | field new done failed; }
sql() { /usr/bin/python3 - "$1" "$2" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/catalog.sqlite")
print(*[v for r in db.execute(sys.argv[2]) for v in r]); db.commit()
PY
}
# All that is in a folder, without times and hosts, and the bytes of its traces.
dump() { /usr/bin/python3 -B tests/same_study.py "$1"; }

named() { local want=$1 path=$2 rc; shift 2; "$@" >"$work/said" 2>&1; rc=$?; [ $rc = "$want" ] && grep -qF "$path" "$work/said" || { echo "exit $rc"; cat "$work/said"; return 1; }; }

# ---- crowded, interrupted ---------------------------------------------------------------------------------------------
study k 100 '0.25, 0.5, 1, 2, 4' 'always_local, always_edge'
study t 30 '0.25, 1' 'always_local, always_edge' "trace: full
"
check "1000 runs, uninterrupted" sweep k -o "$work/whole" -j 2
check "120 runs with traces, uninterrupted" sweep t -o "$work/whole_t" -j 2
whole=$(dump "$work/whole"); whole_t=$(dump "$work/whole_t")
check "every run once" same "${whole#* } ${whole_t#* }" '(1000, 1000) (120, 120)'
check "planted: the dump sees one metric" bash -c "cp -r '$work/whole' '$work/planted'"
sql "$work/planted" "UPDATE metric SET value = value * 1.0000001 WHERE name = 'latency_mean_s' AND run = (SELECT min(id) FROM run) AND class = ''"
check "and differs" differ "$(dump "$work/planted")" "$whole"
rm -r "$work/planted"

# Runs of built-in policies share a process, one after the other: the third of one dies, before its result is written.
cc -std=c11 -fPIC -shared -o "$work/crash.so" tests/fault/crash_once.c -ldl
crash() { local name=$1 to=$2; shift 2; rm -f "$work/mark"; CRASH_MARK="$work/mark" LD_PRELOAD="$work/crash.so" sweep "$name" -o "$to" -j 1 "$@" >/dev/null 2>"$work/err"; }
for name in k t; do
  want=$whole; total=1000; [ $name = k ] || { want=$whole_t; total=120; }
  check_exit "$name: the third run of a process crashes" 1 crash $name "$work/crash_$name"
  check "$name: it was hit, by a crash" grep -q "failed: crashed: Segmentation fault" "$work/err"
  check "$name: that run alone is lost" same "$(sql "$work/crash_$name" "SELECT state, count(*), count(DISTINCT id) FROM run GROUP BY state ORDER BY state")" \
    "done $((total - 1)) $((total - 1)) quarantined 1 1"
  check "$name: tried again" sweep $name -o "$work/crash_$name" --retry 1
  check "$name: the try is noted" same "$(sql "$work/crash_$name" "SELECT value FROM provenance WHERE key = 'attempts'")" 1
  sql "$work/crash_$name" "DELETE FROM provenance WHERE key = 'attempts'" >/dev/null
  check "$name: else as uninterrupted" same "$(dump "$work/crash_$name")" "$want"
  check "$name: with --retry no run is lost" crash $name "$work/again_$name" --retry 1
  check "$name: it was hit" grep -q "is tried again" "$work/err"
  check "$name: as uninterrupted" same "$(dump "$work/again_$name")" "$want"
done

begin() { exec "$OFFSIM" sweep "$work/$1.yaml" --quiet --format json -o "$2" -j "$3"; }
both() { begin t "$work/both" 1 >/dev/null 2>&1 & local a=$!; begin t "$work/both" 1 >/dev/null 2>&1 & local b=$!
  wait $a; local ra=$?; wait $b; local rb=$?; same "$((ra + rb)) $((ra * rb))" "3 0"; }
check "two at once: one works, one is told that the folder is locked" both
check "as uninterrupted" same "$(dump "$work/both")" "$whole_t"
# The signal comes when some runs are done, however fast the machine is.
stopped() { local dir=$work/stopped_$1; begin k "$dir" 1 >/dev/null 2>&1 & local pid=$!
  for _ in $(seq 500); do
    status=$("$OFFSIM" status "$dir" --format json 2>/dev/null) && [ "$(field done <<<"$status")" -ge 20 ] && break
    sleep 0.01
  done
  kill -"$1" $pid; wait $pid; }
for signal in INT TERM; do
  check_exit "SIG$signal" 75 stopped $signal
  check "status while it ran" same "$(field runs writing failed <<<"$status")" "1000 True 0"
  check "some were done, and left" test "$(field left <<<"$status")" -gt 0 -a "$(field left <<<"$status")" -lt 1000
  check "goes on" sweep k -o "$work/stopped_$signal"
  check "as uninterrupted" same "$(dump "$work/stopped_$signal")" "$whole"
done

# ---- what is new --------------------------------------------------------------------------------------------------------
{ echo time,size; for i in $(seq 10 30); do echo "0.$i,3"; done; } >"$work/trace.csv"
grow() { study g "$@"; counts g -o "$work/g"; }
two='always_local, always_edge'
check "10 replications" same "$(grow 10 '0.5, 1' "$two")" "40 40 0"
check "again: nothing" same "$(grow 10 '0.5, 1' "$two")" "0 40 0"
check "15 replications: 5 more of each" same "$(grow 15 '0.5, 1' "$two")" "20 60 0"
check "a level appended" same "$(grow 15 '0.5, 1, 2' "$two")" "30 90 0"
check "a level put in front" same "$(grow 15 '0.25, 0.5, 1, 2' "$two")" "30 120 0"
check "a policy added" same "$(grow 15 '0.25, 0.5, 1, 2' "$two, random")" "60 180 0"
check "a factor added at its default" same "$(grow 15 '0.25, 0.5, 1, 2' "$two, random" '  n: {path: places.edge.servers, values: [1]}')" "0 180 0"
check "and one more level of it" same "$(grow 15 '0.25, 0.5, 1, 2' "$two, random" '  n: {path: places.edge.servers, values: [1, 2]}')" "180 360 0"
check "levels taken away: nothing is run, nothing lost" same "$(grow 15 '1' "$two")" "0 30 0"
check "the wide view shows the study as it is" same "$(sql "$work/g" "SELECT count(*), count(DISTINCT bw) FROM v_runs")" "30 1"
check "and back" same "$(grow 15 '0.25, 0.5, 1, 2' "$two, random" '  n: {path: places.edge.servers, values: [1, 2]}')" "0 360 0"
check "points of the plan, in its order" same "$(sql "$work/g" "SELECT point, factors FROM point ORDER BY point LIMIT 2")" '0 {"bw":0.25,"n":1} 1 {"bw":0.25,"n":2}'
cp "$work/s.yaml" "$work/before.yaml"
"$OFFSIM" new "$work/t.yaml" >/dev/null
traced=(5 '0.5, 1' "$two" "set: {horizon.duration: 5 s, classes.photo.arrivals: {trace: {file: $work/trace.csv, time: {column: time, as: s}}}}")
check "a trace" same "$(grow "${traced[@]}" && cp -r "$work/g" "$work/traced")" "20 20 0"
check "the same trace" same "$(grow "${traced[@]}")" "0 20 0"
echo 0.9,3 >>"$work/trace.csv"
check "the trace was edited" same "$(grow "${traced[@]}")" "20 20 0"

# ---- files that are edited while a study runs: no result of the new text under the identity of the old one -----------------
study e 100 '0.25, 0.5, 1, 2' 'always_local, always_edge' 'set: {horizon.duration: 20 s}
'
edited_while() { # edited_while FOLDER COMMAND: what `sweep` ends with
  "$OFFSIM" sweep "$work/e.yaml" -o "$work/$1" --quiet >"$work/said" 2>&1 & local sweeping=$!
  for _ in $(seq 200); do [ -s "$work/$1/journal/0" ] && break; sleep 0.01; done
  eval "$2"; wait "$sweeping"; }
faster() { sed -i 's/rate: 4/rate: 40/' "$work/s.yaml"; }
true_results() { "$OFFSIM" sweep "$work/e.yaml" -o "$work/true" --quiet && "$OFFSIM" sweep "$work/e.yaml" -o "$work/$1" --quiet \
  && same "$(dump "$work/$1")" "$(dump "$work/true")"; }
check_exit "the scenario is edited: the study stops" 3 edited_while edited faster
check "names the file" grep -qF "$work/s.yaml was edited while the study ran" "$work/said"
check "does not lay it on the runs" same "$(sql "$work/edited" "SELECT count(*) FROM run WHERE state != 'done'")" 0
cp "$work/before.yaml" "$work/s.yaml"
check "what was recorded before is true" true_results edited
check_exit "the scenario is half saved: the study stops" 3 edited_while half "echo 'places: [' >'$work/s.yaml'"
cp "$work/before.yaml" "$work/s.yaml"
check "and goes on when it is whole again" true_results half
printf 'time,images\n%s' "$(seq 1 300 | awk '{print $1 / 20 ",3"}')" >"$work/trace.csv"
study e 100 '0.25, 0.5, 1, 2' 'always_local, always_edge' "set: {horizon.duration: 20 s, classes.photo.arrivals: {trace: {file: $work/trace.csv, time: {column: time, as: s}}}}
"
rm -rf "$work/true"; cp "$work/trace.csv" "$work/trace.before"
check_exit "a trace is edited: the study stops" 3 edited_while edited_trace "sed -i 2,200d '$work/trace.csv'"
check "names the trace" grep -qF "$work/trace.csv was edited while" "$work/said"
cp "$work/trace.before" "$work/trace.csv"
check "what was recorded before is true, too" true_results edited_trace

# ---- until an interval is narrow enough --------------------------------------------------------------------------------
# Each point has a round's number of replications of both policies, at which the paired t interval of the difference from the
# better one is narrow enough, or the most; and was not in the rounds before. Quantiles of Student's t from a table.
rounds() { /usr/bin/python3 - "$1" "$2" <<'PY'
import sqlite3, statistics, sys
t975 = {30: 2.0452, 45: 2.0154, 67: 1.9966, 100: 1.9842}
x, allowed = {}, float(sys.argv[2])
for point, policy, r, value in sqlite3.connect(sys.argv[1] + "/catalog.sqlite").execute(
    "SELECT point, policy, replication, latency_mean_s FROM v_runs WHERE state = 'done'"):
    x.setdefault(point, {}).setdefault(policy, {})[r] = value
def narrow(a, b, n):
    d = [a[r] - b[r] for r in range(n)]
    best = min(statistics.mean(p[r] for r in range(n)) for p in (a, b))
    return t975[n] * statistics.stdev(d) / n**0.5 <= allowed * best
out = []
for point in sorted(x):
    a, b = x[point].values()
    assert sorted(a) == sorted(b) == list(range(len(a))), "not the same replications"
    stop = next((n for n in t975 if narrow(a, b, n)), 100)
    out.append(f"{len(a)}" + ("" if stop == len(a) else f" but should be {stop}"))
print(*out, sep=", ")
PY
}
study u '{until: {metric: latency_mean_s, half_width: 6 %}, max: 100}' '0.25, 1' "$two"
check "until: both points by their own rounds" sweep u -o "$work/u"
stopped_at=$(rounds "$work/u" 0.06)
check "one at the most, one before ($stopped_at)" bash -c '[[ "$1" =~ ^100,\ (30|45|67)$ ]]' - "$stopped_at"
check "planted: another half-width is seen" bash -c '[[ "$1" == *should* ]]' - "$(rounds "$work/u" 5)"
done_u=$(dump "$work/u")
check "until, again: nothing" same "$(counts u -o "$work/u" | cut -d' ' -f1,3)" "0 0"
again_u() { begin u "$work/u2" 1 >/dev/null 2>&1 & local pid=$!; sleep 0.3; kill -9 $pid; wait $pid 2>/dev/null; sweep u -o "$work/u2"; }
check "until, killed and resumed" again_u
check "as uninterrupted" same "$(dump "$work/u2")" "$done_u"

# ---- runs that fail -------------------------------------------------------------------------------------------------------
cc -std=c11 -I. -fPIC -shared -o "$work/bad.so" tests/fault/bad_policy.c -lm
study f 6 '0.5, 1' 'always_local, bad' "set: {horizon.duration: 60 s, classes.photo.arrivals: {poisson: {rate: 1 /s}}}
"
cp "$work/s.yaml" "$work/f0.yaml"; /usr/bin/python3 - "$work/s.yaml" "$work/bad.so" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(re.sub(r"^policies:\n", f"policies:\n  - {{policy: {sys.argv[2]}, name: bad, habit: abort}}\n", text, flags=re.M))
PY
check_exit "some runs crash" 1 sweep f -o "$work/f"
lost=$(sql "$work/f" "SELECT count(*) FROM run WHERE state = 'quarantined'")
check "they are quarantined, the others are there" test "$lost" -gt 0 -a "$(sql "$work/f" "SELECT count(*) FROM run WHERE state = 'done'")" = $((24 - lost))
check "not tried again by themselves" same "$(counts f -o "$work/f")" "0 $((24 - lost)) $lost"
check "tried again with --retry" same "$(counts f -o "$work/f" --retry 2; grep -c 'tried again' "$work/err")" "0 $((24 - lost)) $lost
$lost"
fast() { sweep f -o "$work/fast" -j 1 --fail-fast 1; }
check_exit "--fail-fast" 1 fast
check "stopped at the first" same "$(sql "$work/fast" "SELECT count(*) FROM run WHERE state = 'quarantined'")" 1
cp "$work/f0.yaml" "$work/s.yaml"

# ---- damage ----------------------------------------------------------------------------------------------------------------
study d 10 '0.5, 1' "$two"
check "with traces" sweep d -o "$work/d" --trace full
clean=$(dump "$work/d")
one=$(sql "$work/d" "SELECT trace_file FROM run ORDER BY id LIMIT 1"); two_=$(sql "$work/d" "SELECT trace_file FROM run ORDER BY id LIMIT 1 OFFSET 1")
flip() { /usr/bin/python3 -c "import sys; f = open(sys.argv[1], 'r+b'); f.seek(3000); b = f.read(1); f.seek(3000); f.write(bytes([b[0] ^ 1]))" "$1"; }
flip "$work/d/$one"; truncate -s 1000 "$work/d/$two_"
check_exit "verify finds both" 1 "$OFFSIM" verify "$work/d" --all
check "and names the runs" same "$("$OFFSIM" verify "$work/d" --all 2>&1 | grep -c 'missing or damaged')" 2
check "they alone are done again" same "$(counts d -o "$work/d" --trace full)" "2 40 0"
check "the paths are named" same "$(grep -c -e "$one" -e "$two_" "$work/err")" 2
check "as before" same "$(dump "$work/d")" "$clean"
check "verify agrees" "$OFFSIM" verify "$work/d" --all
id=$(sql "$work/d" "SELECT min(id) FROM run"); rm "$work/d/$one"
sql "$work/d" "UPDATE metric SET value = 5 WHERE name = 'latency_mean_s' AND class = '' AND run = '$id'"
check "a second result with other bytes is an alarm" named 1 "ALARM: run $id" sweep d -o "$work/d" --trace full
check "the first stays" same "$(sql "$work/d" "SELECT value FROM metric WHERE name = 'latency_mean_s' AND class = '' AND run = '$id'")" 5.0
check "noted" same "$(sql "$work/d" "SELECT count(*) FROM provenance WHERE key = 'conflict' AND run = '$id'")" 1
check_exit "verify sees it" 1 "$OFFSIM" verify "$work/d" --all

# ---- folders -----------------------------------------------------------------------------------------------------------------
check "another study's folder" named 2 "holds the study 'k'" sweep d -o "$work/whole"
check "results of run" bash -c "'$OFFSIM' run '$work/s.yaml' --quiet --replications 1 --policy random -o '$work/r'"
check "are no study" named 2 "holds results of" sweep d -o "$work/r"
mkdir "$work/other"; echo mine >"$work/other/thesis.tex"
check "somebody else's folder" named 3 "$work/other" sweep d -o "$work/other"
cp -r "$work/d" "$work/v"; sql "$work/v" "UPDATE provenance SET value = '1' WHERE key = 'model_version' AND run = ''"
check "another model version" named 2 "model version 1" sweep d -o "$work/v"
check_exit "--mixed" 0 sweep d -o "$work/v" --mixed
cp -r "$work/d" "$work/x"; sql "$work/x" "UPDATE format SET version = 99"
check "another format" named 3 "format 99" sweep d -o "$work/x"
check "no results" named 3 "$work/other" "$OFFSIM" status "$work/other"
check "a locked folder" named 3 "is locked" flock "$work/d" "$OFFSIM" sweep "$work/d.yaml" --quiet -o "$work/d"
check "merge of a locked folder" named 3 "is locked" flock "$work/d" "$OFFSIM" merge "$work/d"
check "rerun of a study's run" "$OFFSIM" rerun "$work/whole" --run "$(sql "$work/whole" "SELECT max(id) FROM run WHERE point >= 0")" --trace full
for command in compare report export inspect; do check "$command of a study" "$OFFSIM" $command "$work/d"; done

# ---- no room -----------------------------------------------------------------------------------------------------------------
room=$work/room; mkdir "$room"
if mount -t tmpfs -o size=200k none "$room" 2>/dev/null; then
  trap 'umount "$room" 2>/dev/null; rm -rf "$work"' EXIT
  full=0; bad_full=0
  for size in 200k 300k 400k 600k 800k 1m 1500k 64m; do
    mount -o remount,size=$size "$room"
    sweep d -o "$room/d" --trace full >"$work/said" 2>&1; rc=$?
    case $rc in 0) break;; 3) grep -qF "$room/d" "$work/said" && full=$((full + 1)) || bad_full=1;; *) bad_full=1;; esac
    find "$room" -name '*.part' | grep -q . && bad_full=1
  done
  check "a full disk: exit 3, the path is named, nothing partial ($full times)" same "$rc $bad_full" "0 0"
  check "it was hit" test "$full" -ge 2
  check "as with room" same "$(dump "$room/d")" "$clean"
  mount -o remount,ro "$room"; study d 11 '0.5, 1' "$two"
  check "a folder that is read-only" named 3 "$room/d" sweep d -o "$room/d"
  umount "$room"
else
  skip "a full disk, a read-only folder" "needs the right to mount"
fi
finish
