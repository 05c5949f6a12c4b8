#!/bin/bash
# One trace_hash for any number of workers, for built-in policies and plug-ins, for compilers and optimisation levels,
# with the trace on or off. Planted positive: another seed must give another hash.
. tests/tap.sh
scenario=scenarios/edge-rag-small.yaml
policies=always_local,always_edge,random,threshold,ucb1,linucb
hash_of() { # hash_of PROGRAM ARGS...: the hash of the file's runs
  local program=$1; shift
  "$program" run "$scenario" --policy $policies --replications 2 -o "$work/r$RANDOM$RANDOM" --quiet --format json "$@" |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["trace_hash"])'
}
reference=$(hash_of "$OFFSIM" -j 1)
check "a hash of 32 digits" test "${#reference}" = 32
check "two workers" same "$(hash_of "$OFFSIM" -j 2)" "$reference"
check "four workers" same "$(hash_of "$OFFSIM" -j 4)" "$reference"
check "trace off" same "$(hash_of "$OFFSIM" -j 2 --set output.trace=none)" "$reference"
check "another seed is another hash" differ "$(hash_of "$OFFSIM" --seed 99)" "$reference"

# Every built-in of the scenario as a plug-in, under the same entry name.
so_hash() {
  local list=
  for p in ${policies//,/ }; do list+="{policy: $(dirname "$OFFSIM")/policies/$p.so, name: $p}, "; done
  "$OFFSIM" run "$scenario" --set "policies=[${list%, }]" --replications 2 -o "$work/so" --quiet --format json |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["trace_hash"])'
}
builtin_hash() {
  "$OFFSIM" run "$scenario" --set "policies=[${policies//,/, }]" --replications 2 -o "$work/bi" --quiet --format json |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["trace_hash"])'
}
check "plug-ins" same "$(so_hash)" "$(builtin_hash)"

# Other compilers: built beside, without the plug-ins.
for how in "gcc -O0" "clang -O2"; do
  set -- $how
  if ! command -v "$1" >/dev/null; then skip "$how" "$1 is not installed"; continue; fi
  folder=$(dirname "${OFFSIM#"$PWD"/}")/other-$1
  make -s -j2 BUILD="$folder" CC="$1" OPT="$2" "$folder/offsim" >"$work/log" 2>&1 || cat "$work/log"
  check "$how" same "$(hash_of "$PWD/$folder/offsim" -j 2)" "$reference"
done
finish
