#!/bin/bash
# Random worlds with privacy zones: 20000 decisions (short) or 10^6 (long), audited on /transfers; then the faulty
# simulators that `make leaks` builds beside the program.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
OFFSIM=${OFFSIM:-build/offsim}
count=20000; [ "${1:-short}" = long ] && count=1000000
/usr/bin/python3 tests/property/zones.py "$OFFSIM" $count "${SEED:-$RANDOM}" "$work" "${OFFSIM%/*}/leaks"
