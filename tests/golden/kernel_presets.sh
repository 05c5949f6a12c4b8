#!/bin/bash
# Kernel presets against the kernels of offsim-kernels (kernel_presets.py).
cd "$(dirname "$0")/../.." || exit 1
kernels=$(dirname "${OFFSIM:-$PWD/build/offsim}")/offsim-kernels
[ -x "$kernels" ] || { echo "ok 1 - kernel presets # SKIP offsim-kernels is not built"; echo 1..1; exit 0; }
/usr/bin/python3 tests/golden/kernel_presets.py "$kernels" scenarios/presets/kernels
