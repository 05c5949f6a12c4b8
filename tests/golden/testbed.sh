#!/bin/bash
# offsim testbed: the real processes at a tiny load: formats, methods and faults. Times are not asserted, but for a planted slow
# server, which has to be seen.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
shape=gemm_f32:m=32,n=64,k=64
testbed() { timeout -k 5 60 "$OFFSIM" testbed --quick --quiet --executions 50 --repeats 1 "$@"; }
refused() { # refused NAME EXIT PATTERN ARGUMENTS...
  local name=$1 want=$2 pattern=$3; shift 3
  testbed -o "$work/none" "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | tail -n 8; }
}
printf '# bin_ms=20\npackets\n40\n2\n7\n0\n19\n' >"$work/rates.mahi"
printf 't_ms,rtt_ms\n0,0.8\n31,1.6\n55,0.5\n90,9\n' >"$work/trips.csv"
refused "an unknown option" 2 "did you mean '--load'" --laod .3
refused "a load of 2" 2 "--load is up to 8 numbers from 0.01 to 0.95" --load 2
refused "no requests" 2 "--requests is a whole number from 50" --requests 0
refused "an unknown kernel" 2 "no such kernel" --work nothing:m=1
refused "a parameter is missing" 2 "parameter k is missing" --work gemm_f32:m=8,n=8
refused "batches without a parameter" 2 "needs the --batch-parameter" --batch-work $shape
refused "a link that is not there" 2 "there is no file 'nowhere.rtt'" --link nowhere.rtt
refused "a word for a link that is none" 2 "'gap' is perhaps 'gaps'" --link "rtt=$0,gap=cut"
refused "a link without a file" 2 "--link names no file" --link gaps=cut
refused "rates of one direction only" 2 "'up' and 'down'" --link "up=$0"
refused "a key that slips another in" 2 "is a word or a number" --link "rtt=$0,gaps=cut}, offset: {"
printf 'PING x\n64 bytes from x: icmp_seq=1 time=nan ms\n' >"$work/nan.rtt"
printf '# bin_ms=100\npackets\n10\n-3\n' >"$work/less.mahi"
printf 't_s,dl_kbps\n0,100\n1,200\n' >"$work/got.ucc"
refused "round trips that are no numbers" 2 "nan.rtt:2:" --link "$work/nan.rtt"
refused "a negative rate" 2 "less.mahi:4:1: error: a negative rate" --link "capacity=$work/less.mahi"
refused "what an application got" 2 "'as: capacity' takes it for that" --link "capacity=$work/got.ucc"
refused "rates in place of round trips" 2 "is of kind capacity, not rtt" --link "rtt=$work/rates.mahi"
refused "a word too many" 2 "takes options only" please
OFFSIM_KERNELS=$work/nothing refused "no offsim-kernels" 3 "there is no program offsim-kernels"

check "four configurations at a tiny load" testbed -o "$work/d" --work $shape --work gemm_f32:m=64,n=64,k=64 --batch-work $shape \
  --batch-parameter m --batching --cold-starts --load .2 --requests 120
check "formats, stations, link, predictions" /usr/bin/python3 - "$work/d" "$OFFSIM" <<'PY'
import csv, json, subprocess, sys
d, offsim = sys.argv[1:]
report = json.load(open(d + "/report.json"))
assert report["judged"] is False and "20000 requests" in report["not_judged"]
assert [r["configuration"] for r in report["results"]] == ["plain", "batching", "cold-starts", "batching-cold-starts"]
link = [row for row in list(csv.reader(open(d + "/link.csv")))[1:]]
latency = [(float(t), float(x)) for what, t, x in link if what == "latency" and x != "end"]
assert [row for row in link if row[0] != "latency"] == [["up", "0", "12500000"], ["up", "1", "end"], ["down", "0", "12500000"], ["down", "1", "end"]]
def link_takes(t, size):
    return [x for begin, x in latency if begin <= t][-1] + size / 12.5e6
