#!/bin/bash
# Random worlds with privacy zones: 20000 decisions (short) or 10^6 (long), audited on /transfers.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
count=20000; [ "${1:-short}" = long ] && count=1000000
/usr/bin/python3 tests/property/zones.py "$OFFSIM" $count "${SEED:-$RANDOM}" "$work"
