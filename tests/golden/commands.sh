#!/bin/bash
# What the commands say: help everywhere, and a mistake on the command line named by its option, before anything runs.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; scenario=scenarios/minimal.yaml
export NO_COLOR=1 LC_ALL=C
says() { # says NAME EXIT PATTERN ARGUMENTS...: the pattern stands in what is printed
  local name=$1 want=$2 pattern=$3; shift 3
  "$OFFSIM" "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | head -n 10; }
}

for command in $("$OFFSIM" --help | awk '/^  [a-z]+ / && $1 != "offsim" { print $1 }'); do
  check "$command --help" bash -c "'$OFFSIM' $command --help 2>'$work/stderr' | grep -q '^usage: offsim $command' && [ ! -s '$work/stderr' ]"
done

# ---- mistakes in options -----------------------------------------------------------------------------------------------
says "--seed is named" 2 "--seed: 'abc' is not a whole number" run $scenario --seed abc -o "$work/r"
says "which --set" 2 "--set links.access.rate=soon:1:1: error" run $scenario --set seed=4 --set links.access.rate=soon -o "$work/r"
says "which --set: its path" 2 "--set links.acces.rate=1:1:7: error" check $scenario --set links.acces.rate=1
says "an unknown metric is refused before the runs" 2 "unknown metric 'latency_p95'; did you mean 'latency_p95_s'" \
  run $scenario --set primary=latency_p95 -o "$work/r"
check "and leaves no folder" test ! -e "$work/r"

finish
