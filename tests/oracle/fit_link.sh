#!/bin/bash
# offsim fit-link on measured links against the figures of their publishers and of the parameter book: p50 within 5 %, p99
# within 15 %, rate of spikes within 20 %, and no farther from runs that it has not seen than other runs are.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; data=${OFFSIM_DATA:-}/network
export NO_COLOR=1 LC_ALL=C
fit() { local name=$1; shift; "$OFFSIM" fit-link "$@" --format json >"$work/$name"; local rc=$?; return $((rc > 1)); }
of() { /usr/bin/python3 -c "
import json, sys
d = json.load(open('$work/$1')); m, t, g, h = d['model'], d['trace'], d['given'], d['held_out_test']
near = lambda a, b, e: abs(a / b - 1) <= e
good = $2
print(json.dumps({'trace': t, 'given': g, 'held': h}))
sys.exit(not good)"; }
if [ ! -e "$data/cicv5g-rtt/INDEX.csv" ]; then
  skip "measured links" 'needs files of $OFFSIM_DATA'
  finish
fi
car=$data/cicv5g-rtt
check "n78 urban: a fit" fit n78 "$car"/urban_road_2_n78_* --gaps cut
check "n78 urban: p50 16 ms, p99 27 ms as published" of n78 "near(g['p50'], .016, .05) and near(g['p99'], .027, .15)"
check "n78 urban: body as in the book: median 15.8 ms" of n78 "near(m['body_s']['floor'] + m['body_s']['median'], .0158, .05)"
check "n78 urban: 0.86 spikes in 1000 messages" of n78 "near(g['spikes_per_1000'], .86, .2) and near(g['spike_peak_p50_s'], .257, .15)"
check "n78 urban: P(RTT > 60 ms) 0.0028" of n78 "near(g['share_above_threshold'], .0028, .2)"
check "n78 urban: within the run-to-run spread" of n78 "h['within'] and d['effect']['same_ranking']"
check "n8 urban: a fit" fit n8 "$car"/urban_road_1_n8_*
check "n8 urban: p50 18 ms, p99 28 ms as published" of n8 "near(g['p50'], .018, .05) and near(g['p99'], .028, .15)"
check "n8 urban: 0.64 spikes in 1000 messages" of n8 "near(g['spikes_per_1000'], .64, .2) and near(g['spike_peak_p50_s'], .264, .15)"
check "n8 urban: within the run-to-run spread" of n8 "h['within'] and d['effect']['same_ranking']"
check "arterial: a fit" fit art "$car"/arterial_road_n78_*
check "arterial: 4.8 spikes in 1000 messages, 260 ms" of art "near(g['spikes_per_1000'], 4.8, .2) and near(g['spike_peak_p50_s'], .26, .15)"
check "arterial: within the run-to-run spread" of art "h['within'] and d['effect']['same_ranking']"
check "weak to strong: a fit" fit w2s "$car"/w2s_*
check "weak to strong: 4.4 spikes in 1000 messages, 332 ms" of w2s "near(g['spikes_per_1000'], 4.4, .2) and near(g['spike_peak_p50_s'], .332, .15)"
check "weak to strong: within the run-to-run spread" of w2s "h['within'] and d['effect']['same_ranking']"
check "rural, standing: a fit" fit v0 "$car"/rural_*n8_v0_*
check "rural, standing: within the run-to-run spread" of v0 "h['within'] and m['spikes']['stretch_mean'] > 1.1"
check "rural: a fit" fit rural "$car"/rural_*v10* --gaps cut
check "rural: outages to 34 s" of rural "30 < g['outage_max_s'] < 38 and t['outages_per_1000'] > 1"
check "5G static download: a fit" fit ucc "$data"/ucc-5g-throughput/download_static_*
check "5G static download: median 40.8 Mbit/s, s 1.58, rho .78, idle .07" of ucc \
  "near(8e-6 * m['median_bytes_per_s'], 40.8, .02) and near(m['sigma'], 1.58, .02) and near(m['correlation_1s'], .78, .02) and near(m['idle_share'], .07, .05)"
check "5G static download: within the run-to-run spread" of ucc "h['within']"
check_exit "5G static download: a log-normal is not, and that is told" 1 "$OFFSIM" fit-link "$data"/ucc-5g-throughput/download_static_* --body family
check "LTE driving: a fit" fit att "$data"/mahimahi-cellular/ATT-LTE-driving_down.csv
check "LTE driving: median 5.4 Mbit/s, rho .86, 5 % of the bins idle" of att \
  "near(8e-6 * m['median_bytes_per_s'], 5.4, .05) and near(m['correlation_1s'], .86, .03) and near(m['idle_share'], .051, .02)"
check_exit "throughput is no capacity" 2 "$OFFSIM" fit-link "$data"/ucc-5g-throughput/download_static_* --kind capacity
check_exit "kinds are not mixed" 2 "$OFFSIM" fit-link "$car"/w2s_* "$data"/mahimahi-cellular/ATT-LTE-driving_down.csv
check_exit "other runs held out: the far edge of a cell is not a city" 1 "$OFFSIM" fit-link "$car"/urban_road_1_n8_* --hold-out \
  "$(echo "$car"/rural_*n8_v0_0[12].csv | tr ' ' ,)" --threshold 0.5 --format json

effect() { /usr/bin/python3 -c "
import json, sys
e = json.load(open('$work/$1'))['scenario_effect']
print(json.dumps(e))
sys.exit(not e['same_ranking_where_told'])"; }
check "weak to strong: a scenario over the traces and over the model" fit over "$car"/w2s_* --effect scenarios/minimal.yaml \
  --replications 3 --results "$work/over-runs"
check "and its policies in the same order where the traces tell" effect over
check "UMTS driving: the same, up and down" fit umts "$data"/mahimahi-cellular/TMobile-UMTS-driving_down.csv \
  --up "$data"/mahimahi-cellular/TMobile-UMTS-driving_up.csv --effect scenarios/minimal.yaml --replications 5 --results "$work/umts-runs"
check "and its policies in the same order" effect umts
for trace in "$data"/mahimahi-cellular/*.csv; do
  name=$(basename "$trace" .csv)
  fit "$name.json" "$trace"
  check "$name: the five rules in the order of the trace, where that tells" of "$name.json" "d['effect']['same_ranking_where_told'] and h['within']"
done

mkdir -p "$work/presets/links"
check "a preset is written" "$OFFSIM" fit-link "$car"/w2s_* --year 2025 --source "own measurement" -o "$work/presets/links/own.yaml"
sed 's/preset: 5g_public_n78_urban, /preset: own, /' scenarios/minimal.yaml >"$work/s.yaml"
check "and a scenario takes it" "$OFFSIM" check "$work/s.yaml"
check "a preset of rates" "$OFFSIM" fit-link "$data"/mahimahi-cellular/TMobile-UMTS-driving_down.csv --year 2013 -o "$work/presets/links/rate.yaml"
sed 's/preset: 5g_public_n78_urban, /preset: rate, latency: 20 ms, /' scenarios/minimal.yaml >"$work/r.yaml"
check "and a scenario takes it too" "$OFFSIM" check "$work/r.yaml"
finish
