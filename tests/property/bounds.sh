#!/bin/bash
# No policy beats its bounds: 100 random scenarios, request by request; long: 1000. Fixed cases with known values.
. tests/tap.sh
size=${1:-short}; count=100; [ "$size" = long ] && count=1000
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
check "bounds hold on $count random scenarios, and planted slower links are seen" \
  /usr/bin/python3 tests/property/bounds.py "$OFFSIM" $count "${SEED:-1}"

cat >"$work/alone.yaml" <<'EOF'
name: alone
horizon: {kind: terminating, duration: 100 s}
replications: 2
primary: latency_mean_s
objective: {latency: -1 /s, failure: -10}
places:
  - {name: phone, tier: device}
  - {name: edge, tier: edge}
links:
  - {name: access, between: [phone, edge], latency: 300 ms, rate: 8 Mbit/s}
classes:
  - name: c
    from: [phone]
    arrivals: {poisson: {rate: 1 /s}}
    pipeline:
      - {task: t, work: {time: 1 s}, places: [edge]}
telemetry: ideal
policies: [always_edge, alone_bound]
EOF
of() { /usr/bin/python3 -c "import json,sys; P={p['policy']: p for p in json.load(open('$work/json'))['policies']}; sys.exit(0 if $1 else print(P) or 1)"; }
"$OFFSIM" run "$work/alone.yaml" -o "$work/r" --quiet --format json >"$work/json"
check "alone: 1 s at the edge and .3 s each way" of "abs(P['alone_bound']['metrics']['latency_mean_s']['value'] - 1.6) < 1e-6"
check "its kind is bound" of "P['alone_bound']['kind'] == 'bound' and P['always_edge']['kind'] == 'policy'"
check "it has no metrics without a proof" of "'offload_ratio' not in P['alone_bound']['metrics']"
check "and its cost is that of the objective" of "abs(P['alone_bound']['metrics']['cost_objective']['value'] - 1.6) < 1e-6"

"$OFFSIM" run scenarios/validation/two-queues.yaml --policy queues_bound --replications 1 -o "$work/q" --quiet --format json >"$work/json"
check "two queues: 4.72918 jobs at 1.6 /s" of "abs(P['queues_bound']['metrics']['latency_mean_s']['value'] / 2.9557365 - 1) < 1e-5"

# A policy that hedges on its own: of two exponential times of 1 s the first ends after 1/2 s, below the bound of one attempt,
# which must say so. A time-out of 1 s loses
# exp(-1) of the requests, at a fifth of what a mean answer costs.
cat >"$work/own.yaml" <<'EOF'
name: own
horizon: {kind: terminating, duration: 20000 s}
replications: 2
primary: latency_mean_s
objective: {latency: -1 /s, failure: -0.2}
places:
  - {name: phone, tier: device}
  - {name: edge, tier: edge, servers: 1000}
  - {name: other, tier: edge, servers: 1000}
classes:
  - name: c
    from: [phone]
    arrivals: {poisson: {rate: 1 /s}}
    pipeline:
      - {task: t, work: {time: {exponential: {mean: 1 s}}}, places: [edge, other]}
links:
  - {name: a, between: [phone, edge], latency: 0 s, rate: 8 Gbit/s}
  - {name: b, between: [phone, other], latency: 0 s, rate: 8 Gbit/s}
telemetry: ideal
EOF
hedger=$work/hedger.so
check "build the hedger" cc -std=c11 -O2 -I. -fPIC -shared -o "$hedger" tests/abi/hedger.c
own() { # own POLICIES: what the bounds warn of, and means
  "$OFFSIM" run "$work/own.yaml" --set policies="[$1]" -o "$work/own" --quiet --format json >"$work/json"; }
