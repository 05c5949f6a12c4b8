#!/bin/bash
# offsim-kernels where something is missing or wrong: no permission to pin, no counters, one core, a kernel that fails its
# self-check, a signal, a reader that goes away, wrong arguments. Nothing here depends on how long anything takes.
. tests/tap.sh
build=$(dirname "${OFFSIM:-build/offsim}"); planted=$build/planted/offsim-kernels; kernels=$build/offsim-kernels
export LC_ALL=C
short="--quick --no-cold --no-interference --time-limit 1"
lines() { # lines FILE EXPRESSION: a Python expression over L, all lines; S the samples; one(type): the only line of a type
  /usr/bin/python3 -c "
import json, sys
L = [json.loads(l) for l in open(sys.argv[1])]
S = [l for l in L if l['type'] == 'sample']
def one(t):
    found = [l for l in L if l['type'] == t]
    assert len(found) == 1, (t, len(found))
    return found[0]
def of(t, k): return [l for l in L if l['type'] == t and (l.get('kernel') or l.get('name')) == k]
if not ($2): sys.exit('not so: ' + '''$2''' + '\n' + '\n'.join(json.dumps(l)[:200] for l in L[:3] + L[-2:]))" "$1"
}
measure() { local name=$1; shift; "$@" >"$work/$name" 2>"$work/$name.said"; echo $? >"$work/$name.rc"; }
exit_is() { check "$1: exit $2" same "$(cat "$work/$1.rc")" "$2"; }
said() { check "$1: says '$2'" grep -qF -- "$2" "$work/$1.said"; }
holds() { check "$1: $2" lines "$work/$1" "$3"; }

# ---- what every run says -----------------------------------------------------------------------------------------------
measure whole "$planted" measure $short --seed 7
exit_is whole 0
holds whole "begin, machine, then the kernels" "[l['type'] for l in L[:6]] == ['begin', 'machine'] + 4 * ['kernel']"
holds whole "ends with an end" "L[-1] == one('end') and not L[-1]['interrupted'] and L[-1]['samples'] == len(S)"
holds whole "format 1, seed, passes" "(L[0]['format'], L[0]['seed'], L[0]['passes'], L[0]['quick']) == (1, 7, 2, True)"
holds whole "three shapes of sum in two passes" "sorted((s['shape']['n'], s['pass']) for s in of('sample', 'sum')) == [(n, p) for n in (1000, 2000, 4000) for p in (0, 1)]"
holds whole "times are positive, the interval holds the median" \
  "all(min(s['wall_s'] + s['cpu_s']) > 0 and s['cpu_low_s'] <= sorted(s['cpu_s'])[len(s['cpu_s']) // 2] <= s['cpu_high_s'] for s in S)"
holds whole "short executions are batched" "all(s['inner'] > 1 for s in of('sample', 'sum'))"
holds whole "at least 5 repetitions" "all(len(s['wall_s']) == len(s['cpu_s']) >= 5 for s in S)"
holds whole "energy is told or unavailable" "one('machine')['rapl'] in ('available', 'board sensor') or one('machine')['rapl'].startswith('unavailable: ') and all(s['joule'] is None for s in S)"
holds whole "sentinels at both ends" "(lambda o: min(o) == 0 and max(o) >= 6)([l['order'] for l in L if l['type'] == 'sentinel'])"
holds whole "progress to its end" "(lambda p: (p[-1]['done'], p[-1]['total']) == (p[0]['total'], p[0]['total']))([l for l in L if l['type'] == 'progress'])"
holds whole "one self-check a shape" "len([l for l in of('self_check', 'sum') if l['ok']]) == 3"

# ---- kernels that cannot be trusted --------------------------------------------------------------------------------------
holds whole "a failed self-check has no timing" "{s['shape']['n'] for s in of('sample', 'wrong')} == {1000}"
holds whole "it is named, with its reason" "all(not l['ok'] and 'is not what it should be' in l['why'] for l in of('self_check', 'wrong') if l['shape']['n'] > 1000)"
said whole "wrong: its self-check failed, its timing is discarded: the sum of 2000 is not what it should be"
said whole "roomless: skipped: no memory for 1000 numbers"
holds whole "no memory, no sample" "not of('sample', 'roomless')"
holds whole "what is missing says why" "(lambda k: k['why'] == 'this machine has no abacus' and not k['available'])(of('kernel', 'absent')[0]) and not of('sample', 'absent')"
measure none "$planted" measure $short --kernels roomless,absent
exit_is none 1
said none "no kernel could be measured"

