#!/bin/bash
# train, run --frozen, tune, ope: what they say of mistakes, and that what they keep is what it should be.
. tests/tap.sh
OFFSIM=$PWD/${OFFSIM:-build/offsim}; case $OFFSIM in *//*) OFFSIM=/${OFFSIM##*//};; esac
export NO_COLOR=1 LC_ALL=C OFFSIM_SHARE=$PWD/scenarios
root=$PWD; cp scenarios/minimal.yaml "$work/m.yaml"; cd "$work" || exit 1
says() { # says NAME EXIT PATTERN ARGUMENTS...
  local name=$1 want=$2 pattern=$3; shift 3
  "$OFFSIM" "$@" >said 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" said; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' said | head -n 10; }
}
entry() { echo "policies=[{policy: ucb1, state: $1}]"; }

# ---- train -----------------------------------------------------------------------------------------------------------
says "train without a file for the state" 2 "-o STATE is missing" train m.yaml --policy ucb1 --replications 2
says "nothing to train" 2 "'threshold' does not learn" train m.yaml --policy threshold --replications 2 -o x.state
says "unknown option" 2 "did you mean '--replications'?" train m.yaml --policy ucb1 --replication 2 -o x.state
says "unknown metric" 2 "unknown metric 'latency'" train m.yaml --policy ucb1 --replications 2 -o x.state --metric latency
check "and nothing is left" test ! -e x.state -a ! -e x.state.part
says "train" 0 "ucb1 after 5 episodes" train m.yaml --policy ucb1 --replications 0..4 -o all.state --curve curve.csv
check "an episode a row" test "$(wc -l <curve.csv)" = 6
check "no part is left" test ! -e all.state.part
check "the first episode is a run that starts afresh" bash -c "'$OFFSIM' run m.yaml --policy ucb1 --replications 1 -o fresh --format csv --quiet >/dev/null 2>&1
  v=\$('$OFFSIM' export fresh --csv 2>/dev/null | grep ',latency_mean_s,' | grep -o '0\.1[0-9]*' | head -n 1); grep -q \"^0,\${v:0:12}\" curve.csv"
"$OFFSIM" train m.yaml --policy ucb1 --replications 0..4 -o again.state --quiet
check "the same command, the same bytes" cmp all.state again.state
"$OFFSIM" train m.yaml --policy ucb1 --replications 0..2 -o first.state --quiet
says "and on from a state" 0 "after 2 episodes" train m.yaml --set "$(entry first.state)" --policy ucb1 --replications 3..4 -o rest.state
check "which tells of all that it saw" bash -c "head -n 2 rest.state | grep -q '\"from\":0,\"to\":2.*\"from\":3,\"to\":4'"

# Killed in the middle: nothing under the name, exit 75 for an interrupt, and the same command ends with the same bytes.
long="$OFFSIM train m.yaml --policy ucb1 --replications 0..300 --quiet"
$long -o whole.state
$long -o cut.state & pid=$!; for i in $(seq 50); do [ -e cut.state.part ] && break; sleep 0.02; done; kill -INT $pid; wait $pid; rc=$?
check "interrupted: 75" test $rc = 75
check "nothing half-written" test ! -e cut.state
$long -o cut.state & pid=$!; sleep 0.2; kill -KILL $pid; wait $pid 2>/dev/null; sleep 0.1
check "killed: no state, or a whole one" bash -c "[ ! -e cut.state ] || cmp -s cut.state whole.state"
check "the same command goes on" $long -o cut.state
check "to the same bytes" cmp cut.state whole.state

# Hostile plug-ins (tests/abi/hostile.h): twenty decisions well, then each its own end. Named, exit 4; what was under the
# name of the state stays.
for h in exit loop crash nan; do
  for is in 0 OFFSIM_LEARNS; do
    ${CC:-cc} -std=gnu11 -O2 -fPIC -shared -I"$root" -I"$root/policies" -DIS=$is -o $h-$is.so "$root/tests/abi/hostile_$h.c"
  done
  echo before >kept.state
  case $h in exit) ends="ended the process, exit code 0";; loop) ends="hung: no event in 1 s of CPU time";;
             crash) ends="crashed: Segmentation fault";; nan) ends="gave a propensity outside (0, 1]";; esac
  OFFSIM_HANG_S=1 says "train: $h is contained" 4 "$ends" train m.yaml --policy ./$h-OFFSIM_LEARNS.so --replications 2 -o kept.state
  check "and named" grep -q "policy '$h-OFFSIM_LEARNS'" said
  check "the state of before is kept" bash -c '[ "$(cat kept.state)" = before ] && [ ! -e kept.state.part ]'
