#!/bin/bash
# The gallery of changes (scenarios/changes): what each shows, from its trace.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
/usr/bin/python3 tests/property/changes.py "$OFFSIM" scenarios/changes "$work"
