#!/bin/bash
# Who saw which data, recomputed from the trace by an auditor that shares no code with the program.
. tests/tap.sh
"$OFFSIM" run tests/differential/exposure.yaml -o "$work/x" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/exposure.py "$work/x" >"$work/all"; all=$?
"$OFFSIM" run scenarios/rag-privacy.yaml --set output.trace=links --set horizon.duration=40s --replications 1 -o "$work/r" --quiet >"$work/out" 2>&1 || cat "$work/out"
/usr/bin/python3 tests/differential/exposure.py "$work/r" >"$work/rag"; rag=$?
grep -hE '^(ok|not ok|#)' "$work/all" "$work/rag"
number=$(grep -chE '^(ok|not ok)' <(cat "$work/all" "$work/rag"))
# the report has a table of it, a zone and a kind in each column; one without kinds of data has none
"$OFFSIM" report "$work/x" >"$work/out" 2>&1 || cat "$work/out"
"$OFFSIM" run scenarios/minimal.yaml --replications 1 --set horizon.duration=10s -o "$work/m" --quiet >"$work/out" 2>&1 && "$OFFSIM" report "$work/m" >>"$work/out" 2>&1
check "the report tells who saw what" grep -qE 'medical<br><span class="soft">carrier' "$work/x/report.html"
check "and nothing where nobody says what data are" bash -c '! grep -q "Exposure of data" "$1"' - "$work/m/report.html"
[ $all = 0 ] && [ $rag = 0 ] || bad=1
finish
