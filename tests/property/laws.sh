#!/bin/bash
# Laws that hold in every shipped scenario (laws.py), over 5000 requests of each (short) or 50000 (long), with the program
# that has witnesses and the faulty ones that `make leaks` builds.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
OFFSIM=${OFFSIM:-build/offsim}
export LAWS_REQUESTS=5000; [ "${1:-short}" = long ] && LAWS_REQUESTS=50000
/usr/bin/python3 tests/property/laws.py "$OFFSIM" "${OFFSIM%/*}/laws" "$work"
