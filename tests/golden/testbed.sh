#!/bin/bash
# offsim testbed: the real processes at a tiny load: formats, methods and faults. Times are not asserted, but for a planted slow
# server, which has to be seen.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
shape=gemm_f32:m=32,n=64,k=64
testbed() { timeout -k 5 60 "$OFFSIM" testbed --quiet --executions 60 --repeats 1 "$@"; }
refused() { # refused NAME EXIT PATTERN ARGUMENTS...
  local name=$1 want=$2 pattern=$3; shift 3
  testbed -o "$work/none" "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | tail -n 8; }
}
refused "an unknown option" 2 "did you mean '--load'" --laod .3
refused "a load of 2" 2 "--load is up to 8 numbers from 0.01 to 0.95" --load 2
refused "no requests" 2 "--requests is a whole number from 50" --requests 0
refused "an unknown kernel" 2 "no such kernel" --work nothing:m=1
refused "a parameter is missing" 2 "parameter k is missing" --work gemm_f32:m=8,n=8
refused "batches without a parameter" 2 "needs the --batch-parameter" --batch-work $shape
refused "a link that is not there" 2 "there is no file 'nowhere.rtt'" --link nowhere.rtt
refused "a word too many" 2 "takes options only" please
OFFSIM_KERNELS=$work/nothing refused "no offsim-kernels" 3 "there is no program offsim-kernels"

if [ "$(nproc)" -gt 1 ]; then
  taskset -c 0 true 2>/dev/null && taskset -c "$(taskset -pc $$ | sed 's/.*: *//; s/[,-].*//')" \
    "$OFFSIM" testbed --quiet --executions 60 --repeats 1 -o "$work/one" --work $shape --load .1 --requests 50 >"$work/one.txt" 2>&1
  check "one core: not judged, and says so" grep -q "NOT JUDGED: client and server share the only core" "$work/one.txt"
fi
check "four configurations at a tiny load" testbed -o "$work/d" --work $shape --work gemm_f32:m=64,n=64,k=64 --batch-work $shape \
  --batch-parameter m --batching --cold-starts --load .2 --requests 120
check "formats, stations, link, predictions" /usr/bin/python3 - "$work/d" "$OFFSIM" <<'PY'
import csv, json, subprocess, sys
d, offsim = sys.argv[1:]
report = json.load(open(d + "/report.json"))
assert report["judged"] is False and "20000 requests" in report["not_judged"]
assert [r["configuration"] for r in report["results"]] == ["plain", "batching", "cold-starts", "batching-cold-starts"]
link = [tuple(map(float, row)) for row in list(csv.reader(open(d + "/link.csv")))[1:]]
def link_takes(t, size):
    k = max(i for i, piece in enumerate(link) if piece[0] <= t)
    return link[k][1] + size / link[k][2]
for r in report["results"]:
    base = f"{d}/{r['configuration']}-20-r1"
    for which in ("measured_s", "predicted_s", "band_low_s", "band_high_s", "hindsight_s"):
        q = [r[which][p] for p in ("p5", "p25", "p50", "p75", "p90", "p95", "p99")]
        assert q == sorted(q) and q[0] > 0, (r["configuration"], which, q)
    plan = list(csv.DictReader(open(base + ".csv")))
    records = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(open(base + "-records.csv"))]
    assert len(plan) == len(records) == 120
    for p, x in zip(plan, records):
        assert abs(float(p["at_s"]) - x["planned_s"]) < 2e-9 and int(p["shape"]) == x["shape"]        # open loop
        at = [x[k] for k in ("planned_s", "sent_s", "up_in_s", "up_due_s", "up_out_s", "serve_s", "served_s", "down_in_s", "down_due_s",
                             "down_out_s", "received_s")]
        assert at == sorted(at), at
        for a, b, size in (("up_in_s", "up_due_s", 2000), ("down_in_s", "down_due_s", 256)):
            assert abs(x[b] - x[a] - link_takes(x[a], size)) < 2e-9, (x[a], x[b])                  # what the relay imposed
    busy = sorted({(x["serve_s"], x["served_s"]) for x in records})
    assert all(a[1] <= b[0] for a, b in zip(busy, busy[1:]))                                       # one worker
    sizes = {x["batch"] for x in records}
    assert ("batching" in r["configuration"]) or sizes == {1}, sizes
    assert (records[0]["cold"] == 1) == ("cold" in r["configuration"])
    said = json.loads(subprocess.run([offsim, "run", base + ".yaml", "--format", "json", "--quiet", "-o", base + "-run"],
                                     capture_output=True, text=True, check=True).stdout)
    p50 = said["policies"][0]["metrics"]["latency_p50_s"]["value"]
    assert abs(p50 / r["predicted_s"]["p50"] - 1) < 1e-9, (p50, r["predicted_s"]["p50"])           # anyone can repeat it
PY
check "figures" test -s "$work/d/plain-20.svg" -a -s "$work/d/batching-cold-starts-20.svg"
# 2 times slower: the factor is of one process on one core, so that neighbours spoil both sides alike.
check "a server slower than before" testbed -o "$work/slow" --work gemm_f32:m=256,n=256,k=256 --load .2 --requests 150 --planted-slow 2
check "is seen" /usr/bin/python3 -c "
import json
r = json.load(open('$work/slow/report.json'))['results'][0]
assert r['cause']['kernel_factor'] > 1.35 and r['error']['p50'] < 0, (r['cause'], r['error'])"
# Stopped in the middle: its own exit code, and nobody left.
"$OFFSIM" testbed --quiet --executions 60 -o "$work/stop" --work $shape --load .05 --requests 30000 >"$work/stop.txt" 2>&1 & pid=$!
for _ in $(seq 100); do [ -s "$work/stop/plain-5-r1.yaml" ] && break; sleep 0.1; done
children=$(pgrep -P $pid); kill -TERM $pid; wait $pid; code=$?
check "a signal: exit 75" same $code 75
check "its processes were there" test -n "$children"
check "and are gone" bash -c "for p in $(echo $children); do ! kill -0 \$p 2>/dev/null || exit 1; done"
finish
