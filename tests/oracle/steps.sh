#!/bin/bash
# Compact step times against the operator tables that they were fitted to: the errors that the presets state.
. tests/tap.sh
data=${OFFSIM_DATA:-}/traces
compare() { # compare CARD PRESET KV MEAN P90 MAX
  "$OFFSIM" validate steps --profile "$data/vllm019_profile_${1}_Llama-3.1-8B_tp1" --model llama-3.1-8b --kv-tokens "$3" \
    --step-time "$2" --mean "$4" --p90 "$5" --max "$6"
}
if [ ! -e "$data/vllm019_profile_RTX4090_Llama-3.1-8B_tp1_dense.csv.gz" ]; then
  skip "operator tables" 'needs files of $OFFSIM_DATA'
else
  check "RTX 4090" compare RTX4090 rtx4090_llama31_8b 41408 .016 .035 .12
  check "RTX PRO 6000" compare RTXPRO6000 rtxpro6000_llama31_8b 200000 .02 .04 .45
  check_exit "planted: the other card" 1 compare RTX4090 rtxpro6000_llama31_8b 41408 .3 .35 1
  check_exit "planted: a bar too low" 1 compare RTX4090 rtx4090_llama31_8b 41408 .016 .035 .05
fi
check_exit "no such tables" 3 "$OFFSIM" validate steps --profile "$work/none" --model llama-3.1-8b
check_exit "no such model" 2 "$OFFSIM" validate steps --profile "$work/none" --model llama
check_exit "no profile" 2 "$OFFSIM" validate steps --model llama-3.1-8b
check_exit "one knot" 2 "$OFFSIM" validate steps --profile x --model llama-3.1-8b --knots 1
finish
