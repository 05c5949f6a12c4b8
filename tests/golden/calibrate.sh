#!/bin/bash
# offsim calibrate, profile show, profile diff: the whole way from raw lines to a profile against costs that are known, without
# timing anything (kernels.py stands in for offsim-kernels), and what happens when the measuring program fails.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C OFFSIM_KERNELS=$PWD/tests/golden/kernels.py
export -n KERNELS_PY; unset KERNELS_PY
calibrate() { "$OFFSIM" calibrate "$@"; }
says() { # says NAME EXIT PATTERN COMMAND...
  local name=$1 want=$2 pattern=$3; shift 3
  "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | tail -n 12; }
}
left_nothing() { check "$1 leaves no file behind" bash -c "[ -z \"\$(ls '$work' | grep '^none')\" ]"; }

# ---- the whole way --------------------------------------------------------------------------------------------------------
says "calibrate" 0 "wrote $work/made.yaml" calibrate -o "$work/made.yaml" --seed 3 --figures png
for pattern in "not pinned to a core: sched_setaffinity: not permitted" "unavailable: deflate: built without zlib" \
  "self-check failed, its times are not used: aes_gcm: the tag is wrong: size=1024" "unstable: 1 of" "aes_gcm size=" "hardware: made.yaml"; do
  check "it says: $pattern" grep -qF "$pattern" "$work/said"
done
for file in made.yaml made.h5 made.raw.jsonl made-figures/gemm_f32.png made-figures/residuals.png made-figures/fitted.png; do
  check "$file is there" test -s "$work/$file"
done
check "nothing under a passing name" bash -c "! find '$work' -name '*.part*' | grep -q ."
check "the scenario reader takes it" "$OFFSIM" profile show "$work/made.yaml"

truth() { /usr/bin/python3 - "$1" "$PWD/tests/golden/kernels.py" <<'PY'
import importlib.util, json, math, sys
spec = importlib.util.spec_from_file_location("kernels", sys.argv[2]); kernels = importlib.util.module_from_spec(spec); spec.loader.exec_module(kernels)
p = json.load(open(sys.argv[1]))
def near(what, x, wanted, share):
    if not abs(x / wanted - 1) <= share: sys.exit(f"{what}: {x:g}, wanted {wanted:g} within {share:.0%}")
for name, k in p["kernels"].items():
    knots = k["axes"]["working_set"]
    assert len(k["axes"]) == 1, f"{name}: {k['axes'].keys()}"
    for w, cost in zip(knots, k["cost_s"]):
        # a shape's own factor has sigma .01, a median of 2 x 15 executions .0046; 5 % is beyond 4 sigma of both
        near(f"{name} at {w:g} B", cost, kernels.cost(name, w), 0.05)
    near(f"{name}: sigma", k["sigma"], kernels.SIGMA, 0.25)
    assert k["band"][0] <= 1 <= k["band"][1] and k["band"][1] / k["band"][0] < 1.25, f"{name}: band {k['band']}"
    assert k["unit"] == kernels.KERNELS[name][1]
g = p["kernels"]["gemm_f32"]
cold = sorted(1 + kernels.FETCH * kernels.axes("gemm_f32", s)[0] / (kernels.cost("gemm_f32", kernels.axes("gemm_f32", s)[0])
                * kernels.units("gemm_f32", s)) for s in kernels.shapes("gemm_f32", False))
near("gemm_f32: cold", g["cold"], (cold[11] + cold[12]) / 2, 0.03)      # of two shapes each off by .0053 in both medians
near("gemm_f32: fetch", g["fetch_s"], kernels.FETCH, 0.1)
near("last cache", p["last_cache_bytes"], 2 ** 22, 1e-9)
assert p["kernels"]["triad"]["fetch_s"] is None and p["kernels"]["sqlite_point"]["fetch_s"] is None
near("gemm_f32: interference", g["interference"], 1.1, 0.02)
assert g["clock"] == "cpu" and p["kernels"]["sqlite_point"]["clock"] == "wall" and g["error"]["mape"] < 0.03
near("sqlite_point: wall over CPU", p["kernels"]["sqlite_point"]["wall_over_cpu"], 3, 0.02)
near("flops", p["flops"], 2 / kernels.cost("gemm_f32", 8388608), 0.05)
near("bandwidth", p["bandwidth"], 1.5 / kernels.cost("triad", 3 * 2 ** 27), 0.03)
assert p["measured"]["complete"] == "true" and "deflate" in p["measured"]["unavailable"] and "aes_gcm" in p["measured"]["failed"]
PY
}
"$OFFSIM" profile show "$work/made.yaml" --format json >"$work/made.json"
check "costs, scatter and factors are those that were put in" truth "$work/made.json"
sed 's/"fetch_s": [0-9.e-]*/"fetch_s": 1.6e-10/' "$work/made.json" >"$work/planted.json"
check "a planted wrong factor is seen" bash -c "! $(declare -f truth); ! truth '$work/planted.json' 2>/dev/null"
samples() { /usr/bin/python3 - "$work/made.h5" "$work/made.raw.jsonl" <<'PY'
import h5py, json, pandas, sys
f = h5py.File(sys.argv[1]); lines = [json.loads(l) for l in open(sys.argv[2])]
raw = [l for l in lines if l["type"] == "sample"]
s = pandas.DataFrame({k: f["samples"][k][:] for k in f["samples"]}); x = pandas.DataFrame({k: f["executions"][k][:] for k in f["executions"]})
names = {v: k for k, v in h5py.check_enum_dtype(f["samples"]["kernel"].dtype).items()}
assert len(s) == len(raw) and len(x) == sum(len(l["wall_s"]) for l in raw)
assert list(x["wall_s"]) == [w for l in raw for w in l["wall_s"]] and list(x["cpu_s"]) == [c for l in raw for c in l["cpu_s"]]
assert [names[k] for k in s["kernel"]] == [l["kernel"] for l in raw] and list(s["units"]) == [l["units"] for l in raw]
assert json.loads(f.attrs["about"])["kernels"]["gemm_f32"]["parameters"] == ["m", "n", "k"]
assert f["samples"]["wall_low_s"].attrs["unit"] == "s"
PY
}
check "HDF5 holds every execution of the raw lines" samples

