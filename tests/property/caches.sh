#!/bin/bash
# Caches of answers, through scenario files: caches.py.
exec /usr/bin/python3 tests/property/caches.py "$@"