warned() { /usr/bin/python3 -c "
import json, sys
P = {p['policy']: p for p in json.load(open('$work/json'))['policies']}
w = [x for x in P['$1']['warnings'] if 'does not bound' in x]
m = lambda name: P[name]['metrics']['$3']['value']
sys.exit(0 if len(w) == $2 and all(x in str(w) for x in sys.argv[1:]) else str((w, {p: m(p) for p in P})))" "${@:4}"; }
beats() { /usr/bin/python3 -c "import json,sys; P={p['policy']: p['metrics'] for p in json.load(open('$work/json'))['policies']}; sys.exit(0 if $1 else str(P))"; }
own "{policy: $hedger, name: twice, after: 0}, alone_bound"
check "a policy that hedges has half the latency of one attempt" beats "abs(P['twice']['latency_mean_s']['value'] - .5) < .02 and abs(P['alone_bound']['latency_mean_s']['value'] - 1) < .03"
check "the bound of one attempt warns of it, and how to bound it" warned alone_bound 1 latency_mean_s 'alone_bound does not bound twice, which hedged' 'attempts: any'
check "so does the table" bash -c "'$OFFSIM' compare '$work/own' 2>&1 | grep -q 'alone_bound does not bound twice, which hedged'"
check "and the report" bash -c "'$OFFSIM' report '$work/own' >/dev/null 2>&1; grep -q 'alone_bound does not bound twice' '$work/own/report.html'"
own "{policy: $hedger, name: twice, after: 0}, {policy: alone_bound, attempts: any}"
check "the bound of any attempt does not, and holds" warned alone_bound 0 latency_mean_s
check "it is below" beats "P['alone_bound']['latency_mean_s']['value'] < .5"
own "{policy: $hedger, name: never, fallbacks: 2}, {policy: $hedger, name: late, after: 9, timeout: 1}, alone_bound"
check "neither fallbacks that no failure calls nor copies that nothing waits for are warned of, but own failures that pay" \
  warned alone_bound 1 cost_objective 'alone_bound does not bound late, which let requests fail'
check "as they do: 1 s costs more than .2" beats "P['late']['cost_objective']['value'] < P['alone_bound']['cost_objective']['value']"
own "{policy: $hedger, name: late, timeout: 1, fallbacks: 1}, {policy: alone_bound, attempts: any}"
check "any attempt, whose bound is below the cost of a failure: no warning" warned alone_bound 0 cost_objective
own "{policy: $hedger, name: once}, alone_bound"
check "one attempt: no warning" warned alone_bound 0 latency_mean_s
"$OFFSIM" run scenarios/validation/two-queues.yaml --set policies="[{policy: $hedger, name: twice, after: 0}, queues_bound]" \
  --replications 1 -o "$work/own-queues" --quiet --format json >"$work/json"
check "queues_bound warns too" warned queues_bound 1 latency_mean_s 'queues_bound does not bound twice, which hedged'

said() { local want=$1; shift; "$OFFSIM" "$@" >"$work/said" 2>&1; local rc=$?; [ $rc = 2 ] && grep -qF -- "$want" "$work/said" || { echo "exit $rc"; cat "$work/said"; return 1; }; }
check "an objective that likes waiting has no bound" said 'less time, money and energy' run "$work/alone.yaml" -o "$work/s" --set objective.latency='1 /s'
check "queues_bound says what it needs" said 'queues_bound needs exponential service times' run "$work/alone.yaml" -o "$work/s" --policy queues_bound
check "batch_bound says how many it can" said 'at most 256 requests' run "$work/alone.yaml" -o "$work/s" --policy batch_bound --set horizon.duration='1000 s'
check "a grid needs values" said 'at least two values' check tests/data/one-threshold.yaml

cat >"$work/refs.py" <<'EOF'
import json, sys
d = json.load(open(sys.argv[1])); P = {p['policy']: p for p in d['policies']}
cost = lambda n: P[n]['metrics']['cost_objective']['value']
grid = [n for n in P if n.startswith('tuned_threshold.')]
assert len(grid) == 3 and P['tuned_threshold']['kind'] == 'reference', P.keys()
assert cost('tuned_threshold') == min(map(cost, grid))
assert P['cost_aware']['reference'] == 'model_greedy' and P['tuned_threshold']['reference'] == 'tuned_threshold'
assert d['comparison'].get('incomplete') is None, d['comparison'].get('incomplete')
EOF
sed 's/above: 3/above: [1, 3, 5]/' tests/data/one-threshold.yaml >"$work/refs.yaml"
"$OFFSIM" run "$work/refs.yaml" -o "$work/refs" --quiet --format json >"$work/refs.json"
check "all references: the tuned threshold is the best of its grid, nothing is missing" /usr/bin/python3 "$work/refs.py" "$work/refs.json"
cat >"$work/classifier.py" <<'EOF'
import glob, math, sys, h5py
n = good = 0
for path in glob.glob(sys.argv[1] + '/traces/*.h5')[:3]:
    with h5py.File(path, 'r') as f:
        for u, v in zip(f['requests/difficulty'][:], f['requests/score'][:]):
            n += 1
            good += (u < .5) == (v < .5)
p = .5 + math.asin(math.sqrt(1 - .3 ** 2)) / math.pi
se = math.sqrt(p * (1 - p) / n)
assert n > 200 and abs(good / n - p) < 4 * se and abs(good / n - 1) > 4 * se, (good, n, p)
EOF
check "a classifier with error .3 finds the half 90 times of 100" /usr/bin/python3 "$work/classifier.py" "$work/refs"
finish