printf '#!/bin/sh\necho >>%s/starts\n[ $(wc -l <%s/starts) -le 3 ] || exit 1\nexec %s "$@"\n' "$work" "$work" "$(realpath "$kernels")" >"$work/tires"
chmod +x "$work/tires"
OFFSIM_KERNELS=$work/tires measure tired "$kernels" measure $short --kernels process_start --shape process_start:size=1048576
holds tired "what fails while it is timed has no timing" "not S and any(not l['ok'] for l in of('self_check', 'process_start'))"

# ---- a machine that permits less -----------------------------------------------------------------------------------------
if "$build/planted/deny" pin /bin/true 2>/dev/null; then
  measure unpinned "$build/planted/deny" pin "$planted" measure $short --kernels sum
  exit_is unpinned 0
  holds unpinned "not pinned, and why" "one('machine')['pinned'] is False and 'sched_setaffinity' in one('machine')['pin_problem'] and len(S) == 6"
  said unpinned "not pinned to a core (sched_setaffinity"
  measure uncounted "$build/planted/deny" counters "$planted" measure $short --kernels sum
  exit_is uncounted 0
  holds uncounted "no counters, and why" "one('machine')['counters'].startswith('unavailable: getrusage') and len(S) == 6"
else
  skip "refused calls" "no seccomp filter here"
fi
core=$(/usr/bin/python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
measure single taskset -c "$core" "$planted" measure --quick --time-limit 1 --kernels sum
exit_is single 0
holds single "one core: alone, with one thread, but cold too" \
  "one('machine')['cores'] == 1 and all(s['with'] == 'alone' and s['threads'] == 1 for s in S) and any(s['cache'] == 'cold' for s in S)"
said single "one core: nothing is measured with several threads, nor with neighbours"
if [ "$(nproc)" -gt 1 ]; then
  measure beside "$planted" measure --quick --time-limit 1 --kernels sum --no-cold
  holds beside "neighbours where there is another core, of the middle shape and the largest" \
    "sorted(s['shape']['n'] for s in S if s['with'] == 'interference') == [2000, 4000]"
  check "they are gone afterwards" bash -c "! ps -eo args | grep -F '$planted measure' | grep -qv -e grep -e 'bash -c'"
else
  skip "neighbours" "one core"
fi

# ---- signals, readers, disks ---------------------------------------------------------------------------------------------
"$kernels" measure --quick --kernels gemm_f32,deflate,bm25 --passes 9 --time-limit 60 >"$work/stopped" 2>"$work/stopped.said" & pid=$!
for _ in $(seq 200); do grep -q '"sample"' "$work/stopped" && break; sleep 0.05; done
kill -INT $pid; wait $pid; echo $? >"$work/stopped.rc"
exit_is stopped 75
holds stopped "says that it was interrupted" "one('end')['interrupted'] and L[-1]['samples'] == len(S)"
measure full bash -c "'$planted' measure $short --kernels sum >/dev/full"
exit_is full 3
said full "cannot write to standard output"

# ---- arguments -----------------------------------------------------------------------------------------------------------
refuses() { # refuses PATTERN ARGUMENTS...
  local pattern=$1; shift
  measure refused "$kernels" "$@"
  check "$*: exit 2" same "$(cat "$work/refused.rc")" 2
  said refused "$pattern"
}
refuses "no kernel 'gem'; there are: gemm_f32" measure --kernels gem
refuses "--seed: 'x' is not a whole number from 0" measure --seed x
refuses "parameter k is missing" measure --shape gemm_f32:m=8,n=384
refuses "core 4000 is none of this process's" measure --core 4000
refuses "'--quik' is unknown, or needs a value" measure --quik
refuses "unknown option '--sed'" measure --sed 3
refuses "unknown command 'meassure'" meassure
refuses "'q=1' is not NAME=VALUE" describe gemm_f32 --set q=1
refuses "list takes no arguments" list all
measure described "$kernels" describe gemm_f32 --set m=64,n=384,k=1536
holds described "2 m n k operations, 4 (mk + kn + mn) bytes" "L[0]['units'] == 75497472 == L[0]['flop'] and L[0]['axes'] == [2850816, 2359296, 64]"
measure drawn "$kernels" measure --kernels null --off-grid 2 --passes 1 --seed 3 --no-cold --no-interference --time-limit 1
holds drawn "shapes off the grid only" "len(S) == 2 and all(s['off_grid'] for s in S)"
check "make calibrate-only needs nothing of the main program" bash -c "! make -n calibrate-only BUILD='$work/b' 2>&1 | grep -E 'config.mk|liboffsim|tools/deps'"
finish
