#!/bin/bash
# The simulator against queueing theory, reduced (short) or as stated (long), and against planted faults, which it must see.
. tests/tap.sh
size=${1:-short}; seed=${SEED:-1}
if [ "$size" = long ]; then
  check "queues, full size, seed $seed" "$OFFSIM" validate queues --seed "$seed"
else
  check "queues, reduced, seed $seed" "$OFFSIM" validate queues --quick --seed "$seed"
fi
for fault in load discipline residual batch; do
  check_exit "planted: $fault" 1 "$OFFSIM" validate queues --quick --plant $fault --margin 0.01 --seed "$seed"
done
check_exit "unknown suite" 2 "$OFFSIM" validate quues
finish