done

# ---- frozen ----------------------------------------------------------------------------------------------------------
says "frozen without a state" 2 "'ucb1' learns and has no" run m.yaml --policy ucb1 --frozen -o f --quiet
says "frozen: true without a state" 2 "goes by a state" run m.yaml --set 'policies=[{policy: ucb1, frozen: true}]' -o f --quiet
says "trained on these" 2 "trained on replications 3 to 4 of seed 1" run m.yaml --set "$(entry all.state)" --frozen --replications 3..8 -o f --quiet
says "of another seed they are others" 0 "ucb1" run m.yaml --set "$(entry all.state)" --frozen --replications 3..4 --seed 2 -o f2 --quiet
says "on others" 0 "ucb1" run m.yaml --set "$(entry all.state)" --frozen --replications 5..8 -o f --quiet
says "what does not learn needs no state" 0 "threshold" run m.yaml --policy threshold --frozen --replications 1 -o f --quiet
says "a state of another policy" 2 "cannot start from a state of policy 'ucb1'" run m.yaml --set 'policies=[{policy: thompson, state: all.state}]' -o f3 --quiet
says "no state" 2 "was not found" run m.yaml --set "$(entry nowhere.state)" -o f --quiet
echo bad >bad.state; says "not a state" 2 "is no learned state" run m.yaml --set "$(entry bad.state)" -o f --quiet
head -c 200 all.state >half.state; says "half a state" 2 "cut short or changed" run m.yaml --set "$(entry half.state)" -o f --quiet
says "warm start is another run" 0 "ucb1" run m.yaml --set "$(entry all.state)" --replications 5..5 -o f --quiet
study() { # study STATE REPLICATIONS FACTOR: the policy frozen, except where the factor says so
  cat >s.yaml <<Y
study: s
scenario: m.yaml
set: {policies: [{policy: ucb1, state: $1, frozen: true}, always_edge]}
factors: {x: {$3}}
replications: $2
Y
}
"$OFFSIM" train m.yaml --policy ucb1 --replications 5..6 -o later.state --quiet
study all.state 4 'path: links.access.rate_scale, values: [1, 0.5]'
says "a study of what it was trained on" 2 "'ucb1' was trained on replications 0 to 3 of seed 1" sweep s.yaml -o s
check "nothing was run" test ! -e s
study later.state 4 'path: links.access.rate_scale, values: [1, 0.5]'
says "a study before what it was trained on" 0 "16 done" sweep s.yaml -o s
study later.state 6 'path: links.access.rate_scale, values: [1, 0.5]'
says "a study that reaches it" 2 "was trained on replications 5 to 5 of seed 1" sweep s.yaml -o s
study later.state 6 'path: seed, values: [2, 3]'
says "of other seeds" 0 "24 done" sweep s.yaml -o s2
study later.state 6 'path: seed, values: [2, 1]'
says "of its seed among others" 2 "of seed 1" sweep s.yaml -o s3
study later.state 6 'path: policies.ucb1.frozen, values: [false, true]'
sed -i 's/, frozen: true//' s.yaml
says "frozen by a factor" 1 "was trained on replications 5 to 5" sweep s.yaml -o s4
check "verify does frozen runs again" "$OFFSIM" verify f --all

