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
wrong() { # wrong NAME PATTERN ARGUMENTS...: exit code 2, one line that says so, and no test ran
  local name=$1 pattern=$2; shift 2
  "$OFFSIM" policy check --quick "$@" >"$work/said" 2>"$work/stderr"; local rc=$?
  check "$name" bash -c "[ $rc = 2 ] && [ ! -s '$work/said' ] && grep -qF -- \"\$1\" '$work/stderr' && [ \$(wc -l <'$work/stderr') = 1 ]" - "$pattern"
}
wrong "--only nothing" "no test has 'nosuch' in its name" --only nosuch ucb1
wrong "--only something and nothing" "no test has 'nosuch' in its name" --only masks --only nosuch ucb1
"$OFFSIM" policy check --quick --only contract.one_ --only load.twice always_edge >"$work/two" 2>&1
check "--only twice takes both" bash -c "grep -q contract.one_ '$work/two' && grep -q load.twice '$work/two'"
wrong "--set a value out of range" "policy 'eps_greedy': 'epsilon' must lie between 0 and 1, not 7" --set epsilon=7 eps_greedy
wrong "--set a misspelt name" "policy 'eps_greedy' has no parameter 'epsilom'; did you mean 'epsilon'?" --set epsilom=.1 eps_greedy
wrong "--set without a policy" "--set needs the name of a policy" --set epsilon=.1
cc -std=c11 -D_GNU_SOURCE -O2 -I. -fPIC -shared -o "$work/crash.so" tests/abi/born_crash.c 2>/dev/null
"$OFFSIM" policy check --quick --set x=1 "$work/crash.so" >"$work/born" 2>&1
check "--set for one that cannot be loaded: the test of loading tells" bash -c "[ $? = 1 ] && grep -q 'FAIL *load.opens' '$work/born'"
finish