for r in report["results"]:
    base = f"{d}/{r['configuration']}-20-r1"
    for which in ("measured_s", "predicted_s", "band_low_s", "band_high_s", "hindsight_s"):
        q = [r[which][p] for p in ("p5", "p25", "p50", "p75", "p90", "p95", "p99")]
        assert q == sorted(q) and q[0] > 0, (r["configuration"], which, q)
    assert r["band_low_s"]["mean"] < r["predicted_s"]["mean"] < r["band_high_s"]["mean"], r["configuration"]
    for p in ("p50", "p95"):
        assert abs(r["error"]["before_" + p] - (r["before_s"][p] / r["measured_s"][p] - 1)) < 1e-9
    text = open(base + ".yaml").read(), open(base + "-before.yaml").read()
    assert "before it, between its parts and after it." in text[0] and "before the load alone." in text[1], text
    plan = list(csv.DictReader(open(base + ".csv")))
    records = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(open(base + "-records.csv"))]
    assert len(plan) == len(records) == 122                          # and 2 calibrations
    for p, x in zip(plan, records):
        assert abs(float(p["at_s"]) - x["planned_s"]) < 2e-9 and int(p["shape"]) == x["shape"]        # open loop
        at = [x[k] for k in ("planned_s", "sent_s", "up_in_s", "up_due_s", "up_out_s", "serve_s", "served_s", "down_in_s", "down_due_s",
                             "down_out_s", "received_s")]
        assert at == sorted(at), at
        for a, b, size in (("up_in_s", "up_due_s", 2000), ("down_in_s", "down_due_s", 256)):
            assert abs(x[b] - x[a] - link_takes(x[a], size)) < 2e-9, (x[a], x[b])                  # what the relay imposed
    assert r["cause"]["rounds_anew"] <= 2
    for c in (x for x in records if x["shape"] == -2):
        assert not [x for x in records if x["up_out_s"] < c["served_s"] <= x["serve_s"]], c                   # nobody waited for it
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
# On one core. Its link is of round trips and rates, which begin anew at their ends: the relay against an own sum, the simulator
# against the same.
first=$(taskset -pc $$ 2>/dev/null | sed 's/.*: *//; s/[,-].*//')
check "one core, a link of round trips and rates" ${first:+taskset -c "$first"} timeout -k 5 60 "$OFFSIM" testbed --quick --quiet --executions 50 \
  --repeats 1 -o "$work/l" --work $shape --load .05 --requests 50 --link "rtt=$work/trips.csv,capacity=$work/rates.mahi"
[ -z "$first" ] || check "one core: not judged, and says so" grep -q '"not_judged": "client and server share the only core"' "$work/l/report.json"
check "is imposed by the relay as by the simulator" /usr/bin/python3 - "$work/l" "$OFFSIM" "$work" <<'PY'
import csv, json, re, subprocess, sys
d, offsim, work = sys.argv[1:]
trips = ([0, .031, .055, .09], [.0004, .0008, .00025, .009 - .0006], .09 + .031)      # from, one way (median of the four: 1.2 ms), length
rates = ([0, .02, .04, .06, .08], [40 * 75000, 2 * 75000, 7 * 75000, 0, 19 * 75000], .1)
def at(series, t):
    begin, value, length = series
    k = max(i for i, b in enumerate(begin) if b <= t % length + 1e-12)
    return value[k], (begin + [length])[k + 1] - t % length
def takes(t, size):
    took = 0
    while True:
        rate, left = at(rates, t + took)
        if rate * left >= size:
            return took + size / rate + at(trips, t)[0]
        took, size = took + left, size - rate * left
for x in csv.DictReader(open(d + "/plain-5-r1-records.csv")):
    x = {k: float(v) for k, v in x.items()}
    for a, b, size in (("up_in_s", "up_due_s", 2000), ("down_in_s", "down_due_s", 256)):
        assert abs(x[b] - x[a] - takes(x[a], size)) < 1e-8, (x[a], x[b] - x[a], takes(x[a], size))
# 40 requests, each alone, with 1 ms of service
times = [.311 * i + .0037 * i % 7 for i in range(40)]
open(work + "/alone.csv", "w").write("at_s\n" + "".join(f"{t:.9f}\n" for t in sorted(times)))
text = open(d + "/link.yaml").read().replace("duration: 10 s", "duration: 60 s")
text = text.replace("arrivals: {poisson: {rate: 1 /s}}", "arrivals: {trace: {file: alone.csv, time: {column: at_s, as: s, origin: zero}}}")
open(work + "/alone.yaml", "w").write(text + "replications: 1\ntelemetry: ideal\n")
said = json.loads(subprocess.run([offsim, "run", work + "/alone.yaml", "--format", "json", "--quiet", "-o", work + "/alone-run"],
                                 capture_output=True, text=True, check=True).stdout)
own = []
for t in times:
    up = takes(t, 2000)
    own.append(up + .001 + takes(t + up + .001, 256))
