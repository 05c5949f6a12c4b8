#!/bin/bash
# A golden trace_hash that moves without a new OFFSIM_MODEL_VERSION would let old runs pass for new ones.
# `bash tests/golden/model_version.sh update` writes the golden file after the version was raised.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
unset OFFSIM_DATA                                       # the shipped fits: the same numbers everywhere
golden=tests/golden/model_version.txt
version=$("$OFFSIM" --version | sed -n 's/.*model version \([0-9]*\).*/\1/p')
now() {
  for scenario in scenarios/minimal.yaml scenarios/edge-rag-small.yaml bench/three-tier.yaml tests/golden/measured.yaml; do
    "$OFFSIM" run $scenario --quiet --replications 1 --set output.trace=none --format json -o "$work/${scenario##*/}" |
      /usr/bin/python3 -c 'import json, sys; r = json.load(sys.stdin); print(sys.argv[1], r["scenario"], r["trace_hash"])' "$version"
  done
}
if [ "${1:-}" = update ]; then now >$golden; cat $golden; exit; fi
if [ ! -e $golden ]; then skip "golden hashes" "$golden is not there"; finish; fi
now >"$work/now"
check "the model version says whether hashes moved" diff $golden "$work/now"
sed 's/ [0-9a-f]/ x/' $golden >"$work/planted"
check "planted: another hash is seen" bash -c "! diff -q '$work/planted' '$work/now'"
finish
