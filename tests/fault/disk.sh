#!/bin/bash
# What --plan says of the disk is within 30 % of what the study then takes: from a pilot, and from the catalogue for as
# many runs again.
. tests/tap.sh
sed "s|\.\./|$PWD/scenarios/|" scenarios/studies/bw-cache.yaml >"$work/b.yaml"
printf 'study: e\nscenario: %s/scenarios/edge-rag-small.yaml\nfactors:\n  bw: {path: links.access.rate_scale, values: [0.5, 1]}\n  policy: all\n' "$PWD" >"$work/e.yaml"
planned() { "$OFFSIM" sweep "$work/$1.yaml" -o "$work/$1" --trace "$2" --replications "$3" --plan; }
taken() { find "$work/$1" -type f -printf '%s\n' 2>/dev/null | awk '{ s += $1 } END { printf "%d", s }'; }
bytes() { awk '$1 == "disk" { k["B"] = 1; k["kB"] = 1e3; k["MB"] = 1e6; k["GB"] = 1e9; printf "%d", $3 * k[$4] }'; }
near() { echo "planned $1, taken $2"; [ "$2" -gt 0 ] && [ $((100 * $1)) -ge $((70 * $2)) ] && [ $((100 * $1)) -le $((130 * $2)) ]; }
fits() { # fits STUDY TRACE REPLICATIONS FROM NAME
  local before plan; before=$(taken "$1"); plan=$(planned "$1" "$2" "$3")
  check "$5: from $4" grep -q "of $4\$" <<<"$plan"
  check "$5: it runs" "$OFFSIM" sweep "$work/$1.yaml" -o "$work/$1" --trace "$2" --replications "$3" --quiet
  check "$5: the disk is within 30 % ($(near "$(bytes <<<"$plan")" $(($(taken "$1") - before))))" near "$(bytes <<<"$plan")" $(($(taken "$1") - before))
}
fits e full 1 'a pilot' "edge-rag-small with traces"
fits e full 3 'the catalogue' "and two replications more"
fits b none 1 'a pilot' "bw-cache, 87 runs"
fits b none 2 'the catalogue' "and one replication more"
check_not() { local name=$1; shift; "$@" >"$work/out" 2>&1; result $((! $?)) "$name"; }
check_not "planted: a third of it is seen" near $(($(taken b) / 3)) "$(taken b)"
finish
