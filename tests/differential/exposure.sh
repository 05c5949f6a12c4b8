#!/bin/bash
# Who saw which data, recomputed from the trace by an auditor that shares no code with the program.
. tests/tap.sh
"$OFFSIM" run tests/differential/exposure.yaml -o "$work/x" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/exposure.py "$work/x" >"$work/all"; all=$?
"$OFFSIM" run scenarios/rag-privacy.yaml --set output.trace=links --set horizon.duration=40s --replications 1 -o "$work/r" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/exposure.py "$work/r" >"$work/rag"; rag=$?
grep -hE '^(ok|not ok|#)' "$work/all" "$work/rag"
number=$(grep -chE '^(ok|not ok)' <(cat "$work/all" "$work/rag"))
[ $all = 0 ] && [ $rag = 0 ] || bad=1
finish
