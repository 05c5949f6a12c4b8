#!/bin/bash
# Does each scenario show what it is for? Rows: tests/property/effects/NAME.json, one file a scenario; docs/gallery.md.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
/usr/bin/python3 tests/property/effects.py "${OFFSIM:-build/offsim}" "$work" "${1:-short}"
