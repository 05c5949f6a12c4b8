#!/bin/bash
# What retries, budgets, copies, breakers, health checks and shedding gain and cost (scenarios/troubles.yaml).
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
/usr/bin/python3 tests/property/troubles.py "${OFFSIM:-build/offsim}" scenarios/troubles.yaml "$work"
