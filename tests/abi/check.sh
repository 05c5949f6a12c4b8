#!/bin/bash
# `offsim policy check`: every built-in policy passes for what it declares; negative controls fail where they must; each
# hostile plug-in is contained and named, by the checker and within a study whose other runs are byte-identical without it.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
build() { cc -std=c11 -D_GNU_SOURCE -O2 -I. -fPIC -shared "${@:2}" -o "$work/$1.so" "tests/abi/$1.c" -lm 2>"$work/cc" || { cat "$work/cc"; return 1; }; }
says() { local want=$1 text=$2 rc; shift 2; "$@" >"$work/said" 2>&1; rc=$?
  [ $rc = "$want" ] && grep -qE "$text" "$work/said" || { echo "exit $rc, wanted $want and '$text'"; grep -E 'FAIL|error' "$work/said" | head; return 1; }; }
conform() { "$OFFSIM" policy check --quick --limit 2 "$@"; }

check "at least 40 tests" bash -c "[ \$('$OFFSIM' policy check --list | tail -1 | cut -d' ' -f1) -ge 40 ]"
conform >"$work/all" 2>&1
for p in $("$OFFSIM" policy list --format json | /usr/bin/python3 -c 'import json, sys; print(*[p["name"] for p in json.load(sys.stdin)["policies"]])'); do
  check "$p passes" grep -qE "^$p: [0-9]+ ok, 0 failed" "$work/all"
done
grep FAIL "$work/all" | sed 's/^/# /'
check "unknown: exit 2, the nearest" says 2 "did you mean 'ucb1'" conform ucb2
check "a wrong option: exit 2" says 2 "unknown option --frobnicate" conform --frobnicate ucb1
check "a wrong seed: exit 2" says 2 "does not take '-1'" conform --seed -1 ucb1
check "JSON" says 0 '"failed": 0' conform --format json --only contract ucb1
check "the same seed, the same words" same "$(conform ucb1 --only learning -j 1)" "$(conform ucb1 --only learning -j 2)"

# ---- negative controls ------------------------------------------------------------------------------------------------
for c in eps_sublinear ucb1_adapts misscaled_ucb; do check "build $c" build $c; done
check "constant exploration is not sublinear" says 1 'FAIL +learning.sublinear +regret' conform "$work/eps_sublinear.so"
check "UCB1 does not adapt" says 1 'FAIL +learning.adapts' conform "$work/ucb1_adapts.so"
check "and fails nothing else" says 1 ' 1 failed' conform "$work/ucb1_adapts.so"
check "a mis-scaled UCB is like random choice" says 1 'FAIL +learning.arms +it behaves like random choice: (0.9|1.0)' conform "$work/misscaled_ucb.so"

# ---- ticks ------------------------------------------------------------------------------------------------------------
# Twenty good ticks, then a planted fault each; the same plug-in without one passes.
ticker() { cc -std=c11 -O2 -I. -fPIC -shared "-DBAD=$1" -o "$work/tick.so" tests/abi/hostile_tick.c -lm; }
tells() { ticker "$1" && says 1 "FAIL +$2" conform --only tick. "$work/tick.so"; }
check "a tick that behaves passes" bash -c "$(declare -f ticker); work=$work; ticker 'c->admit[0] = 0.5' && '$OFFSIM' policy check --quick --only tick. $work/tick.so"
check "scaler: three tests of tick" says 0 'scaler: 4 ok, 0 failed, 0 skipped' conform --only tick. scaler
check "tick: more than all let in" tells 'c->admit[0] = 1.5' "tick.orders .*policy '.*' set what it may not in its tick at place 'place0'.*1.5 let in"
check "tick: instances below none" tells 'c->instances_wanted[1] = -1' "tick.orders .*place1.*-1 instances"
check "tick: keep-alive without end" tells 'c->keep_alive_s[1] = INFINITY' 'tick.orders .*keep-alive inf'
check "tick: behind the last place" tells 'c->admit[c->n_places] = 1' 'tick.orders +tick wrote behind the last of [0-9]+ places'
check "tick: into what it reads" tells '((double *)c->jobs)[0] += 1' 'tick.orders +tick changed what it may only read'
check "tick: another second time" tells 'c->instances_wanted[0] = calls' 'tick.again +tick 19: 20 instances at place 0, the second time'
check "tick: it crashes" tells '*(volatile int *)0 = 1' 'tick.orders +it crashed: Segmentation fault'
check "an outcome of nothing: hook, action and status are named" bash -c "printf '%s\n' '#include \"policies/offsim_policy.h\"' 'static void decide(void *s, const struct offsim_context *c, struct offsim_decision *d, void *m) { (void)s, (void)m; d->action = (int32_t)(c->n_actions - 1); while (c->mask[d->action]) d->action--; }' 'static void outcome(void *s, const struct offsim_outcome *o, const void *m) { (void)s, (void)m; if (o->action < 0) *(volatile int *)0 = 1; }' 'static const struct offsim_policy p = {OFFSIM_POLICY_HEADER, .name = \"looks\", .description = \"x\", .citation = \"\", .decide = decide, .outcome = outcome};' 'const struct offsim_policy *offsim_policy_entry(void) { return &p; }' >'$work/looks.c' && cc -std=c11 -I. -fPIC -shared -o '$work/looks.so' '$work/looks.c' && '$OFFSIM' policy check --quick --only outcomes.failed '$work/looks.so' | grep -E 'FAIL +outcomes.failed +it crashed: Segmentation fault while told the outcome of request [0-9]+ .*action -1: nothing was executed, (late|dropped|cancelled|ok)'"
check "tick: it hangs" tells 'for (volatile int i = 0; i < 1;) {}' 'tick.periods +.*did not return within'

