#!/bin/bash
# `offsim inspect` says why p99 is what it is: a slow place, a slow link and cold starts are planted in a world where nothing
# is slow by itself, and each is named, with its phase, its place, its requests and, where there is a budget, its misses.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
world() { local name=$1; shift; "$OFFSIM" run tests/property/inspect.yaml --quiet -o "$work/$name" "$@"; }
why() { "$OFFSIM" inspect "$work/$1" --json >"$work/$1.json" && /usr/bin/python3 tests/property/blame.py "$work/$1" "$work/$1.json" "${@:2}"; }

check "a world without troubles runs" world calm
check "nothing in it is to blame but service" why calm answer.far.serve 0 200 0.5
check "a slow place runs" world place --set 'changes=[{name: slow, at: 50 s, for: 3 s, path: places.far.speed, to: 0.2}]'
check "a slow place is named" why place answer.far.serve 49 53 0.95
check "a slow link runs" world link --set 'changes=[{name: slow, at: 120 s, for: 3 s, path: links.wan.rate_scale, to: 0.01}]'
check "a slow link is named" why link answer.far.uplink 119 123 0.9
check "cold starts run" world cold --set 'places.far.instances={cold_start: 2 s, keep_alive: 2 s, max: 20}'
check "cold starts are named" why cold answer.far.cold_start 0 200 0.9
check_not() { local name=$1; shift; "$@" >"$work/out" 2>&1; [ $? != 0 ]; result $? "$name"; }
check_not "planted: the slow place is not the calm world's answer" why calm answer.far.serve 49 53 0.95
check_not "planted: nor the slow link's" why link answer.far.serve 119 123 0.9
check "text and JSON agree" bash -c "'$OFFSIM' inspect '$work/place' | grep -q '^100.0 % of that is serve of answer at far'"
slowest=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["classes"][0]["causes"][0]["slowest"][0]["request"])' "$work/link.json")
replication=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["classes"][0]["causes"][0]["slowest"][0]["replication"])' "$work/link.json")
"$OFFSIM" inspect "$work/link" --request "$slowest" --replication "$replication" --json >"$work/one.json"
check "the path of the slowest request adds up" /usr/bin/python3 - "$work/one.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
parts = r["path"]
assert abs(sum(p["to_s"] - p["from_s"] for p in parts) - r["took_s"]) < 1e-9, r
assert all(a["to_s"] == b["from_s"] for a, b in zip(parts, parts[1:])), parts
longest = max(parts, key=lambda p: p["to_s"] - p["from_s"])
assert (longest["task"], longest["place"], longest["phase"]) == ("answer", "far", "uplink"), longest
PY
# Half of the requests carry what may not leave the device, and their second task stands elsewhere only.
cat >"$work/masked.yaml" <<'YAML'
horizon: {duration: 20 s}
data: {secret: {zones: [user]}}
places:
  - {name: phone, tier: device, zone: user, count: 5}
  - {name: far, tier: cloud, zone: public, servers: 50}
links:
  - {name: wan, between: [phone, far], latency: 10 ms, rate: 1 Gbit/s}
classes:
  - name: ask
    from: [phone]
    arrivals: {poisson: {rate: 20 /s}}
    input: 1 kB
    attributes: {secrecy: {dist: {uniform: {low: 0, high: 1}}, known: arrival}}
    data: {secret: secrecy < 0.5}
    pipeline:
      - {task: find, work: {time: 10 ms}, places: [origin], output: 1 kB}
      - {task: rank, after: [find], work: {time: 10 ms}, places: [far]}
policies: [always_cloud]
YAML
"$OFFSIM" run "$work/masked.yaml" --quiet -o "$work/masked" >"$work/masked.log" 2>&1
"$OFFSIM" inspect "$work/masked" >"$work/masked.txt" 2>&1
check "a masked request is put down to the task that had no place" grep -q ': masked at rank: no place is allowed for it' "$work/masked.txt"
check "where too many have no answer, the tail has no time" bash -c "! grep -q 'inf s' '$work/masked.txt' && grep -q 'p99 is of a request without an answer, the median' '$work/masked.txt'"
finish
