#!/bin/bash
# The LLM engine against reference runs, request by request and iteration by iteration; wrong settings must be seen.
. tests/tap.sh
here=tests/data/scheduler
replay() { "$OFFSIM" validate scheduler "$@"; }
check "shipped: vllm_v0 under preemption, every iteration" replay $here/syn-vllm-preempt.csv --scheduler vllm_v0 \
  --kv-blocks 700 --iterations $here/syn-vllm-preempt-iterations.csv.gz
check "shipped: sarathi, ties" replay $here/syn-sarathi-ties.csv --scheduler sarathi --kv-blocks 4000
check "shipped: sarathi, two replicas" replay $here/syn-sarathi-2rep-rr.csv --scheduler sarathi --kv-blocks 4000 --replicas 2 \
  --router round_robin
check_exit "planted: one KV block less" 1 replay $here/syn-vllm-preempt.csv --scheduler vllm_v0 --kv-blocks 699
check_exit "planted: another scheduler" 1 replay $here/syn-sarathi-ties.csv --scheduler vllm_v0 --kv-blocks 4000
check_exit "planted: one replica less" 1 replay $here/syn-sarathi-2rep-rr.csv --scheduler sarathi --kv-blocks 4000
check_exit "planted: chunk one token longer" 1 replay $here/syn-sarathi-ties.csv --scheduler sarathi --kv-blocks 4000 \
  --max-num-batched-tokens 513
# One completion 3 ns late, one restart more, one row of the log with one token more.
awk -F, -v OFS=, 'NR == 100 {$8 = sprintf("%.9f", $8 + 3e-9)} {print}' $here/syn-sarathi-ties.csv >"$work/late.csv"
check_exit "planted: 3 ns" 1 replay "$work/late.csv" --scheduler sarathi --kv-blocks 4000
awk -F, -v OFS=, 'NR == 100 {$9++} {print}' $here/syn-sarathi-ties.csv >"$work/restart.csv"
check_exit "planted: a restart" 1 replay "$work/restart.csv" --scheduler sarathi --kv-blocks 4000
zcat $here/syn-vllm-preempt-iterations.csv.gz | awk -F, -v OFS=, 'NR == 1000 {$7++} {print}' >"$work/log.csv"
check_exit "planted: a row of the log" 1 replay $here/syn-vllm-preempt.csv --scheduler vllm_v0 --kv-blocks 700 \
  --iterations "$work/log.csv"
check_exit "no such file" 3 replay "$work/none.csv" --scheduler sarathi --kv-blocks 4000
check_exit "no scheduler" 2 replay $here/syn-sarathi-ties.csv --kv-blocks 4000
check_exit "no blocks" 2 replay $here/syn-sarathi-ties.csv --scheduler sarathi --kv-blocks 0
check_exit "a memory that no prompt fits" 1 replay $here/syn-sarathi-ties.csv --scheduler sarathi --kv-blocks 10

data=${OFFSIM_DATA:-}/reference
if [ -r "$data/index.csv" ]; then
  while IFS=, read -r file scheduler blocks replicas router _; do
    [ "$scheduler" = vllm ] && scheduler=vllm_v0
    log=$data/${file%.csv}-iterations.csv.gz
    [ -r "$log" ] && log=(--iterations "$log") || log=()
    check "$file" replay "$data/$file" --scheduler "$scheduler" --kv-blocks "$blocks" --replicas "$replicas" \
      --router "$router" "${log[@]}"
  done < <(tail -n +2 "$data/index.csv")
else
  skip "the other reference files" "needs files of \$OFFSIM_DATA"
fi
finish
