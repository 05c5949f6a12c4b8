#!/bin/bash
# Phases on the critical path add up to the end-to-end time of each request, to the nanosecond, whatever its way was:
# over all shipped scenarios, shortened, and one with all that a way may be. long: the validation cases, too.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
OFFSIM=${OFFSIM:-build/offsim}
unset OFFSIM_DATA
requests=40; files=(scenarios/*.yaml); [ "${1:-short}" = long ] && requests=300 files+=(scenarios/validation/*.yaml)
for f in "${files[@]}"; do
  name=${f##*/}
  "$OFFSIM" run "$f" --quiet --replications 1 --set output.trace=full --set horizon.max_requests=$requests -o "$work/${name%.yaml}" \
    >"$work/out" 2>&1 || { echo "not ok - $f runs"; sed 's/^/#   /' "$work/out"; }
done
"$OFFSIM" run tests/property/paths.yaml --quiet -o "$work/paths" >"$work/out" 2>&1 || cat "$work/out"
rm -f "$work/out"
/usr/bin/python3 tests/property/paths.py "$OFFSIM" "$work"/*
