#!/bin/bash
# Bills from scenario files, to the cent: what `run` says a place costs, beside the sum by hand. tests/unit/tariff.c has
# the same ledger from inside; here are the keys, their units and the metric.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
offsim=${OFFSIM:-$here/build/offsim}
export NO_COLOR=1 OFFSIM_SHARE=$here/scenarios
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
number=0

# bill NAME EXPECTED PLACE WORK [OUTPUT [MORE]]: three requests, at 10, 20 and 30 s, all served by the place
bill() {
  number=$((number + 1))
  cat >"$work/bill.yaml" <<YAML
horizon: {duration: 35 s, drain_max: 5 min}
price_sensitivity: 25 %
places:
  - {name: phone, tier: device, zone: user, count: 1}
  - {name: seller, tier: cloud, zone: public, $3}
links: [{name: wire, between: [phone, seller]}]
classes:
  - {name: asks, from: [phone], arrivals: {renewal: {interarrival: 10 s}},
     pipeline: [{task: work, $4, places: [seller], output: ${5:-0 B}}]}
policies: [always_cloud]
${6:-}
YAML
  "$offsim" run "$work/bill.yaml" --policy always_cloud --format json -o "$work/bill-$number" >"$work/bill.json" 2>"$work/err"
  /usr/bin/python3 - "$work/bill.json" "$2" >"$work/said" 2>&1 <<'PYTHON'
import json, sys
p = json.load(open(sys.argv[1]))["policies"][0]
place, m, expected = p["places"]["seller"]["cost_usd"]["value"], p["metrics"], float(sys.argv[2])
# arrivals go on until the three are answered: only the place's bill is that of the whole run
total, low, high = (m[f"cost_total_{x}usd_per_1k_requests"]["value"] for x in ("", "low_", "high_"))
assert abs(place - expected) <= 1e-9 * (1 + expected), (place, expected)
assert abs(low - 0.75 * total) <= 1e-9 * total and abs(high - 1.25 * total) <= 1e-9 * total, (low, total, high)
PYTHON
  if [ $? = 0 ]; then echo "ok $number - $1: $2 USD"; else echo "not ok $number - $1"; sed 's/^/#   /' "$work/err" "$work/said"; fi
}

# 0.5 TB x 0.09 + 0.5 TB x 0.085, then 2 TB x 0.085
bill tiers 257.50 'tariff: {egress: {used: 9.5 TB, tiers: [{price: 0 USD/GB}, {from: 100 GB, price: 0.09 USD/GB}, {from: 10 TB, price: 0.085 USD/GB}]}}' \
  'work: {time: 1 s}' '1 TB'
# 3 x 60 s at a cent a second
bill minimum 1.80 'tariff: {time: 36 USD/h, billing: on_demand, minimum: 60 s, granularity: 1 s}' 'work: {time: 7 s}'
# 3 x (0.9 s x 2 GB x 0.001 USD + 0.20), starts of 0.33 s and services of 0.5 s being one use
bill granularity 0.6054 'instances: {max: 1, cold_start: 330 ms, keep_alive: 5 s},
     tariff: {billing: use, granularity: 100 ms, memory: 2 GB, memory_time: 0.001 USD/GBs, request: 0.20 USD}' 'work: {time: 500 ms}'
# 3 x (2 x 0.25 + 8 x 0.025 + 0.5 x 2)
bill "cached tokens" 5.10 'kind: api, ttft: 100 ms, tpot: 1 us, tariff: {input: 0.25 USD/Mtok, cached: 0.025 USD/Mtok, output: 2 USD/Mtok}' \
  'variants: [api_small], work: {tokens: {input: 1e7, cached: 8e6, output: 5e5}}'
# One reserved for the run of 51 s at 0.10 USD/s; the other starts at 20 s, for the second request, and lives for 31 s: 60 s at
# 600 USD/h
bill "reserved and overflow" 15.10 'instances: {max: 2, cold_start: 1 s, keep_alive: 1 h, reserved: 1, reserved_price: 360 USD/h},
     tariff: {time: 600 USD/h, billing: on_demand, minimum: 60 s, granularity: 1 s}' 'work: {time: 20 s}'

# One of two servers reserved for the run of 45 s at 0.10 USD/s; services of 15 s, a fourth from 40 s on: two are busy for 15 s
bill "a reserved server and overflow" 7.00 'servers: 2, tariff: {time: 600 USD/h, billing: on_demand, reserved: {servers: 1, price: 360 USD/h}}' \
  'work: {time: 15 s}'

# 1 s at 0.5 USD, then 2 s at half of 2 USD; what was bought, 0.8 USD/s, beside 1 and then 2 USD/s
bill "a discount on a price that changes" 2.50 'tariff: {time: 3600 USD/h, billing: on_demand, spot: 50 %}' 'work: {time: 1 s}' '0 B' \
  'changes: [{at: 15 s, path: places.seller.tariff.time, to: 7200 USD/h}]'
bill "what was bought beside a price that changes" 7.40 'tariff: {time: 3600 USD/h, billing: on_demand, capex: {price: 1000 USD, life: 1000 s, resale: 20 %}}' \
  'work: {time: 1 s}' '0 B' 'changes: [{at: 15 s, path: places.seller.tariff.time, to: 7200 USD/h}]'

# A request costs 1.00 USD here and $1 there, either 20 % lower or higher: overlap or not.
band() {
  number=$((number + 1))
  cat >"$work/band.yaml" <<YAML
horizon: {duration: 35 s}
replications: 2
price_sensitivity: 20 %
places:
  - {name: phone, tier: device, zone: user, count: 1}
  - {name: here, tier: edge, zone: telco, tariff: {request: 1 USD}}
  - {name: there, tier: cloud, zone: public, tariff: {request: $1 USD}}
links: [{name: wire, between: [phone, here]}, {name: wan, between: [here, there]}]
classes:
  - {name: asks, from: [phone], arrivals: {renewal: {interarrival: 10 s}},
     pipeline: [{task: work, work: {time: 1 s}, places: [here, there]}]}
policies: [always_edge, always_cloud]
YAML
  said=$("$offsim" run "$work/band.yaml" -o "$work/band-$number" 2>/dev/null | grep '^price band')
  case $said in
  *"always_edge 800.0 .. 1200, always_cloud $2") echo "ok $number - price band beside $1 USD" ;;
  *) echo "not ok $number - price band beside $1 USD"; echo "#   $said" ;;
  esac
}
band 1.3 "1040 .. 1560, best_fixed 800.0 .. 1200; the cheapest overlap: which is cheaper may depend on which prices move"
band 2 "1600 .. 2400, best_fixed 800.0 .. 1200"
echo "1..$number"