got = said["policies"][0]["metrics"]["latency_mean_s"]["value"]
assert abs(got / (sum(own) / len(own)) - 1) < 1e-6, (got, sum(own) / len(own))
PY
check "figures" test -s "$work/d/plain-20.svg" -a -s "$work/d/batching-cold-starts-20.svg"
# Twice as slow: the median of the loaded executions over that of those before. Of a healthy server its logarithm scattered by .02 at
# a load average of 3.7 on two cores, by .15 to .19 where others kept starting and stopping: there 1.5 (.41) is not told from 1. The bar is 1.4 (.34), and
# a miss is tried again, twice: at .15 one in a million misses, and 4 % of healthy servers would pass for slow.
slower() {
  testbed -o "$work/slow" --work gemm_f32:m=256,n=256,k=256 --load .2 --requests 150 --planted-slow 2 || return 1
  /usr/bin/python3 -c "
import json
r = json.load(open('$work/slow/report.json'))['results'][0]
assert r['cause']['kernel_factor_median'] > 1.4, (r['cause'], r['error'])"
}
seen() { for _ in 1 2 3; do slower && return; done; return 1; }
check "a server slower than before is seen" seen
# A profile: what the kernel took in place a moment ago, but for batches of 4 and for m = 256, which are said to take 1.5 times as long.
/usr/bin/python3 - "$work" <<'PY'
import csv, statistics, sys
work = sys.argv[1]
took = [float(row["wall_s"]) for row in csv.DictReader(open(work + "/slow/plain-20-r1-kernels.csv"))]
cost = statistics.median(took) / (2 * 256 ** 3) * 1e12
text = f"""kind: hardware
name: planted
doc: planted
sources: {{kernels: {{source: "a test", year: 2026, grade: M}}}}
measured: {{program: offsim-kernels, cores: 2, complete: true}}
value:
  kernels:
    gemm_f32: {{version: 1, unit: "FLOP", clock: cpu, axes: {{m: [64, 128, 192, 256, 320, 512]}}, cost: [{cost} ps, {cost} ps, {cost} ps,
      {1.5 * cost} ps, {cost} ps, {cost} ps], sigma: 0.01, band: [0.8, 1.1]}}
"""
for name, words in ("planted", []), ("cut", [(", complete: true", "")]), ("unknown", [("gemm_f32", "gemm_f33")]), ("nonsense", [("0.8, 1.1", "1.2, 1.1")]):
    changed = text
    for old, new in words:
        changed = changed.replace(old, new)
    open(f"{work}/{name}.yaml", "w").write(changed)
PY
big="--work gemm_f32:m=128,n=256,k=256 --work gemm_f32:m=256,n=256,k=256 --batch-work gemm_f32:m=64,n=256,k=256 --batch-parameter m"
rm -rf "$work/none"
refused "a profile that is not there" 2 "there is no file 'nowhere.yaml'; \`offsim calibrate -o nowhere.yaml\` makes one" --profile nowhere.yaml
refused "half a profile" 2 "measured needs 'complete'" --profile "$work/cut.yaml"
refused "a profile of a kernel that nobody knows" 2 "did you mean 'gemm_f32'" --profile "$work/unknown.yaml"
refused "a profile of nonsense" 2 "0 < low <= 1 <= high" --profile "$work/nonsense.yaml"
refused "a kernel that the profile has not" 2 "the profile has no cost of gemm_i8" --profile "$work/planted.yaml" --work gemm_i8:m=64,n=256,k=256
refused "a shape that was not measured" 2 "was measured with m from 64 to 512;" \
  --profile "$work/planted.yaml" --work $shape
refused "a shape that is none" 2 "'gemm_f32:m=64;n=1' cannot be read" --profile "$work/planted.yaml" --work 'gemm_f32:m=64;n=1'
refused "a batch of what the shape has not" 2 "has not the --batch-parameter" --profile "$work/planted.yaml" $big --batch-parameter size --batching
check "nothing ran" test ! -e "$work/none/weights.bin"
check "a profile in place of the times" testbed -o "$work/p" --profile "$work/planted.yaml" $big --batching --load .3 --requests 60
check "is what was simulated, and where it is wrong is seen" /usr/bin/python3 - "$work/p" "$OFFSIM" <<'PY'
import csv, json, re, statistics, subprocess, sys
d, offsim = sys.argv[1:]
report = json.load(open(d + "/report.json"))
assert report["profile_file"].endswith("planted.yaml")
cost = [float(x) * 1e-12 for x in re.search(r"cost: \[([^]]*)\]", open(d + "/profile.yaml").read())[1].replace("ps", "").split(",")]
of = dict(zip((64, 128, 192, 256, 320, 512), cost))
of[384] = of[448] = of[512]
plain, batching = report["results"]
for r, m_of in (plain, lambda x: int(re.search("m=([0-9]+)", x["shape"])[1])), (batching, lambda x: 64 * x["batch"]):
    times = [row for row in csv.DictReader(open(f"{d}/{r['configuration']}-30-r1-kernels.csv"))]
    for x in r["profile"]:
        m = m_of(x)
        assert abs(x["profile_s"] / (2 * m * 256 * 256 * of[m]) - 1) < 1e-6, x
        shape = str([128, 256].index(m)) if r is plain else "0"
        own = sorted(float(row["wall_s"]) for row in times if row["shape"] == shape and row["batch"] == str(x["batch"]))
        assert own[0] / 2 < x["in_place_s"] < own[-1] * 2, (x, own[0], own[-1])       # their median, less the machine's pace of each part
        assert abs(x["error"] - (x["profile_s"] / x["in_place_s"] - 1)) < 1e-9
        assert x["within_band"] == (.8 <= x["in_place_s"] / x["profile_s"] <= 1.1), x
