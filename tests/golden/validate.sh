#!/bin/bash
# Wrong use of `offsim validate regret` and `validate pod`: one line that names the option, exit code 2, nothing run.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
says() { # says NAME PATTERN ARGUMENTS...
  local name=$1 pattern=$2; shift 2
  "$OFFSIM" validate "$@" >"$work/said" 2>"$work/stderr"; local rc=$?
  [ $rc = 2 ] && [ ! -s "$work/said" ] && grep -qF -- "$pattern" "$work/stderr"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted 2 and '$pattern'"; sed 's/^/#   /' "$work/said" "$work/stderr" | head -n 6; }
}
two="--arms .5,.6 --horizon 10 --runs 2"
# shellcheck disable=SC2086
{
says "a probability above 1" "--arms needs a number from 0 to 1, not '1.5'" regret --arms .5,1.5 --horizon 10 --policy ucb1
says "a probability that is none" "--arms needs a number from 0 to 1, not 'x'" regret --arms .5,x --horizon 10 --policy ucb1
says "NaN" "--arms needs a number from 0 to 1, not 'nan'" regret --arms .5,nan --horizon 10 --policy ucb1
says "an arm left out" "--arms needs a number from 0 to 1, not ''" regret --arms .5,,.6 --horizon 10 --policy ucb1
says "no arms" "--arms needs a number from 0 to 1, not ''" regret --arms , --horizon 10 --policy ucb1
says "no rounds" "--horizon needs a whole number from 1 to 100000000, not '0'" regret --arms .5,.6 --horizon 0 --policy ucb1
says "half a round" "--horizon needs a whole number" regret --arms .5,.6 --horizon 1.5 --policy ucb1
says "one run" "--runs needs a whole number from 2" regret --arms .5,.6 --horizon 10 --runs 1 --policy ucb1
says "a delay below 0" "--delay needs a whole number from 0" regret $two --policy ucb1 --delay -1
says "no policy" "--policy is missing" regret $two
says "no horizon" "--horizon is missing" regret --arms .5,.6 --policy ucb1
says "an unknown policy" "did you mean 'thompson'" regret $two --policy tompson
says "an oracle" "policy 'clairvoyant' needs an oracle, and these arms have none" regret $two --policy clairvoyant
says "features" "policy 'threshold' decides by features, and these arms have rewards only" regret $two --policy threshold
for p in cost_aware latency_greedy jsq; do
  says "$p" "policy '$p' decides by estimates or queues, and these arms have rewards only" regret $two --policy $p
done
says "a change after the end" "--change: there is no round 10; the 10 of the horizon are counted from 0" regret $two --policy ucb1 --change 10:0:.1
says "an unknown parameter" "did you mean 'factor'" regret $two --policy ucb1:factr=3
says "a parameter out of range" "'epsilon' must lie between 0 and 1" regret $two --policy eps_greedy:epsilon=2
says "a word that is no choice" "'model' must be one of beta|gaussian, not 'gamma'" regret $two --policy thompson:model=gamma
says "a parameter without value" "'factor' is no PARAMETER=VALUE" regret $two --policy ucb1:factor
says "an arm that is not there" "there is no arm 2; the 2 arms are counted from 0" regret $two --policy ucb1 --change 5:2:.9
says "a change without probability" "--change takes AT:ARM:P" regret $two --policy ucb1 --change 5:1
says "a change to 2" "--change AT:ARM:P needs a number from 0 to 1" regret $two --policy ucb1 --change 5:1:2
says "a format" "--format is table or json, not 'yaml'" regret $two --policy ucb1 --format yaml
says "an option" "did you mean '--arms'?" regret --arm .5
says "a word" "takes options only, not 'here'" regret here $two --policy ucb1
says "pod: more than there are" "--d 3 of 2 servers" pod --d 3 --servers 2 --lambda .5
says "pod: overload" "--lambda needs a number from" pod --d 2 --servers 2 --lambda 1
says "pod: none" "--d needs a whole number from 1" pod --d 0 --servers 2 --lambda .5
says "pod: no load" "--lambda is missing" pod --d 2 --servers 5
says "pod: an option" "did you mean '--lambda'?" pod --lamda .5
says "pipeline: no profile named" "validate pipeline needs --profile FILE" pipeline
says "pipeline: no profile" "minimal.yaml" pipeline --profile scenarios/minimal.yaml
says "pipeline: an option" "did you mean '--profile'?" pipeline --profil x
says "pipeline: a value left out" "--seed needs a value" pipeline --seed
says "pipeline: a fault" "--plant is costly, not 'cheap'" pipeline --plant cheap --profile x
}
# A request executed for real, once: what is said of it, not how long it took.
machine=scenarios/presets/hardware/vm_epyc_2core.yaml kernels=$(dirname "$OFFSIM")/offsim-kernels
check "pipeline: a request of six tasks" bash -c "'$kernels' pipeline --repeat 1 >'$work/lines'"
check "pipeline: each is told, executed, and its kernels named" python3 -c "
import json; x = [json.loads(l) for l in open('$work/lines')]
tasks = [t for t in x if t['type'] == 'task']; done = [e['task'] for e in x if e['type'] == 'execution']
assert [t['name'] for t in tasks] == ['embed', 'search', 'rerank', 'decode', 'seal', 'compress'] and x[-1]['type'] == 'end'
assert done == [t['name'] for t in tasks if not t['why']] and all(c['units'] > 0 and c['axes'] for t in tasks for c in t['calls'])"
"$OFFSIM" validate pipeline --profile $machine --from "$work/lines" --format json >"$work/told" 2>&1
check "pipeline: judged from its lines" python3 -c "
import json; x = json.load(open('$work/told')); assert len(x['tasks']) == 6 and x['judged'] >= 1 and x['within'] <= x['judged']"
head -n 5 "$work/lines" >"$work/cut"
check "pipeline: lines cut off" bash -c "'$OFFSIM' validate pipeline --profile $machine --from '$work/cut' 2>&1 | grep -q 'cut off after line 5'"
echo '{"type":"noise"}' >>"$work/cut"
check "pipeline: a line that is none" bash -c "'$OFFSIM' validate pipeline --profile $machine --from '$work/cut' 2>&1 | grep -q 'cut:6: error'"
check_exit "pipeline: lines that are not there" 3 "$OFFSIM" validate pipeline --profile $machine --from "$work/nowhere"
check_exit "pipeline: a profile that is not there" 3 "$OFFSIM" validate pipeline --profile nowhere.yaml
check_exit "pipeline: no such program" 3 env OFFSIM_KERNELS=/nonexistent/kernels "$OFFSIM" validate pipeline --profile $machine --quick
check_exit "kernels: half a request" 2 "$kernels" pipeline --repeat 0.5
check_exit "kernels: a fault that is none" 2 "$kernels" pipeline --plant fresh
# Planted: from the second request on rerank goes on with what the first search found.
"$kernels" pipeline --repeat 1 --plant stale >"$work/stale" 2>"$work/said"
code=$?
check "pipeline: an input that is left over is seen" bash -c "[ $code = 1 ] && grep -q 'rerank: self-check of gemm_i8 failed: .*handed' '$work/said'"
check "pipeline: and there is no end" bash -c "! grep -q '\"end\"' '$work/stale'"
check "regret --help tells how arms are counted" bash -c "'$OFFSIM' validate regret --help | grep -q 'rounds and arms are counted from 0'"
# 500 queues alone at load .95 need thousands of service times to fill: 1/(1 - .95) = 20 with either length of the run.
# False alarm 1e-4 at |t| > 5.5 with 15 degrees of freedom.
"$OFFSIM" validate pod --d 1 --servers 500 --lambda .95 --runs 16 --jobs 10000 --format json >"$work/alone" 2>&1
check "pod: M/M/1 from the first job on" python3 -c "
import json; x = json.load(open('$work/alone')); assert abs(x['mean'] - 20) <= 5.5 * x['se'] and x['se'] < .6, x"
check "pod: more queues asked than 64" "$OFFSIM" validate pod --d 90 --servers 100 --lambda .5 --runs 2 --jobs 1000
check "regret: one round of a policy for two" "$OFFSIM" validate regret --arms .5,.6 --horizon 1 --runs 2 --policy sw_ucb
printf 'from offsim_policy import Policy, Number\nclass Last(Policy):\n    parameters = {"x": Number(1, min=0, max=2)}\n    def decide(self, ctx): return ctx.n_actions - 1\n' >"$work/last.py"
check "regret: a policy in Python" bash -c "cd '$work' && '$(realpath "$OFFSIM")' validate regret --arms .5,.7 --horizon 10 --runs 2 --policy python:last.py:x=1 | grep -F 'with x=1'"
check_exit "an unknown case" 2 "$OFFSIM" validate policies --case regret-nobody
check_exit "an unknown fault" 2 "$OFFSIM" validate policies --plant nothing
finish
