#!/bin/bash
# Whose answer the user has where attempts are called off, given up or cut (answers.py); and what tasks cannot find.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
/usr/bin/python3 tests/property/answers.py "$OFFSIM" "$work" | grep -v '^1\.\.'; bad=$((bad | PIPESTATUS[0])); number=5

spoilt() { # spoilt PATH=VALUE WORDS: the run is refused by these words
  "$OFFSIM" run tests/data/answers/shares.yaml --set "classes.q.pipeline.$1" -o "$work/spoilt" --quiet >"$work/said" 2>&1
  [ $? = 2 ] && grep -qF -- "$2" "$work/said" || { cat "$work/said"; return 1; }; }
check "shares from 0 to 1" "$OFFSIM" run tests/data/answers/shares.yaml -o "$work/shares" --quiet
check "an entry of no size" spoilt 'look.cache.entry=5 kB * (0 / x)' "task look: 'cache.entry' is nan for request 1"
check "an entry without end" spoilt 'look.cache.entry=5 kB / x' "task look: 'cache.entry' is inf for request 1"
check "more than all found" spoilt 'find.recall.value=2 * x' "task find: 'recall.value' is 2 for request 0"
check "nobody knows whether it was found" spoilt 'find.recall.value=0 / x' "task find: 'recall.value' is nan for request 1"
check "nor what was removed" spoilt 'clean.transform.remove.secret=0 / x' "task clean: 'transform.remove' is nan for request 1"
check "better than right" spoilt 'clean.transform.quality=3 * x' "task clean: 'transform.quality' is 3 for request 0"
check "more than there was" spoilt 'clean.transform.keep=2 * x' "task clean: 'transform.keep' is 2 for request 0"
finish