check "the profile of the page is one" bash -c \
  "awk '/^\`\`\`yaml/ { f = 1; next } /^\`\`\`/ { f = 0 } f' docs/calibration.md >'$work/page.yaml'; '$OFFSIM' profile show '$work/page.yaml'"

cat >"$work/boards.yaml" <<'YAML'
horizon: {duration: 20 s}
calibration: {error: none}
places: [{name: board, tier: device, slots: 2, hardware: made.yaml}]
classes:
  - name: ask
    from: board
    arrivals: {poisson: {rate: 0.5 /s}}
    pipeline:
      - {task: embed, work: {kernel: gemm_f32, m: 128, n: 512, k: 512, calls: 10}, places: [origin]}
policies: [always_local]
YAML
predicted() { # 2 x 128 x 512 x 512 FLOP x 10 at a working set of 1572864 B: 20 ps x (1 + 4e5 / 1582864) each, 16.8 ms
  "$OFFSIM" run "$work/boards.yaml" -o "$work/boards" --replications 4 --format json 2>/dev/null | /usr/bin/python3 -c "
import json, sys
x = json.load(sys.stdin)['policies'][0]['metrics']['service_mean_s']['value']
true = 10 * 2 * 128 * 512 * 512 * 20e-12 * (1 + 4e5 / 1582864)
sys.exit(0 if abs(x / true - 1) < 0.05 else f'{x:g} s, true {true:g} s')"
}
check "a scenario on this profile predicts what the machine takes" predicted

# ---- fitted elsewhere -----------------------------------------------------------------------------------------------------
mkdir "$work/there"
says "--from" 0 "wrote $work/there/made.yaml" calibrate --from "$work/made.raw.jsonl" -o "$work/there/made.yaml" --figures none
check "gives the same profile" cmp "$work/made.yaml" "$work/there/made.yaml"
check "and draws nothing" test ! -e "$work/there/made-figures"
says "--from with measuring options" 2 "--from measures nothing, so --quick has no meaning" calibrate --from "$work/made.raw.jsonl" --quick
says "--from: not there" 3 "cannot read $work/nowhere" calibrate --from "$work/nowhere" -o "$work/none.yaml"
head -n 60 "$work/made.raw.jsonl" >"$work/cut.jsonl"
says "--from: cut off between lines" 2 "cut.jsonl:60: error: cut off after line 60; measure again" calibrate --from "$work/cut.jsonl" -o "$work/none.yaml"
head -c 20000 "$work/made.raw.jsonl" >"$work/cut.jsonl"
says "--from: cut off in a line" 2 "; measure again" calibrate --from "$work/cut.jsonl" -o "$work/none.yaml"
sed '3s/"version": 1/"version": 9/' "$work/made.raw.jsonl" >"$work/other.jsonl"
says "--from: another version of a kernel" 2 "version 9 of the kernel 'gemm_f32' was measured" calibrate --from "$work/other.jsonl" -o "$work/none.yaml"
# All executions of gemm_f32 a millionth as long: 21 ns at most, none says what cold caches do.
/usr/bin/python3 - "$work/made.raw.jsonl" >"$work/short.jsonl" <<'PY'
import json, sys
for line in map(json.loads, open(sys.argv[1])):
    if line.get("kernel") == "gemm_f32" and line["type"] == "sample":
        for key in ("wall_s", "cpu_s"): line[key] = [x * 1e-6 for x in line[key]]
        for key in ("wall_low_s", "wall_high_s", "cpu_low_s", "cpu_high_s"): line[key] *= 1e-6
    print(json.dumps(line))