# One of both is 1.5 times too dear. Medians of one process, in random order: what the machine did since then is in both.
sound, planted = (1 + x["error"] for x in plain["profile"])
assert planted / sound > 1.25, (planted, sound)
for variant, error in ("", "none"), ("-low", "low"), ("-high", "high"):
    text = open(f"{d}/plain-30-r1{variant}.yaml").read()
    assert f"calibration: {{error: {error}}}" in text and "work: {kernel: gemm_f32, m: 256, n: 256, k: 256}" in text, text
said = json.loads(subprocess.run([offsim, "run", d + "/plain-30-r1.yaml", "--format", "json", "--quiet", "-o", d + "/run"],
                                 capture_output=True, text=True, check=True).stdout)
assert abs(said["policies"][0]["metrics"]["latency_p50_s"]["value"] / plain["predicted_s"]["p50"] - 1) < 1e-9
# A batch: its kernel by the profile (the mean over its scatter), and what reading and answering so many takes.
for variant, factor in ("", 1), ("-low", .8), ("-high", 1.1):
    text = open(f"{d}/batching-30-r1{variant}.yaml").read()
    us = [float(x.split()[0]) for x in re.search(r"times: \[([^]]*)\]", text)[1].split(",")]
    rest = [t - factor * 2e6 * 64 * i * 65536 * of[64 * i] * (1 + .01 ** 2 / 2) for i, t in enumerate(us, 1)]
    assert all(abs(a - 2 * b + c) < .01 for a, b, c in zip(rest, rest[1:], rest[2:])), rest
assert plain["band_low_s"]["p50"] < plain["predicted_s"]["p50"] < plain["band_high_s"]["p50"]
PY
# Three requests that wait at once: the batch of what is alike, before and behind a calibration, never with it.
check "a calibration is in no batch" /usr/bin/python3 - "$OFFSIM-kernels" "$work/mixed.csv" <<'PY'
import json, socket, struct, subprocess, sys
program, calibration = sys.argv[1:]
serve = subprocess.Popen([program, "serve", "--shape", "gemm_f32:m=16,n=32,k=32", "--batch", "4", "--batch-parameter", "m", "--executions", "40",
                          "--again", "7", "--calibrate", calibration, "--time-limit", "40", "--poll", "block"], stdout=subprocess.PIPE, text=True)
port = json.loads(serve.stdout.readline())["port"]
head = struct.Struct("=IIIIq11qqqII")
with socket.create_connection(("127.0.0.1", port)) as s:
    shapes = (0, 0, 2 ** 32 - 2, 2 ** 32 - 2, 0, 0)
    s.sendall(b"".join(head.pack(0x4f665362, i, shape, 0, *[0] * 16) for i, shape in enumerate(shapes)))
    f, got = s.makefile("rb"), []
    while len(got) < len(shapes):
        h = head.unpack(f.read(head.size))
        f.read(h[3])
        got.append((h[1], h[2], h[18], h[10], h[11]))                   # id, shape, batch, serve, served
    f.close()
assert serve.wait(20) == 0
assert [x[:2] for x in got] == list(enumerate(shapes)), got
assert [x[2] for x in got][2:4] == [1, 1] and all(x[2] <= 2 for x in got), got
busy = sorted({x[3:] for x in got})
assert all(a[1] <= b[0] for a, b in zip(busy, busy[1:])), busy
blocks = [line.split(",")[0] for line in open(calibration)][1:]
assert blocks == ["-1"] * 40 + ["2"] * 7 + ["3"] * 7, blocks
PY
# Stopped in the middle: its own exit code, and nobody left.
"$OFFSIM" testbed --quick --quiet --executions 50 -o "$work/stop" --work $shape --load .05 --requests 30000 >"$work/stop.txt" 2>&1 & pid=$!
for _ in $(seq 100); do [ -s "$work/stop/plain-5-r1-before.yaml" ] && break; sleep 0.1; done
children=$(pgrep -P $pid); kill -TERM $pid; wait $pid; code=$?
check "a signal: exit 75" same $code 75
check "its processes were there" test -n "$children"
check "and are gone" bash -c "for p in $(echo $children); do ! kill -0 \$p 2>/dev/null || exit 1; done"
finish
