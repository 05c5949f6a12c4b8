#!/bin/bash
# The tree that the program names is the tree that it was built from, also after a build that compiled little.
. tests/tap.sh
if ! tree=$(git describe --always --dirty 2>/dev/null); then
  skip "git id" "no git repository"
else
  make -s BUILD="$(dirname "${OFFSIM#"$PWD"/}")" "${OFFSIM#"$PWD"/}" >"$work/log" 2>&1 || cat "$work/log"
  check "git id" same "$("$OFFSIM" --version | sed -n 's/, .*//; 2p')" "$tree"
fi
finish