# ---- tune ------------------------------------------------------------------------------------------------------------
says "tune: a budget" 2 "--budget is a number of runs from 4" tune m.yaml --policy threshold --budget 3
says "tune: a parameter" 2 "has no parameter 'abov'" tune m.yaml --policy threshold --budget 8 --param abov=0:8
says "tune: a range" 2 "LO < HI" tune m.yaml --policy threshold --budget 8 --param above=8:0
says "tune: no range" 2 "--param NAME=LO:HI" tune m.yaml --policy cost_aware --budget 8 --dir t
says "tune: a word" 2 "takes two or more of any|edge|cloud|nearest" tune m.yaml --policy threshold --budget 8 --param 'target=edge|moon'
says "tune: one word" 2 "takes two or more of" tune m.yaml --policy threshold --budget 8 --param target=edge
says "tune: a format" 2 "--format is table or json" tune m.yaml --policy threshold --budget 8 --format xml
says "tune: seen in the search" 2 "share replications" tune m.yaml --policy threshold --budget 8 --train 0..9 --test 5..20
says "tune: what the search takes by itself" 2 "the search of 'threshold' uses replications 0 to 2, and --test shares some of them" tune m.yaml --policy threshold --budget 8 --param above=0:8 --test 2..4 --dir t0
check "tune: and nothing ran" test ! -e t0/traces
says "tune: no trace to split" 2 "--split is for arrivals from a trace" tune m.yaml --policy threshold --budget 8 --param above=0:8 --split 0.7
says "tune" 0 "name: threshold-tuned, feature: images, above:" tune m.yaml --policy threshold --budget 8 --param above=0:8 -o tuned.yaml --dir t --quiet
check "the budget is kept" bash -c "awk '/ tuned +[0-9]/ { exit !(\$3 <= 8 && \$3 >= 4) }' said"
check "the tuned entry is one" "$OFFSIM" check m.yaml --set "policies=[$(sed -n 's/^  - //p' tuned.yaml)]"

# An entry keeps where it lives, its times and what wraps it; choices and integers are searched like numbers.
entry='{policy: eps_greedy, scope: site, at: edge, decision_time: 2 ms, joint: 1 ms, joint_max: 4, wrap: [{floor: 0.05}, {budget: {joules_per_request: 0.5 J}}]}'
says "tune: a whole entry" 0 '"metric": "latency_mean_s"' tune m.yaml --set "policies=[$entry]" --policy eps_greedy --budget 8 --format json --dir t2 -o whole.yaml --quiet \
  --param 'ties=random|first' --param 'schedule=inverse|constant' --param initial=1:3 --param epsilon=0.01:0.5:log
cp said tune.json
check "its JSON has the search and the test of both" python3 - tune.json <<'P'
import json, sys
r = json.load(open(sys.argv[1])); p, = r["policies"]
assert r["budget"] == 8 and 4 <= p["runs"] <= 8 and p["ranges"]["ties"] == ["random", "first"], p
both = [p["default"]["test"], p["tuned"]["test"]]
assert abs(both[1]["mean"] - both[0]["mean"] - p["difference"]["mean"]) < 1e-12
assert p["test_from"] >= 8 and all(x["lo_95"] <= x["mean"] <= x["hi_95"] for x in both)
v = p["tuned"]["values"]
assert not v or (v["ties"] in ("random", "first") and v["initial"] in (1, 2, 3) and 0.01 <= v["epsilon"] <= 0.5), v
P
check "the written entry keeps the rest" grep -qF "scope: site, at: edge, decision_time: 0.002 s, joint: 0.001 s, joint_max: 4, wrap: [{floor: 0.05}, {budget: {joules_per_request: 0.5 J, step: 0.02}}]" whole.yaml
"$OFFSIM" run m.yaml --set "policies=[$(sed -n 's/^  - //p; ' whole.yaml | sed s/-tuned//)]" --replications 8..17 -o w --quiet >/dev/null 2>&1
"$OFFSIM" export w --csv >w.csv 2>/dev/null
check "and under its old name, on which its random numbers hang, gives the test again" python3 - tune.json w.csv <<'P'
import csv, json, sys
p, = json.load(open(sys.argv[1]))["policies"]
x = [float(r["value"]) for r in csv.DictReader(open(sys.argv[2])) if r["metric"] == "latency_mean_s" and not r["class"] and not r["place"]]
assert len(x) == 10 and abs(sum(x) / 10 - p["tuned"]["test"]["mean"]) < 1e-12, (x, p["tuned"])
P
says "tune: each with the same budget" 0 "ucb1-tuned" tune m.yaml --policy ucb1,thompson,linucb,random --budget 8 --dir t3 --set horizon.duration='60 s' --test 20..22
check "all of them" bash -c '[ "$(awk "/ tuned +8 / { n++ } END { print n }" said)" = 4 ]'
cat >picky.py <<'P'
from offsim_policy import Number, Policy
class Picky(Policy):
    "does not take every gain"
    parameters = {"gain": Number(1, min=0, max=9, help="above 4 it refuses")}
    def start(self, setup):
        if self.p.gain > 4:
            raise ValueError("too much gain")
    def decide(self, ctx):
        return ctx.first("edge" if self.p.gain > 2 else "device")
