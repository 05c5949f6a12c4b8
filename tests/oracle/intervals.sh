#!/bin/bash
# Intervals on M/M/1 hold the truth, and the flag for runs too short fires where they do not; reduced (short: 20 CPU seconds) or
# as stated (long: 2000 experiments a cell, 35 CPU minutes). False alarms: 0.1 % over the whole table. Planted: an interval
# for independent values, a flag that never fires, one that always does.
. tests/tap.sh
size=${1:-short}; seed=${SEED:-1}
reduced=--quick; [ "$size" = long ] && reduced=
check "intervals, $size, seed $seed" "$OFFSIM" validate intervals $reduced --seed "$seed"
check_exit "planted: interval for independent values" 1 \
  "$OFFSIM" validate intervals --quick --experiments 40 --case run-mean --plant iid --seed "$seed"
for fault in never always; do
  check_exit "planted: flag $fault" 1 "$OFFSIM" validate intervals --quick --experiments 40 --plant $fault --seed "$seed"
done
one() { "$OFFSIM" validate intervals --length 1e3 --experiments 60 --seed "$seed" --format json "$@"; }
one -j 1 >"$work/one"; one -j 3 >"$work/three"
check "the same for any number of workers" cmp "$work/one" "$work/three"
check_exit "unknown case" 2 "$OFFSIM" validate intervals --quick --case run-median
check_exit "unknown fault" 2 "$OFFSIM" validate intervals --quick --plant load
check_exit "a length that it does not have" 2 "$OFFSIM" validate intervals --length 5
finish
