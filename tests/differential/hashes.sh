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

# Every built-in of the list as a plug-in, under the same entry name.
listed_hash() { # listed_hash FORMAT: FORMAT turns a built-in's name into what the entry names as its policy
  local list=
  for p in ${policies//,/ }; do
    local more=; [ $p = threshold ] && more=", feature: prompt_tokens, above: 512"
    list+="{policy: $(printf "$1" $p), name: $p$more}, "
  done
  "$OFFSIM" run "$scenario" --set "policies=[${list%, }]" --replications 2 -o "$work/l$RANDOM$RANDOM" --quiet --format json |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["trace_hash"])'
}
check "the list runs" test "$(listed_hash %s | wc -c)" = 33
check "plug-ins" same "$(listed_hash "$(dirname "$OFFSIM")/policies/%s.so")" "$(listed_hash %s)"

# Another compiler: the program with sanitizers is clang's, where there is one. Long: others, built beside, without plug-ins.
other=$(dirname "$OFFSIM")/asan/offsim
if ! [ -x "$other" ]; then skip "clang -O1" "make asan has not been called"
elif "$other" --version | grep -q clang; then check "clang -O1" same "$(hash_of "$other" -j 2)" "$reference"
else skip "clang -O1" "clang is not installed"; fi
for how in "gcc -O0" "clang -O2"; do
  [ "${1:-short}" = long ] || break
  set -- long $how
  if ! command -v "$2" >/dev/null; then skip "$how" "$2 is not installed"; continue; fi
  folder=$(dirname "${OFFSIM#"$PWD"/}")/other-$2
  make -s -j2 BUILD="$folder" CC="$2" OPT="$3" "$folder/offsim" >"$work/log" 2>&1 || cat "$work/log"
  check "$how" same "$(hash_of "$PWD/$folder/offsim" -j 2)" "$reference"
done
finish
