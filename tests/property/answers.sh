#!/bin/bash
# Whose answer the user has where attempts are called off, given up or cut (answers.py).
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
/usr/bin/python3 tests/property/answers.py "${OFFSIM:-build/offsim}" "$work"
