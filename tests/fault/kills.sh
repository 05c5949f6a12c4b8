#!/bin/bash
# kill -9 of supervisors, workers and runs at random moments (20; `kills.sh long`: 100): kills.py says the rest.
exec /usr/bin/python3 tests/fault/kills.py "$@"
