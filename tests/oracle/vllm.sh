#!/bin/bash
# The LLM engine on measured kernel times against recorded runs of a real server: validation in overload.
. tests/tap.sh
runs=${OFFSIM_DATA:-}/traces
replay() { # replay CARD SEQUENCES MORE...
  local card=$1 sequences=$2; shift 2
  "$OFFSIM" validate vllm --requests "$runs/vllm019_${card}_Llama-3.1-8B.requests.jsonl.gz" \
    --profile "$runs/vllm019_profile_${card}_Llama-3.1-8B_tp1" --model llama-3.1-8b --max-num-seqs "$sequences" \
    --max-num-batched-tokens 2048 --timeseries "$runs/vllm019_${card}_Llama-3.1-8B.timeseries.csv" --format json "$@"
}
within() { # within KEY=FRACTION... < JSON
  /usr/bin/python3 -c '
import json, sys
got, bad = json.load(open(sys.argv[1])), 0
for bar in sys.argv[2:]:
    key, most = bar.split("=")
    print(key, got[key], "at most", most)
    bad |= abs(got[key]) > float(most)
sys.exit(bad)' "$@"
}
if [ ! -e "$runs/vllm019_RTX4090_Llama-3.1-8B.requests.jsonl.gz" ]; then
  skip "recorded runs" 'needs files of $OFFSIM_DATA'
else
  check "RTX PRO 6000 replays" bash -c "$(declare -f replay); OFFSIM=$OFFSIM runs=$runs; replay RTXPRO6000 128 >$work/pro"
  check "RTX PRO 6000" within "$work/pro" tpot_mean_err=.02 e2e_mean_err=.02 running_err=.05 waiting_err=.05
  # Memory is full here all the time. The aims are 3, 1, 2.5 % (TTFT, TPOT, E2E), 1.5 % (median of single requests) and 3 %
  # (quantiles). All hold but the median of E2E: docs/equations.md says why. With the correction none of the means does.
  check "RTX 4090 replays" bash -c "$(declare -f replay); OFFSIM=$OFFSIM runs=$runs; replay RTX4090 256 --kv-blocks 2588 >$work/4090"
  check "RTX 4090" within "$work/4090" ttft_mean_err=.03 tpot_mean_err=.01 e2e_mean_err=.025 e2e_p90_err=.03 \
    e2e_p99_err=.03 e2e_request_median_abs_err=.015 running_err=.05 waiting_err=.05 kv_err=.05 e2e_p50_err=.05
  OFFSIM=$OFFSIM runs=$runs replay RTX4090 256 --kv-blocks 2588 --skew off >"$work/even"
  check "RTX 4090: as its publisher sets it" cmp "$work/4090" "$work/even"
  OFFSIM=$OFFSIM runs=$runs replay RTX4090 256 --kv-blocks 2588 --skew on >"$work/skew"
  check_exit "RTX 4090 with the correction" 1 within "$work/skew" tpot_mean_err=.01
  OFFSIM=$OFFSIM runs=$runs replay RTXPRO6000 128 --skew off >"$work/pro-even"
  check_exit "RTX PRO 6000 without the correction" 1 within "$work/pro-even" e2e_mean_err=.02
  # The defaults of the collectives are 45 GB/s and 20 us; on two devices with links that cost nothing it is as on one.
  for links in "" "--interconnect 45GB/s --collective 20us" "--interconnect 1e300 --collective 0"; do
    # shellcheck disable=SC2086
    OFFSIM=$OFFSIM runs=$runs replay RTXPRO6000 128 --tensor-parallel 2 $links >"$work/tp$((tp++))"
  done
  check "tensor parallel: defaults" cmp "$work/tp0" "$work/tp1"
  check "tensor parallel: free links" cmp "$work/tp2" "$work/pro"
  check_exit "tensor parallel: links cost" 1 cmp "$work/tp0" "$work/pro"
fi
check_exit "skew" 2 "$OFFSIM" validate vllm --requests x --profile x --model llama-3.1-8b --max-num-seqs 1 \
  --max-num-batched-tokens 1 --skew maybe
check_exit "no profile" 3 "$OFFSIM" validate vllm --requests x --profile none --model llama-3.1-8b --max-num-seqs 1 --max-num-batched-tokens 1
check_exit "no requests" 2 "$OFFSIM" validate vllm --profile x --model llama-3.1-8b
check_exit "no such model" 2 "$OFFSIM" validate vllm --requests x --profile x --model llama --max-num-seqs 1 --max-num-batched-tokens 1
finish
