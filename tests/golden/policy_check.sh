#!/bin/bash
# What `offsim policy check` prints, for a policy that keeps the rules and for one that does not: text and JSON.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; export NO_COLOR=1 LC_ALL=C
cc -std=c11 -D_GNU_SOURCE -O2 -I. -fPIC -shared -o "$work/range.so" tests/abi/hostile_range.c
ask() { "$OFFSIM" policy check --quick --only contract.one_ "$@" 2>&1 | sed "s|$work|DIR|g; s|^  \"tests\": [0-9]*,|  \"tests\": N,|"; echo "exit ${PIPESTATUS[0]}"; }
matches() { diff tests/golden/policy_check/"$1" "$work/$1"; }
ask always_edge >"$work/good.txt"; ask "$work/range.so" >"$work/failing.txt"
ask --format json always_edge >"$work/good.json"; ask --format json "$work/range.so" >"$work/failing.json"
for file in good.txt failing.txt good.json failing.json; do
  [ "${1:-}" = --accept ] && cp "$work/$file" tests/golden/policy_check/
  check "$file" matches $file
done
wrong() { # wrong NAME PATTERN ARGUMENTS...: exit code 2, one line that says so, and no test ran
  local name=$1 pattern=$2; shift 2
  "$OFFSIM" policy check --quick "$@" >"$work/said" 2>"$work/stderr"; local rc=$?
  check "$name" bash -c "[ $rc = 2 ] && [ ! -s '$work/said' ] && grep -qF -- \"\$1\" '$work/stderr' && [ \$(wc -l <'$work/stderr') = 1 ]" - "$pattern"
}
wrong "--only nothing" "no test has 'nosuch' in its name" --only nosuch ucb1
wrong "--only something and nothing" "no test has 'nosuch' in its name" --only masks --only nosuch ucb1
"$OFFSIM" policy check --quick --only contract.one_ --only load.twice always_edge >"$work/two" 2>&1
check "--only twice takes both" bash -c "grep -q contract.one_ '$work/two' && grep -q load.twice '$work/two'"
wrong "--set a value out of range" "policy 'eps_greedy': 'epsilon' must lie between 0 and 1, not 7" --set epsilon=7 eps_greedy
wrong "--set a misspelt name" "policy 'eps_greedy' has no parameter 'epsilom'; did you mean 'epsilon'?" --set epsilom=.1 eps_greedy
wrong "--set without a policy" "--set needs the name of a policy" --set epsilon=.1
cc -std=c11 -D_GNU_SOURCE -O2 -I. -fPIC -shared -o "$work/crash.so" tests/abi/born_crash.c 2>/dev/null
"$OFFSIM" policy check --quick --set x=1 "$work/crash.so" >"$work/born" 2>&1
check "--set for one that cannot be loaded: the test of loading tells" bash -c "[ $? = 1 ] && grep -q 'FAIL *load.opens' '$work/born'"
cat >"$work/fails.c" <<'END'
#include "policies/offsim_policy.h"
static size_t state_size(const struct offsim_setup *s) { return s->n_arms * sizeof(double); }
static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  double *failed = (double *)state + c->first_arm;
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (c->mask[a] == 0 && (d->action < 0 || failed[a] < failed[d->action])) d->action = (int32_t)a;
}
static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  (void)memo;
  if (HEARS && o->action >= 0) ((double *)state)[o->first_arm + (uint32_t)o->action] += o->status != OFFSIM_OK;
}
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "fails", .description = "fewest failures",
  .citation = "", .capabilities = OFFSIM_LEARNS, .state_size = state_size, .decide = decide, .outcome = outcome};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
END
for hears in 0 1; do cc -std=c11 -I. -fPIC -shared -DHEARS=$hears -o "$work/fails$hears.so" "$work/fails.c"; done
check "a learner of failures is not held to rewards" bash -c "'$OFFSIM' policy check --quick --only learning. --only reward. '$work/fails1.so' | grep -c 'skipped .* not from rewards' | grep -x 8"
"$OFFSIM" policy check --quick --only learning.arms "$work/fails0.so" >"$work/deaf" 2>&1
check "a learner of nothing is" grep -q 'FAIL *learning.arms *it does worse than random choice: 2.00 times the regret' "$work/deaf"
finish
