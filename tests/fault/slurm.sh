#!/bin/bash
# A study on a real Slurm (slurmctld, slurmd and munged on loopback, out of a temporary folder, nothing left behind): a
# plug-in that crashes, a task that is killed, tasks that meet the time limit; in the end the same bytes as on a workstation.
. tests/tap.sh
. tests/slurm_rig.sh
rig_installed || { skip "studies on Slurm" "slurm-wlm and munge are not installed (make deps-check)"; finish; }
trap 'rig_stop; rm -rf "$work"' EXIT
query() { /usr/bin/python3 - "$1" "$2" <<'PY'
import sqlite3, sys
print(*[v for r in sqlite3.connect(sys.argv[1] + "/catalog.sqlite").execute(sys.argv[2]) for v in r])
PY
}
dump() { /usr/bin/python3 - "$1" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/catalog.sqlite")
for table, key in (("run", "id"), ("metric", "run, name, class, place"), ("sketch", "run, name"), ("point", "point"),
                   ("point_run", "point, run")):
    for row in db.execute(f"SELECT * FROM {table} ORDER BY {key}"):
        print(table, *row)
PY
}

# ---- the cluster -----------------------------------------------------------------------------------------------------
check "a cluster of one node comes up" rig_start "$work/rig" 9
check "doctor knows it" bash -c "'$OFFSIM' doctor '$work' | grep -x 'ok    Slurm          MaxArraySize 9'"

# ---- the study -------------------------------------------------------------------------------------------------------
for p in bad slow; do cc -std=c11 -D_GNU_SOURCE -I. -fPIC -shared -o "$work/$p.so" tests/fault/${p}_policy.c -lm; done
sed '/^policies:/,$d' scenarios/minimal.yaml >"$work/scenario.yaml"
cat >>"$work/scenario.yaml" <<YAML
policies:
  - always_local
  - {policy: ./bad.so, name: bad, habit: abort}
  - {policy: ./slow.so, name: slow}
YAML
study() { # NAME TASKS
  cat >"$work/$1.yaml" <<YAML
study: $1
scenario: scenario.yaml
set: {horizon.duration: 20 s, horizon.drain_max: 10 s}
replications: 3
trace: full
factors:
  rate: {path: classes.photo.arrivals.poisson.rate, values: [$(seq -s ', ' -f '%g /s' 2 2 60)]}
slurm: {partition: main, time: 1 min, mem: 100 MB, cpus: 1, tasks: $2, stop_before: 55 s, prelude: "export RIG_PRELUDE=1"}
YAML
}
study s 3; study many 50
r="$work/results of 'slurm'"
sweep() { "$OFFSIM" sweep "$work/$1.yaml" -o "$2" "${@:3}"; }
check "planted: 50 tasks wanted, indices up to 8 allowed" bash -c \
  "'$OFFSIM' sweep '$work/many.yaml' -o '$work/m' --launcher slurm --dry-run | grep -x '#SBATCH --array=1-8'"
check "a dry run writes nothing" test ! -e "$work/m"

export OFFSIM_TEST_SLOW=$work/slow
touch "$OFFSIM_TEST_SLOW"
start=$SECONDS
check "submitted" sweep s "$r" --launcher slurm
[ -e "$r/slurm/jobs.json" ] || { rig_stop; finish; }
job=$(sed -E 's/.*"array": "([0-9]+)".*/\1/' "$r/slurm/jobs.json")
env -u OFFSIM_TEST_SLOW "$OFFSIM" sweep "$work/s.yaml" -o "$work/local" --quiet >"$work/local.log" 2>&1 & local=$!
check_exit "not twice" 3 sweep s "$r" --launcher slurm
check_exit "and not beside it" 3 sweep s "$r" --quiet

# ---- a task is killed ------------------------------------------------------------------------------------------------
at_work() { [ "$(squeue -h -t R -o %K -j "$job" | sort -n | xargs)" = "1 2 3" ] && ls "$r"/journal/s2-* >/dev/null 2>&1; }
check "three tasks are at work" rig_until 15 at_work
rig_until 5 test -s "$(ls "$r"/journal/s2-*-0)"
scancel --signal=KILL --full "${job}_2"
killed() { [ -z "$(squeue -h -o %K -j "$job" -t R,CG | grep -x 2)" ]; }
check "one is killed" rig_until 10 killed
done_now() { "$OFFSIM" status "$r" --format json | sed -nE 's/.*"done": ([0-9]+).*/\1/p'; }
check "status counts what shards have done" test "$(done_now)" -gt 0

# ---- the others meet the time limit, and go on -----------------------------------------------------------------------
again() { [ "$(scontrol show job "$job" 2>/dev/null | grep -c 'Restarts=1 .*')" -ge 2 ]; }
check "two were stopped at the limit and queued again by themselves" rig_until 45 again
rm "$OFFSIM_TEST_SLOW"
check "all jobs end" rig_until 45 rig_quiet
took=$((SECONDS - start))
check "within 60 s (took $took s)" test $took -le 60
check "stopped cleanly, not killed" bash -c "grep -c 'runs done, .*; stopped' '$work/results of '\''slurm'\'''/slurm/[13].log | grep -q ':1$'"
check "only the task that was killed was submitted once more" grep -x '#SBATCH --array=2' "$r/slurm/array.sh"
check "every run has ended" same "$(query "$r" "SELECT count(*) FROM run WHERE state IN ('done', 'quarantined')")" 270
failed=$(query "$r" "SELECT count(*) FROM run WHERE state = 'quarantined'")
check "the plug-in crashed in some" test "$failed" -gt 0 -a "$failed" -lt 90
check "only its runs failed" same "$(query "$r" "SELECT DISTINCT policy FROM run WHERE state != 'done'")" bad
check_exit "nothing is left to submit; failed runs are told" 1 sweep s "$r" --launcher slurm
check "no journal, nothing partial" same "$(find "$r/journal" "$r/traces" -name 's[0-9]*-*' -o -name '*.part')" ""

# ---- the same on a workstation ---------------------------------------------------------------------------------------
wait $local; code=$?
check "the local launcher, meanwhile: failed runs are told" same $code 1
dump "$r" >"$work/a"; dump "$work/local" >"$work/b"
check "the same catalogue, byte by byte" cmp "$work/a" "$work/b"
check "the same traces, byte by byte" diff -r "$r/traces" "$work/local/traces"
check "planted: a changed value is seen" bash -c "sed '0,/always_local/s//always_locaL/' '$work/a' | cmp -s - '$work/b' && exit 1 || exit 0"

rig_stop
check "nothing is left of the cluster" same "$(rig_processes)" ""
finish
