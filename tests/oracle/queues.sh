#!/bin/bash
# The simulator against queueing theory, reduced (short) or as stated (long), and against planted faults, which it must see.
. tests/tap.sh
size=${1:-short}; seed=${SEED:-1}
if [ "$size" = long ]; then
  check "queues, full size, seed $seed" "$OFFSIM" validate queues --seed "$seed"
else
  check "queues, reduced, seed $seed" "$OFFSIM" validate queues --quick --seed "$seed"
fi
for fault in load discipline residual batch setup keep repair patience lag; do
  check_exit "planted: $fault" 1 "$OFFSIM" validate queues --quick --plant $fault --margin 0.01 --seed "$seed"
done
for option in "--seed abc" "--seed -1" "--seed 1.5" "--margin wide" "--margin 0" "--requests many" "-j none" "-j 0"; do
  # shellcheck disable=SC2086
  check_exit "validate $option" 2 "$OFFSIM" validate queues --quick --case mm1 $option
done
check_exit "unknown fault" 2 "$OFFSIM" validate queues --quick --plant lode
check_exit "unknown suite" 2 "$OFFSIM" validate quues
finish