# ---- twelve hostile plug-ins --------------------------------------------------------------------------------------------
names=(crash abort loop nan range masked exit static fast_math)
for h in "${names[@]}"; do build hostile_$h $([ $h = fast_math ] && echo -ffast-math); done
build wrong_abi; build unresolved; head -c 9000 "$work/hostile_nan.so" >"$work/truncated.so"
plugin() { case $1 in wrong_abi|unresolved|truncated) echo "$work/$1.so";; *) echo "$work/hostile_$1.so";; esac; }
declare -A found=([crash]='crashed: Segmentation fault' [abort]='aborted the process' [loop]='did not return within' [nan]='propensity outside .0, 1.: .*nan'
  [range]='an action that does not exist' [masked]='chose action [0-9]+, which is masked for .* request [0-9]+, decision [0-9]+, t = ' [exit]='ended the process, exit code 0'
  [static]='determinism.interleaved +beside another' [fast_math]='load.floating_point +loading it changed' [wrong_abi]='built for another boundary'
  [unresolved]='undefined symbol: offsim_nobody_has_this' [truncated]='load.opens +(it crashed: Bus error|cannot load)')
for h in "${names[@]}" wrong_abi unresolved truncated; do
  only=(); [ $h = loop ] && only=(--only contract.m)
  check "checker: $h" says 1 "FAIL.*${found[$h]}" conform "$(plugin $h)" "${only[@]}"
done

# In a study: exit code 4 where its runs fail, its name and the reason are said; the others' rows are those without it.
study() { OFFSIM_HANG_S=1 "$OFFSIM" run scenarios/minimal.yaml --quiet --set 'horizon.duration=20 s' --replications 2 -o "$work/$1" --set "policies=[always_edge, ucb1$2]"; }
others() { /usr/bin/python3 - "$1/catalog.sqlite" <<'PY'
import hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1]); h = hashlib.sha256()
for q in ("SELECT id, policy, replication, state, trace_hash, trace_file_hash FROM run WHERE policy != 'guest' ORDER BY id",
          "SELECT m.* FROM metric m JOIN run r ON r.id = m.run WHERE r.policy != 'guest' ORDER BY 1, 2, 3, 4"):
    for row in db.execute(q): h.update(repr(row).encode())
print(h.hexdigest())
PY
}
check "a study without guests" study alone ''
alone=$(others "$work/alone")
for h in "${names[@]}" wrong_abi unresolved truncated; do
  want=4; case $h in masked|static|fast_math) want=0;; esac
  check_exit "study with $h" $want study "with_$h" ", {policy: $(plugin $h), name: guest}"
  [ $want = 0 ] || { study "with_$h" ", {policy: $(plugin $h), name: guest}" >"$work/said" 2>&1; check "$h is named" grep -q 'policy guest' "$work/said"; }
  check "$h: the others are as without it" same "$(others "$work/with_$h")" "$alone"
done
finish