P
says "tune: values that cannot be are left out" 0 "the search goes on without them" tune m.yaml --policy ./picky.py --budget 8 --dir t4 --set horizon.duration='60 s' --test 9..10
check "which are named" grep -q "too much gain" said

# ---- ope -------------------------------------------------------------------------------------------------------------
cat >free.yaml <<'Y'
name: free
seed: 3
horizon: {kind: terminating, duration: 10 min, drain_max: 2 min}
objective: {latency: -1 /s, failure: -10}
places:
  - {name: phone, tier: device, zone: user, count: 50, slots: 1000}
  - {name: edge, tier: edge, zone: operator, slots: 1000, servers: 4}
links:
  - {name: access, between: [phone, edge], latency: 20 ms, rate: 1 Gbit/s}
classes:
  - name: photo
    from: [phone]
    arrivals: {poisson: {rate: 4 /s}}
    attributes: {images: {dist: {uniform: {low: 1, high: 8}}}}
    input: 1 kB
    pipeline: [{task: detect, work: {time: {exponential: {mean: 0.1 s}}}, places: [origin, edge], output: 1 kB}]
telemetry: {refresh: 100 ms, delay: 20 ms}
policies: [random, {policy: threshold, feature: images, above: 4}, ucb1]
Y
"$OFFSIM" run free.yaml --replications 6 -o free --quiet >/dev/null 2>&1
says "ope: no target" 2 "--target P" ope free
says "ope: unknown target" 2 "did you mean 'threshold'?" ope free --target thresold
says "ope: a learner without state" 2 "'ucb1' learns" ope free --target ucb1
says "ope: an oracle" 2 "reads the future" ope free --target clairvoyant
says "ope: a feature that the log lacks" 2 "reads the feature 'imags'" ope free --target-policy '{policy: threshold, feature: imags, above: 2}'
says "ope: unknown log" 2 "did you mean 'random'?" ope free --target threshold --log rndom
says "ope" 0 "effective sample size" ope free --target threshold --rows rows.csv
"$OFFSIM" ope free --target threshold --format json >ope.json 2>/dev/null
# Where nobody waits there is no carry-over: the truth lies within 4 standard errors of ips, snips and dr (one false alarm
# in 5,000 seeds), and no warning is given. The rows give ips and the effective sample size again.
check "ope is right where decisions do not meet" python3 - <<'P'
import csv, json
r = json.load(open("ope.json")); e = r["estimates"]; half = (r["truth"]["hi_95"] - r["truth"]["lo_95"]) / 4
for k in ("ips", "snips", "dr"):
    assert abs(e[k]["error"]) < 4 * (e[k]["se"] ** 2 + half ** 2) ** .5, (k, e[k])
assert not r["warnings"], r["warnings"]
rows = list(csv.DictReader(open("rows.csv"))); w = [float(x["weight"]) for x in rows]
assert abs(sum(a * float(x["reward"]) for a, x in zip(w, rows)) / len(w) - e["ips"]["value"]) < 1e-9
assert abs(sum(w) ** 2 / sum(a * a for a in w) - r["effective_sample_size"]) < 1e-6
assert all(abs(float(x["target"]) / float(x["propensity"]) - float(x["weight"])) < 1e-12 for x in rows)
P
says "a log that covers nothing is said" 0 "warning: the mean weight is" ope free --target random --log threshold
for h in exit loop crash nan; do
  OFFSIM_HANG_S=1 says "ope: $h is contained" 4 "'$h-0'" ope free --target-policy "{policy: ./$h-0.so}"
done
"$OFFSIM" run m.yaml --policy random --replications 5 -o met --quiet >/dev/null 2>&1
says "carry-over is said" 0 "warning: carry-over" ope met --target threshold
"$OFFSIM" train free.yaml --policy ucb1 --replications 20..22 -o u.state --quiet
says "a frozen learner as target" 0 "own runs" ope free --target-policy '{policy: ucb1, state: u.state, frozen: true}'
finish
