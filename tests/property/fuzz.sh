#!/bin/bash
# Damaged scenario files against the sanitized build: 300 (short) or 10000 (long) of them.
count=300; [ "${1:-short}" = long ] && count=10000
program=$(dirname "$OFFSIM")/asan/offsim
exec /usr/bin/python3 tests/fuzz/scenarios.py "$program" $count "${SEED:-$RANDOM}" scenarios/*.yaml scenarios/validation/*.yaml scenarios/changes/*.yaml
