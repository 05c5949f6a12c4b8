#!/bin/bash
# What `offsim policy check` prints, for a policy that keeps the rules and for one that does not: text and JSON.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; export NO_COLOR=1 LC_ALL=C
cc -std=c11 -D_GNU_SOURCE -O2 -I. -fPIC -shared -o "$work/range.so" tests/abi/hostile_range.c
ask() { "$OFFSIM" policy check --quick --only contract.one_ "$@" 2>&1 | sed "s|$work|DIR|g; s|^  \"tests\": [0-9]*,|  \"tests\": N,|"; echo "exit ${PIPESTATUS[0]}"; }
matches() { diff tests/golden/policy_check/"$1" "$work/$1"; }
ask always_edge >"$work/good.txt"; ask "$work/range.so" >"$work/failing.txt"
ask --format json always_edge >"$work/good.json"; ask --format json "$work/range.so" >"$work/failing.json"
for file in good.txt failing.txt good.json failing.json; do
  [ "${1:-}" = --accept ] && cp "$work/$file" tests/golden/policy_check/
  check "$file" matches $file
done
finish
