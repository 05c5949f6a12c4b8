#!/bin/bash
# offsim validate calibration: profiles against shapes off the grid of a machine whose costs are known (kernels.py), without timing
# anything; a shifted profile, a machine that changed, a band made too narrow, and raw lines that cannot be used.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C OFFSIM_KERNELS=$PWD/tests/golden/kernels.py
export KERNELS_SCATTER=.03
export -n KERNELS_PY; unset KERNELS_PY
validate() { "$OFFSIM" validate calibration "$@"; }
says() { # says NAME EXIT PATTERN COMMAND...
  local name=$1 want=$2 pattern=$3; shift 3
  "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qE -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | tail -n 40; }
}
profile() { # profile NAME SEED [MODE]
  KERNELS_PY=$3 "$OFFSIM" calibrate -o "$work/$1.yaml" --seed "$2" --figures none --quiet >/dev/null 2>&1
}

profile a 3; profile b 4; profile fast 5 fast
check "three profiles" test -s "$work/a.yaml" -a -s "$work/b.yaml" -a -s "$work/fast.yaml"

# Two of the same machine: their costs differ by the noise of the medians, 0.02 x 1.25 / sqrt(15), and less.
says "an honest profile passes, twice measured" 0 "ok +difference of two calibrations +gemm_f32" \
  validate --profile "$work/a.yaml" --again "$work/b.yaml" --keep "$work/off.jsonl"
check "at least 100 shapes" grep -qE "^all +1[0-9][0-9] " "$work/said"
check "0 of its bars are missed" grep -qE "^0 of [0-9]+ bars missed" "$work/said"
check "the unstable sample is named" grep -qE "unstable: aes_gcm size=[0-9]+ \(pass 2" "$work/said"
check "what cannot be judged is named" grep -qE "not judged +int4 .*the profile has no gemv_i4" "$work/said"

says "a shifted profile is seen: half the costs" 1 "missed +difference of two calibrations +gemm_f32 +(49|5[0-9])" \
  validate --profile "$work/a.yaml" --again "$work/fast.yaml" --off-grid "$work/off.jsonl"
says "a profile of another machine is seen" 1 "missed +share of shapes off the grid in their band" \
  validate --profile "$work/fast.yaml" --off-grid "$work/off.jsonl"
changed() { KERNELS_PY=fast validate --profile "$work/a.yaml" --quick; }
says "a machine that has changed is seen, of few shapes too" 1 "missed +share of shapes off the grid in their band" changed
sed -E 's/^( +band: ).*/\1[0.9999, 1.0001]/' "$work/a.yaml" >"$work/narrow.yaml"
says "a band too narrow is seen" 1 "missed +share of shapes off the grid in their band" \
  validate --profile "$work/narrow.yaml" --off-grid "$work/off.jsonl"
says "few shapes that lie well cannot be judged" 0 "not judged +share of shapes off the grid .*fewer than 100" \
  validate --profile "$work/a.yaml" --quick

# ---- JSON ------------------------------------------------------------------------------------------------------------------
validate --profile "$work/a.yaml" --again "$work/b.yaml" --off-grid "$work/off.jsonl" --format json >"$work/out.json"
check "JSON with the same figures" /usr/bin/python3 - "$work/out.json" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
shapes = sum(k["off_grid"]["shapes"] for k in o["kernels"])
within = sum(k["off_grid"]["within"] for k in o["kernels"])
assert shapes == o["off_grid"]["shapes"] >= 100 and abs(o["off_grid"]["coverage"] - within / shapes) < 1e-12
assert o["missed"] == sum(c["result"] == "missed" for c in o["checks"]) == 0
gemm = next(k for k in o["kernels"] if k["kernel"] == "gemm_f32")
assert gemm["bound"] == "compute" and gemm["clock"] == "cpu" and gemm["again"]["median"] < 0.03
assert any(c["result"] == "not judged" and c["why"] for c in o["checks"])
PY

# ---- bad input -------------------------------------------------------------------------------------------------------------
head -n 40 "$work/off.jsonl" >"$work/cut.jsonl"
says "raw lines without an end are refused" 2 "cut off after line 40" validate --profile "$work/a.yaml" --off-grid "$work/cut.jsonl"
sed 's/"version": 1, "unit": "FLOP"/"version": 2, "unit": "FLOP"/' "$work/off.jsonl" >"$work/later.jsonl"
says "samples of another version of a kernel" 2 "measured version 1, the samples are of version 2" \
  validate --profile "$work/a.yaml" --off-grid "$work/later.jsonl"
says "no profile" 2 "profile is missing .*offsim calibrate" validate
says "a profile that is not there" 3 "nosuch.yaml" validate --profile "$work/nosuch.yaml"
says "an unknown option names the nearest" 2 "did you mean '--again'" validate --profile "$work/a.yaml" --agian "$work/b.yaml"
nowhere() { OFFSIM_KERNELS=$work/nosuch validate --profile "$work/a.yaml"; }
says "no program to measure with" 3 "nosuch is not there" nowhere
failing() { KERNELS_PY=crash validate --profile "$work/a.yaml"; }
says "a program that dies" 3 "ended by signal 11" failing
finish