PY
says "--from: executions too short for cold caches" 0 "wrote $work/short.yaml" calibrate --from "$work/short.jsonl" -o "$work/short.yaml" --figures none
check "of those no factor of cold caches is written" bash -c "grep -q cold: '$work/made.yaml' && ! grep -q cold: '$work/short.yaml'"
left_nothing "a profile that the simulator would refuse"

# ---- the files belong together -------------------------------------------------------------------------------------------
mkdir "$work/held" "$work/held/none.h5"; cp "$work/made.yaml" "$work/held/none.yaml"
says "a folder where the samples go" 2 "none.h5' is there and no file" calibrate --from "$work/made.raw.jsonl" -o "$work/held/none.yaml" --name other --figures none
check "leaves the profile of before, and nothing under a passing name" bash -c "cmp '$work/made.yaml' '$work/held/none.yaml' && [ \"\$(ls '$work/held')\" = \$'none.h5\nnone.yaml' ]"
calibrate --from "$work/made.raw.jsonl" -o "$work/held/both.yaml" --name one --figures none >/dev/null 2>&1 & first=$!
calibrate --from "$work/made.raw.jsonl" -o "$work/held/both.yaml" --name two --figures none >/dev/null 2>&1; second=$?
wait $first; check "two at once to one name: both end well" test $?$second = 00
check "and one whole profile is there" bash -c "'$OFFSIM' profile show '$work/held/both.yaml' && [ \$(ls '$work/held' | grep -c both) = 2 ]"
sed '2s/"architecture": "[^"]*"/"architecture": "x86_64\\n  pinned: false\\n  evil: \\"1"/' "$work/made.raw.jsonl" >"$work/evil.jsonl"
says "texts of the machine are quoted" 0 "wrote" calibrate --from "$work/evil.jsonl" -o "$work/evil.yaml" --figures none
check "and add no key" bash -c "grep -q '^  architecture: \"x86_64  pinned: false' '$work/evil.yaml' && ! grep -q '^  pinned' '$work/evil.yaml'"

# ---- the measuring program fails -------------------------------------------------------------------------------------------
cp "$work/made.yaml" "$work/kept.yaml"
fails() { # fails MODE EXIT PATTERN
  says "measuring program: $1" "$2" "$3" env KERNELS_PY="$1" "$OFFSIM" calibrate -o "$work/none.yaml" --quick
  left_nothing "$1"
}
fails cut 2 "; measure again"
fails crash 3 "was ended by signal 11"
fails garbage 2 "none.raw.jsonl:"
fails nothing 1 "no kernel could be measured"
says "unknown kernel" 2 "unknown kernel 'gem_f32'" calibrate --kernels gem_f32 -o "$work/none.yaml"
says "no program" 3 "/nowhere/kernels is not there" env OFFSIM_KERNELS=/nowhere/kernels "$OFFSIM" calibrate -o "$work/none.yaml"
printf '#!/bin/sh\nexec tr "\\0" x </dev/zero\n' >"$work/endless" && chmod +x "$work/endless"
says "a line without end" 3 "said more than 64 MiB without an end of line" env OFFSIM_KERNELS="$work/endless" "$OFFSIM" calibrate -o "$work/none.yaml"
says "a folder that is not there" 3 "cannot write" calibrate -o "$work/nowhere/x.yaml"
interrupt() { # interrupt SIGNAL: exit code of a calibration that gets it while it measures
  KERNELS_PY=hang "$OFFSIM" calibrate -o "$work/none.yaml" --quick >"$work/said" 2>&1 &
  local pid=$! i
  for i in $(seq 200); do grep -q waiting "$work/said" && break; sleep .05; done
  kill "-$1" $pid; wait $pid
}
for signal in INT TERM; do
  ( trap - INT; interrupt $signal ); check "SIG$signal: 75" test $? = 75
  left_nothing "SIG$signal"
