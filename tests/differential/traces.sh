#!/bin/bash
# What the trace says, read by stock h5py and pandas and recomputed by an auditor that shares no code with the program;
# and what must not change with the policy.
. tests/tap.sh
"$OFFSIM" run scenarios/edge-rag-small.yaml --set output.trace=links --replications 2 -o "$work/r" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/auditor.py "$work/r" >"$work/audit"; audit=$?
"$OFFSIM" run tests/differential/batches.yaml --replications 2 -o "$work/b" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/auditor.py "$work/b" >"$work/batches"; batches=$?
"$OFFSIM" run tests/differential/resilient.yaml --replications 2 -o "$work/l" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/auditor.py "$work/l" >"$work/life"; life=$?
# the same with links that are crossed at once, slow enough to be shared, one of them away for a while
"$OFFSIM" run tests/differential/resilient.yaml --replications 2 -o "$work/m" --quiet --set links.access.sharing=max_min \
  --set links.access.shared_by=cell --set links.wan.sharing=max_min --set links.wan.shared_by=link --set 'links.wan.rate=8 Mbit/s' \
  --set 'changes=[{name: away, at: 20 s, for: 1 s, path: links.wan.available, to: false}]' >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/auditor.py "$work/m" >"$work/flows"; flows=$?
# answers that are found, or put into caches by messages that are no attempt's
"$OFFSIM" run scenarios/semantic-cache.yaml --set output.trace=links --set 'classes.question.zones=[user, telco, public]' \
  --set 'horizon.warmup=1 min' --set 'horizon.duration=1 min' --replications 1 -o "$work/k" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/auditor.py "$work/k" >"$work/caches"; caches=$?
# what is asked for shows in the time of service where the rate does not depend on the load before
cool=(); for phone in phone_soc_2022 phone_soc_2024; do cool+=(--set "hardware.$phone.sustained={load: [0 s], rate: [1], recovery: 1 s}"); done
"$OFFSIM" run scenarios/edge-rag-small.yaml "${cool[@]}" --set output.trace=links --replications 2 -o "$work/c" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/crn.py "$work/c" >"$work/crn"; crn=$?
# one number of results, so that the lines of both may follow ours
grep -hE '^(ok|not ok|#)' "$work/audit" "$work/batches" "$work/life" "$work/flows" "$work/caches" "$work/crn"
number=$(grep -chE '^(ok|not ok)' <(cat "$work/audit" "$work/batches" "$work/life" "$work/flows" "$work/caches" "$work/crn"))
[ $audit = 0 ] && [ $batches = 0 ] && [ $life = 0 ] && [ $flows = 0 ] && [ $caches = 0 ] && [ $crn = 0 ] || bad=1
finish
