#!/bin/bash
# A run that crashes, hangs or lies is lost alone; a signal, a full disk, a damaged file or somebody else's folder cost
# nothing of what was there before; what is done is not done again, and what changed is.
. tests/tap.sh
scenario=scenarios/minimal.yaml
run() { "$OFFSIM" run "$scenario" --quiet "$@"; }
query() { /usr/bin/python3 - "$1" "$2" <<'PY'
import sqlite3, sys
print(*[v for r in sqlite3.connect(sys.argv[1] + "/catalog.sqlite").execute(sys.argv[2]) for v in r])
PY
}
count() { query "$1" "SELECT count(*) FROM run WHERE state = '$2'"; }
no_leftovers() { ! find "$1" -name '*.part' -o -name journal | grep .; }

# ---- plug-ins --------------------------------------------------------------------------------------------------------
cc -std=c11 -I. -fPIC -shared -o "$work/bad.so" tests/fault/bad_policy.c -lm
cc -std=c11 -DSAME -I. -fPIC -shared -O1 -o "$work/other.so" tests/fault/bad_policy.c -lm
bad() { OFFSIM_HANG_S=1 run --set "policies=[always_local, {policy: $work/bad.so, name: bad, habit: $1}]" --replications 6 \
  -o "$work/$1" --set 'classes.photo.arrivals={poisson: {rate: 1 /s}}'; }
for habit in abort exit nan hang; do
  check_exit "plug-in: $habit" 4 bad $habit
  failed=$(count "$work/$habit" failed); done=$(count "$work/$habit" done)
  check "$habit: some runs are lost, the others are there" test "$failed" -ge 1 -a "$done" = $((12 - failed)) -a "$done" -gt 6
  check "$habit: nothing partial" no_leftovers "$work/$habit"
done

# ---- what is done is done -----------------------------------------------------------------------------------------------
check "first run" run -o "$work/r" --policy always_local,ucb1 --replications 2
before=$(query "$work/r" "SELECT id, trace_hash, trace_file_hash FROM run ORDER BY id")
stamp() { stat -c '%n %Y %i' "$work"/r/traces/* | sort; }
files=$(stamp)
check "more replications and policies" run -o "$work/r" --policy always_local,ucb1,random --replications 3
check "nine runs" same "$(count "$work/r" done)" 9
check "only new ones were run" same "$(stamp | grep -Ff <(echo "$files"))" "$files"
check "planted: another seed is another run" run -o "$work/r" --policy always_local --replications 1 --seed 5
check "ten runs" same "$(count "$work/r" done)" 10

cp "$work/bad.so" "$work/p.so"
plug() { run -o "$work/p" --replications 1 --set "policies=[{policy: $work/p.so, name: p, habit: exit}]" \
  --set 'classes.photo.arrivals={poisson: {rate: 0.01 /s}}'; }
check "a plug-in" plug
check "the same again" plug
check "one run" same "$(count "$work/p" done)" 1
cp "$work/other.so" "$work/p.so"
check "the plug-in's bytes changed" plug
check "two runs" same "$(count "$work/p" done)" 2

{ echo time,size; for i in $(seq 1 200); do echo "$i,3"; done; } >"$work/trace.csv"
traced() { run -o "$work/t" --policy always_local --replications 1 --set "classes.photo.arrivals={trace: {file: $work/trace.csv,
  time: {column: time, as: s}, columns: {images: size}}}" --set 'classes.photo.attributes={images: {}}' "$@"; }
check "a trace of our own" traced
check "the same trace again" traced
check "one run of the trace" same "$(count "$work/t" done)" 1
echo 201,8 >>"$work/trace.csv"
check "the bytes of the trace changed" traced
check "two runs of the trace" same "$(count "$work/t" done)" 2

# Output options are no part of a run's identity, but what is asked for later must be there.
series() { run -o "$work/s" --policy always_local --replications 1 "$@"; }
check "without a time series" series
check "with a time series" series --set 'output={trace: full, timeseries: 1 s}'
check "it is in the file" /usr/bin/python3 -c "import glob, h5py; h5py.File(glob.glob('$work/s/traces/*.h5')[0])['timeseries']"
check "one run of the series" same "$(count "$work/s" done)" 1

# ---- damage ---------------------------------------------------------------------------------------------------------------
victim=$work/r/$(query "$work/r" "SELECT trace_file FROM run WHERE seed = 1 AND policy = 'always_local' LIMIT 1")
printf 'x' | dd of="$victim" bs=1 seek=5000 conv=notrunc 2>/dev/null
check "a damaged trace is made again" bash -c "'$OFFSIM' run $scenario --quiet -o '$work/r' --policy always_local,ucb1,random \
  --replications 3 2>&1 >/dev/null | grep -q 'missing or damaged'"
check "the same bytes as before" same "$(query "$work/r" "SELECT id, trace_hash, trace_file_hash FROM run WHERE policy != 'random' \
  AND replication < 2 AND seed = 1 ORDER BY id")" "$before"

# ---- folders ----------------------------------------------------------------------------------------------------------------
mkdir "$work/other"; echo mine >"$work/other/thesis.tex"
check_exit "somebody else's folder" 3 run -o "$work/other"
check "it is as it was" same "$(ls "$work/other") $(cat "$work/other/thesis.tex")" "thesis.tex mine"
check_exit "a file for a folder" 3 run -o "$work/other/thesis.tex"
check_exit "no such place" 3 run -o /proc/offsim/x
lock() { flock "$work/r" "$OFFSIM" run "$scenario" --quiet -o "$work/r" --replications 4; }
check_exit "a locked folder" 3 lock

# ---- no room ---------------------------------------------------------------------------------------------------------------
full=(-o "$work/full" --replications 1 --policy always_local --set "horizon.duration=60 min")
full() { (ulimit -f 900; trap '' XFSZ; run "${full[@]}"); }   # KiB: the catalogue (280) has room, the trace (1387) not
check_exit "no room for a trace" 3 full
check "nothing partial" no_leftovers "$work/full"
check "nothing done" same "$(count "$work/full" done)" 0
check "and with room it goes on" run "${full[@]}"

# ---- signals ------------------------------------------------------------------------------------------------------------------
long=(--set "horizon.duration=60 min" --replications 4000 -j 2 --policy always_edge -o "$work/i")
at_work() { for _ in $(seq 100); do cat "$work"/i/journal/* 2>/dev/null | grep -q . && break; sleep 0.1; done; sleep 0.6; }
stop() { "$OFFSIM" run "$scenario" --quiet "${long[@]}" & local pid=$!; at_work; kill -"$1" $pid; wait $pid; }
check_exit "interrupted" 75 stop INT
check_exit "terminated" 75 stop TERM
done=$(count "$work/i" done)
check "something was done, not all" test "$done" -gt 0 -a "$done" -lt 4000
check "nothing partial" no_leftovers "$work/i"
stop KILL >/dev/null 2>&1; sleep 0.2
check "after a kill: the same command goes on" run --set "horizon.duration=60 min" --policy always_edge -o "$work/i" \
  --replications $((done > 3 ? 3 : done))
check "nothing partial" no_leftovers "$work/i"
finish
