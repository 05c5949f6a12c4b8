#!/bin/bash
# A context longer than the memory beside the weights: its request fails, and the result says why.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
unset OFFSIM_DATA
cat >"$work/long.yaml" <<'YAML'
name: long
horizon: {duration: 600 s}
replications: 4
places:
  - {name: phone, tier: device, zone: user, count: 10}
  - {name: metro, tier: edge, zone: telco, hardware: tight}
hardware:
  tight: {bandwidth: 100 GB/s, flops: 10 TFLOP/s, memory: 1.1 GB}
variants:
  small: {parameters: 1e9, weights: 1 GB, kv: 1 MB/tok}
links:
  - {name: access, between: [phone, metro], latency: 5 ms, rate: 20 Mbit/s}
classes:
  - name: text
    from: [phone]
    arrivals: {poisson: {rate: 2 /s}}
    attributes:
      prompt: {dist: {uniform: {low: 10, high: 190}}}
    pipeline:
      - {task: write, variants: [small], work: {tokens: {input: prompt, output: 10}}, places: [metro]}
policies: [always_edge]
YAML
"$OFFSIM" run "$work/long.yaml" -o "$work/r" >"$work/text" 2>&1
check "the warning names the place" grep -q "place metro refused .* prompt or context longer than its KV memory" "$work/text"
# 100 tokens beside the weights, 10 of them output: prompts beyond 90 of 10..190 are refused, 5 / 9 of 4800.
# Five standard deviations: false alarm below 1e-6.
share() { /usr/bin/python3 -c 'import sqlite3, sys
n, refused = sqlite3.connect(sys.argv[1]).execute("select sum(value * (name = \"attempts\")), sum(value * (name = \"refused_memory\")) from metric where place = \"metro\"").fetchone()
sys.exit(not (n > 4000 and abs(refused / n - float(sys.argv[2])) < 5 * (0.25 / n) ** 0.5))' "$work/r/catalog.sqlite" "$1"; }
check "as many as are too long" share 0.5555556
not() { ! "$@"; }
check "planted: another share is seen" not share 0.5
"$OFFSIM" run "$work/long.yaml" --set hardware.tight.memory="2 GB" -o "$work/room" >"$work/text" 2>&1
check "with room for all there is no such warning" not grep -q "refused" "$work/text"
finish
