#!/bin/bash
# The CUDA back end: it was compiled where nvcc is, its kernels are those of the presets, and without a device it says so, ends
# its raw lines and leaves no profile. With a device: copies, launches and a small product pass their self-checks.
. tests/tap.sh
OFFSIM=${OFFSIM:-$PWD/build/offsim}; cuda=$(dirname "$OFFSIM")/offsim-kernels-cuda; export NO_COLOR=1 LC_ALL=C
unset OFFSIM_KERNELS
check "without nvcc: said, and nothing is wrong" bash -c "make --no-print-directory NVCC= BUILD='$work/none' cuda 2>&1 | grep -q 'nvcc was not found'"
if [ ! -x "$cuda" ]; then
  check "calibrate --device cuda says what is missing" bash -c "! '$OFFSIM' calibrate --device cuda -o '$work/gpu.yaml' 2>&1 | tee '$work/said' | grep -q wrote"
  check "the file and why" grep -q 'built where nvcc is found' "$work/said"
  skip "the CUDA back end" "needs nvcc"; finish
fi

check "list" bash -c "'$cuda' list >'$work/list'"
cat >"$work/same.py" <<'P'
import json, re, subprocess, sys
cuda, presets = sys.argv[1:3]
kernels = [json.loads(line) for line in open(sys.argv[3])]
assert len(kernels) == 10 and len({k["name"] for k in kernels}) == 10
for k in kernels:
    assert (k["why"] is None) == k["available"]
    text = open(f"{presets}/{k['name']}.yaml").read()
    version, unit = re.search(r"^  version: (\d+)", text, re.M).group(1), re.search(r"^  unit: (\S+)", text, re.M).group(1)
    axes = re.findall(r"^    (\w+):", text.split("  axes:\n")[1], re.M)
    assert int(version) == k["version"] and unit == k["unit"], (k["name"], version, unit)
    assert axes == k["axes"], (k["name"], axes, k["axes"])
def work(kernel, shape):
    return json.loads(subprocess.check_output([cuda, "describe", kernel, "--set", shape]))
g = work("gemm_f32", "m=8,n=1024,k=768")
assert g["units"] == 2 * 8 * 1024 * 768 and g["axes"] == [4 * (8 * 768 + 768 * 1024 + 8 * 1024), 4 * 768 * 1024, 8]
assert work("attention_decode", "context=1024,heads=8,dim=64")["units"] == 8 * 1024 * 8 * 64
assert work("attention_prefill", "tokens=256,heads=32,dim=64")["units"] == 4 * 32 * 256 ** 2 * 64
assert work("gemv_i4", "n=4096,k=4096,group=32")["units"] == 4096 * 4096 / 2 + 2 * 4096 * 4096 / 32
assert work("launch", "size=1")["units"] == 1
P
check "its kernels are those of the presets" /usr/bin/python3 "$work/same.py" "$cuda" scenarios/presets/kernels "$work/list"
check_exit "an unknown command" 2 "$cuda" mesure
check_exit "a shape that is none" 2 "$cuda" describe gemm_f32 --set q=1

if grep -q '"available":false' "$work/list"; then
  check_exit "measure without a device" 1 bash -c "'$cuda' measure --quick >'$work/raw' 2>'$work/said'"
  check "says which" grep -q 'no device: ' "$work/said"
  check "its lines begin and end" bash -c "head -n 1 '$work/raw' | grep -q '\"program\":\"offsim-kernels-cuda\"' && tail -n 1 '$work/raw' | grep -q '\"type\":\"end\",\"samples\":0'"
  "$OFFSIM" calibrate --device cuda -o "$work/gpu.yaml" >"$work/out" 2>&1; code=$?
  check "calibrate --device cuda: exit 1" same $code 1
  check "and no profile" test ! -e "$work/gpu.yaml"
  skip "self-checks on the device" "needs a CUDA device"
else
  check "self-checks on the device" bash -c "'$cuda' measure --passes 1 --no-cold --time-limit 5 --shape launch:size=1 --shape copy:size=65536 \
    --shape copy_h2d:size=65536 --shape copy_d2h:size=65536 --shape triad:size=98304 --shape gemm_f32:m=40,n=832,k=768 --shape gemv_i8:n=512,k=576 \
    --shape gemv_i4:n=512,k=640,group=64 --shape attention_prefill:tokens=80,heads=32,dim=96 --shape attention_decode:context=333,heads=8,dim=64 >'$work/raw' \
    && [ \$(grep -c '\"type\":\"self_check\".*\"ok\":true' '$work/raw') = 10 ]"
fi
finish
