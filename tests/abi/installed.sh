#!/bin/bash
# The policy guide's example, compiled as its reader does where offsim is installed, is found there by its name.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; root=$work/usr
awk '/^```c file=shy.c/ { inside = 1; next } /^```/ { inside = 0 } inside' docs/policy-guide.md >"$work/shy.c"
check "install" sh tools/install "$(dirname "$OFFSIM")" "$root" "$root" 0
export PKG_CONFIG_PATH=$root/lib/pkgconfig
check "the guide's command" bash -c "cd '$work' && $(grep -F 'pkg-config --cflags offsim' docs/policy-guide.md)"
check "with <offsim/...>" bash -c "cd '$work' && sed 's|\"offsim_policy.h\"|<offsim/offsim_policy.h>|' shy.c >shy2.c && cc -shared -fPIC -o two.so \$(pkg-config --cflags offsim) shy2.c"
check "the program takes it" "$root/bin/offsim" policy list "$work/shy.so"
check "and one in Python" env -u OFFSIM_SHARE "$root/bin/offsim" policy new started --lang python -o "$work/started.py"
check "with the installed module" env -u OFFSIM_SHARE "$root/bin/offsim" policy list "$work/started.py"
check "and header" env -u OFFSIM_SHARE "$root/bin/offsim" policy build "$work/shy.c" -o "$work/three.so"
finish