done
check "and says so" grep -q "interrupted: nothing was written" "$work/said"
check "a profile that was there is still there" cmp "$work/made.yaml" "$work/kept.yaml"
bar() { /usr/bin/python3 - "$OFFSIM" "$work/none.yaml" <<'PY'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ["KERNELS_PY"] = "slow"
    os.execv(sys.argv[1], [sys.argv[1], "calibrate", "-o", sys.argv[2], "--quick", "--kernels", "aes_gcm,gemm_f32", "--figures", "none"])
seen = b""
try:
    while block := os.read(fd, 65536): seen += block
except OSError: pass
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen[-600:]
assert b"[#" in seen and b" samples  " in seen and b"s left" in seen, seen[:600]
PY
}
check "a bar with the time left, on a terminal" bar; rm -rf "$work"/none*

# ---- options ---------------------------------------------------------------------------------------------------------------
says "typo" 2 "did you mean '--quick'?" calibrate --quik
says "--name" 2 "--name is an id" calibrate --name "my machine"
says "-o" 2 "ends in .yaml, not 'x'" calibrate -o x
says "--figures" 2 "--figures is one of svg|png|pdf|none, not 'gif'" calibrate --figures gif
says "a value is missing" 2 "a value is missing after '--kernels'" calibrate --kernels
says "a name of one's own" 0 "next: in a scenario" calibrate --from "$work/made.raw.jsonl" --name lab-7 -o "$work/lab.yaml" --figures none
check "is in the profile" grep -q '^name: lab-7$' "$work/lab.yaml"

# ---- two profiles ------------------------------------------------------------------------------------------------------------
calibrate -o "$work/again.yaml" --seed 4 --figures none >/dev/null 2>&1
KERNELS_PY=fast calibrate -o "$work/fast.yaml" --seed 5 --figures none >/dev/null 2>&1
says "diff: two measurements of one machine" 0 "0 of 4 compared kernels differ beyond noise" "$OFFSIM" profile diff "$work/made.yaml" "$work/again.yaml"
says "diff: a machine of twice the speed is seen" 1 "4 of 4 compared kernels differ beyond noise" "$OFFSIM" profile diff "$work/made.yaml" "$work/fast.yaml"
check "shape by shape" grep -Eq 'gemm_f32 .* 24 shapes' "$work/said"
check "by how much" grep -Eq 'gemm_f32 +DIFFERENT +-(49|50)' "$work/said"
says "diff --format json" 1 '"beyond_noise": 4' "$OFFSIM" profile diff "$work/made.yaml" "$work/fast.yaml" --format json
mkdir "$work/bare"; cp "$work/made.yaml" "$work/fast.yaml" "$work/again.yaml" "$work/bare"
says "diff: without raw lines" 1 " knots" "$OFFSIM" profile diff "$work/bare/made.yaml" "$work/bare/fast.yaml"
check "the fitted costs differ as much" grep -Eq 'gemm_f32 +DIFFERENT +-(49|50)' "$work/said"
says "diff: without raw lines, the same" 0 "0 of 4 compared" "$OFFSIM" profile diff "$work/bare/made.yaml" "$work/bare/again.yaml"
says "diff: a margin" 0 "0 of 4" "$OFFSIM" profile diff "$work/made.yaml" "$work/fast.yaml" --margin 1.2
says "diff: one only" 2 "which two profiles?" "$OFFSIM" profile diff "$work/made.yaml"
says "diff: no margin" 2 "--margin is a share above 0" "$OFFSIM" profile diff "$work/made.yaml" "$work/fast.yaml" --margin x
says "show: a profile that was cut off" 2 "complete" bash -c "sed '/complete/d' '$work/made.yaml' >'$work/cut.yaml'; '$OFFSIM' profile show '$work/cut.yaml'"
says "show: no profile" 2 "which profile?" "$OFFSIM" profile show
says "doctor finds the kernels" 0 "$OFFSIM_KERNELS" "$OFFSIM" doctor "$work"
finish
