#!/bin/bash
# offsim profile import: the same table in four forms, lengths held out against the formula that made it, the profile in a
# scenario, what is refused and how; with $OFFSIM_DATA the originals of vLLM and Vidur.
. tests/tap.sh
OFFSIM=${OFFSIM:-$PWD/build/offsim}; table=$PWD/scenarios/data/llama-bench.json; export NO_COLOR=1 LC_ALL=C
import() { "$OFFSIM" profile import "$@"; }
says() { # says NAME EXIT PATTERN ARGUMENTS...
  local name=$1 want=$2 pattern=$3; shift 3
  import "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | head -n 10; }
}
here=$PWD; cd "$work"

# ---- four forms of one table -------------------------------------------------------------------------------------------
cat >forms.py <<'P'
import csv, json, sys
rows = json.load(open(sys.argv[1]))
open('t.jsonl', 'w').write(''.join(json.dumps(r) + '\n' for r in rows))
with open('t.csv', 'w', newline='') as f:
    w = csv.writer(f, quoting=csv.QUOTE_ALL); w.writerow(rows[0]); w.writerows([str(v) for v in r.values()] for r in rows)
with open('t.md', 'w') as f:
    f.write('device found\n| model | backend | test | t/s |\n| --- | --- | ---: | ---: |\n')
    for r in rows:
        test = (f"pp{r['n_prompt']}" if r['n_prompt'] else f"tg{r['n_gen']}") + (f" @ d{r['n_depth']}" if r['n_depth'] else '')
        f.write(f"| llama 8B | CUDA | {test} | {r['avg_ts']:.3f} ± 0.1 |\n")
    f.write('\nbuild: 0 (0)\n')
P
python3 forms.py "$table"
held() { import --from llama-bench "$1" --map variant=m --hold-out 64,256,1024 2>/dev/null | grep 'held out'; }
for form in jsonl csv md; do check "$form says what JSON says" same "$(held "$table")" "$(held t.$form)"; done
check "and it says something" test "$(held "$table" | wc -l)" = 3

# ---- lengths held out against the formula: 5.2 ms + 0.135 ms n + 4.76e-9 n^2 ------------------------------------------------
formula() { import --from llama-bench "$table" --map variant=m --hold-out "$1" --format json -o "held.yaml" 2>/dev/null |
  python3 -c "
import json, sys
for h in json.load(sys.stdin)['held_out']:
    n = h['tokens']; t = 5.2e-3 + 1.35e-4 * n + 4.76e-9 * n * n
    assert abs(h['foretold_s'] / t - 1) < .05, (n, h['foretold_s'], t)
    print(n)"; }
for n in 32 64 128 256 512 1024 2048 4096; do check "prompts of $n tokens, held out, are foretold within 5 %" same "$(formula $n)" "$n.0"; done
says "held-out lengths within 5 %: exit 0" 0 "held out: 512 tokens" --from llama-bench "$table" --map variant=m --hold-out 128,512,2048
sed '/"n_prompt": 512/s/"avg_ns": [0-9]*/"avg_ns": 88000000/' "$table" >off.json
says "planted: a length 15 % off is seen" 1 "held out: 512 tokens" --from llama-bench off.json --map variant=m --hold-out 512

# ---- in a scenario: 400 tokens read, 11 made --------------------------------------------------------------------------------
scenario() { cat <<Y
name: imported
seed: 1
horizon: {kind: terminating, duration: 500 s, drain_max: 1 min}
replications: 2
variants: {m: {parameters: 8e9, weights: 4.7 GB, kv: 131072 B/tok}}
places:
  - {name: phone, tier: device, zone: user, count: 20}
  - {name: edge, tier: edge, zone: operator, servers: 1, hardware: $1, $2}
links: [{name: access, between: [phone, edge], rate: 10 Gbit/s, latency: 0 ms}]
classes:
  - name: ask
    from: [phone]
    arrivals: {poisson: {rate: 0.02 /s}}
    input: 0 B
    pipeline: [{task: answer, variants: [m], work: {tokens: {input: 400, output: 11}}, places: [edge], output: 0 B}]
policies: [always_edge]
Y
}
service() { "$OFFSIM" run "$1" --format json -o "r-$1" --quiet | python3 -c "
import json, sys
s = json.load(sys.stdin)['policies'][0]['metrics']['service_mean_s']['value']
t = 5.2e-3 + 1.35e-4 * 400 + 4.76e-9 * 400**2 + 10 * (7.818e-3 + 2e-7 * 405.5)
assert abs(s / t - 1) < .02, (s, t)"; }
check "a profile is written" import --from llama-bench "$table" --map variant=m,memory='24 GB' -o card.yaml
scenario card.yaml 'slots: 1' >plain.yaml
scenario card.yaml 'batching: {kind: continuous, scheduler: vllm_v1, max_num_seqs: 8, max_num_batched_tokens: 512}' >engine.yaml
check "as hardware: 400 + 11 tokens take what the formula says, within 2 %" service plain.yaml
check "and in an LLM engine" service engine.yaml
head -c 700 card.yaml >cut.yaml; scenario cut.yaml 'slots: 1' >of-cut.yaml
check_exit "a profile that was cut off is refused" 2 "$OFFSIM" check of-cut.yaml

# ---- shown and compared ------------------------------------------------------------------------------------------------------
profile() { # profile NAME EXIT PATTERN ARGUMENTS...: as says, of show and diff
  local name=$1 want=$2 pattern=$3; shift 3
  "$OFFSIM" profile "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qE -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | head -n 20; }
}
# 8192 tokens: 5.2 ms + 8192 x 135 us + 8192^2 x 4.76 ns = 1.43 s; a step of one request 7.818 ms, 7.818 + 4096 x .0002 = 8.64 ms
profile "show: times of prompts by length" 0 '^ +8192 +1\.4[34] s +5[67][0-9][0-9]$' show card.yaml
for said in 'a step: 7\.8[0-9]? ms \+ 0 s a request \(not measured\) \+ 20[0-9] ns a token of context' '12[78]\.[0-9] tok/s without context, 11[56]\.[0-9] tok/s on 4096' \
  'error of prompts: mean 1\.2 %' 'measured +no date, by llama-bench synthetic' 'source: llama-bench of llama.cpp'; do
  check "show says: $said" grep -qE "$said" "$work/said"
done
check "show: no blanks at the ends of lines" bash -c "! grep -q ' $' '$work/said'"
show_json() { "$OFFSIM" profile show card.yaml --format json | python3 -c "
import json, sys
m = json.load(sys.stdin)['tokens']['m']
t = dict(zip(m['prompt']['tokens'], m['prompt']['times_s']))
assert abs(t[512] / (5.2e-3 + 1.35e-4 * 512 + 4.76e-9 * 512**2) - 1) < .01, t
assert not m['step']['c_measured'] and m['step']['kv_measured'] and m['step']['error']['shapes'] == 4, m['step']"; }
check "show --format json has them" show_json
sed -E 's/"avg_ns": ([0-9]+)/"avg_ns": \1000/; s/("n_gen": 0.*"avg_ns": [0-9]+)000/\1/' "$table" >slow.json  # steps only, in a thousand times the time
import --from llama-bench slow.json --map variant=m -o slow.yaml >/dev/null 2>&1
import --from llama-bench "$table" --map variant=other -o other.yaml >/dev/null 2>&1
profile "diff: the same" 0 '^0 of 2 compared times differ' diff card.yaml card.yaml
profile "diff: planted, steps a thousand times as long" 1 '^m steps +DIFFERENT +\+(99[0-9]{3}|100[0-9]{3})\.' diff card.yaml slow.yaml
check "and prompts as before" grep -qE '^m prompts +same +\+0\.0 %' "$work/said"
profile "the words are not those of kernels" 1 '^1 of 2 compared times differ' diff card.yaml slow.yaml
diff_json() { "$OFFSIM" profile diff card.yaml slow.yaml --format json | python3 -c "
import json, sys
d = json.load(sys.stdin)
assert d['kernels'] == {} and set(d['models']) == {'m prompts', 'm steps'} and d['models']['m steps']['points_are'] == 'steps', d"; }
check "diff --format json has them as models" diff_json
profile "diff: other models" 2 "no model that can be compared: 'm' is only in the first" diff card.yaml other.yaml
profile "shipped hardware by its name" 0 'llm_8b_bf16 steps +same' diff h100 h100_vllm
profile "show: its name" 0 '^gemm_f32 ' show vm_epyc_2core
profile "show: a name that is none" 2 "no shipped hardware of that name; did you mean 'vm_epyc_2core'" show vm_epyc_2cor
sed -E 's/^( +tokens: \[)16, /\1/' card.yaml >short.yaml
profile "show: lists that do not fit" 2 "'tokens' has 36 elements, 'times' 37" show short.yaml

# ---- holes and times that fall ---------------------------------------------------------------------------------------------
python3 - "$table" <<'P'
import json, sys
rows = json.load(open(sys.argv[1]))
more = dict(rows[5], n_depth=4096, avg_ns=95000000)                     # 512 on 4096: the other lengths there are holes
rows = [r for r in rows if r['n_prompt'] not in (64, 128)] + [more]     # 32 to 256: a gap
for r in rows:
    if r['n_prompt'] == 2048: r['avg_ns'] = 140000000                   # less than 1024
json.dump(rows, open('holes.json', 'w'))
P
for said in "hole: no time for prompt 1024 at context 4096" "gap: no prompt between 32 and 256 tokens" \
  "falls: prompt 2048 at context 0 takes 140 ms" "prompts on context, as t(q + n) - t(q)"; do
  says "listed: ${said%% *} ${said##* }" 0 "$said" --from llama-bench holes.json --map variant=m -o holes.yaml
done
check "and kept in the profile" grep -q 'gap: no prompt between 32 and 256' holes.yaml
profile "and shown" 0 'gap: no prompt between 32 and 256 tokens' show holes.yaml
check "which is read" import --from llama-bench holes.json --map variant=m -o again.yaml

# ---- what is refused -------------------------------------------------------------------------------------------------------
L="--from llama-bench"
says "no format" 2 "--from FORMAT is missing" "$table"
says "an unknown one" 2 "did you mean 'llama-bench'" --from llama-bensh "$table"
says "no variant" 2 "--map variant=NAME is missing" $L "$table"
says "an unknown key" 2 "has no 'memroy'; did you mean 'memory'" $L "$table" --map variant=m,memroy=3
says "no file" 2 "which FILE" $L --map variant=m
says "a file that is not there" 3 "cannot read" $L none.json --map variant=m
says "a unit is needed" 2 "profile import: --map: the profile would be refused: 'memory': '24' needs a unit" $L "$table" --map variant=m,memory=24 -o refused.yaml
check "and nothing is left of it" bash -c '! ls refused.yaml* 2>/dev/null'
says "no such folder" 3 "no-folder" $L "$table" --map variant=m -o no-folder/x.yaml
says "a name that is none" 2 "is no name for hardware" $L "$table" --map variant=m -o 'a b.yaml'
says "a length that was not measured" 2 "1 of the 2 lengths of --hold-out were not measured" $L "$table" --map variant=m --hold-out 64,65
says "a length that is none" 2 "lengths in tokens, not 'x'" $L "$table" --map variant=m --hold-out x
grep -v '"n_gen": 128' "$table" | sed 's/^\( *{.*"n_prompt": 8192.*\),$/\1/' >prompts.json
says "no decode step" 2 "no row tells what a decode step takes; measure it as well (-n 128)" $L prompts.json --map variant=m
printf '| model | test | t/s |\n|---|---|---|\n| m | pp8 | 100 |\n| m | tg8 | 10 |\n' >one.md
says "one length" 2 "1 length of prompts; a profile needs 2" $L one.md --map variant=m
sed '3s/100/-1/' one.md >negative.md; says "a rate below 0, with its place" 2 "negative.md:3:" $L negative.md --map variant=m
sed '3s/pp8/xx8/' one.md >test.md; says "a test that is none" 2 "'xx8' is no test such as pp512" $L test.md --map variant=m
sed '4s/| m/| n/' one.md >two.md; says "two settings" 2 "choose with --where model=VALUE" $L two.md --map variant=m
says "--where finds none" 2 "no row is as --where says" $L two.md --map variant=m --where model=k
says "--where names the nearest" 2 "no column 'modell'; did you mean 'model'" $L two.md --map variant=m --where modell=m
sed 's/"avg_ns": 7331774/"avg_ns": "soon"/' "$table" >soon.json
says "text for a number, by its element" 2 "element 1, avg_ns: 'soon' is no number" $L soon.json --map variant=m
head -c 500 "$table" >half.json; says "half a file" 2 "no JSON" $L half.json --map variant=m
printf 'n,b,k,t\n100,,,20\n200,,,30\n400,,,50\n,1,100,8\n,8,100,9\n,8,900,12\n' >own.csv
C="--from csv own.csv"
says "csv: by its columns" 0 "3 times of prompts, 3 of decode steps, 1 holes" $C --map variant=m,prompt=n,batch=b,context=k,time=t,unit=ms
says "csv: lines are exact" 0 "prompts (table): mean 0.00 %" $C --map variant=m,prompt=n,batch=b,context=k,time=t,unit=ms
says "csv: no unit" 2 "--map unit= is missing" $C --map variant=m,prompt=n,time=t
says "csv: no such unit" 2 "it is s, ms, us, ns or tok/s" $C --map variant=m,prompt=n,time=t,unit=h
says "csv: no such column" 2 "no column 'nn'; did you mean 'n'" $C --map variant=m,prompt=nn,time=t,unit=ms
sed 's/^200,,,30/200,,,nan/' own.csv >nan.csv
says "csv: nan" 2 "nan.csv:3:7: error: t: 'nan' is no number" --from csv nan.csv --map variant=m,prompt=n,batch=b,context=k,time=t,unit=ms
sed 's/^200,,,30/1e300,,,30/' own.csv >long.csv
O="m,prompt=n,batch=b,context=k,time=t,unit"
says "csv: a length that is none" 2 "long.csv:3:1: error: n: '1e300' is no whole number up to 1e+09" --from csv long.csv --map variant=$O=ms
sed 's/1e300/100.5/' long.csv >part.csv
says "csv: half a token" 2 "part.csv:3:1: error: n: '100.5' is no whole number" --from csv part.csv --map variant=$O=ms
sed 's/^200,,,30/200,,,30000000/' own.csv >late.csv
says "csv: a time that is none" 2 "late.csv:3:7: error: t: 3e+07 s for a prompt or a step: is the unit right?" --from csv late.csv --map variant=$O=s
printf 'n,b,k,t\n100,,,20\n400,,,50\n,1,100,1\n,1,200,2\n,1,400,4\n' >prop.csv
says "csv: steps in proportion to their context" 0 "a step: 1 ns + 0 s a request (not measured) + 10 us a token of context" \
  --from csv prop.csv --map variant=$O=ms -o prop.yaml
sed '3s/pp8/pp1e300/' one.md >long.md; says "llama-bench: a length that is none" 2 "long.md:3:" $L long.md --map variant=m
says "vllm-tables: no model" 2 "--map model=NAME is missing" --from vllm-tables none --map variant=m
says "vllm-tables: no files" 3 "none_dense.csv.gz" --from vllm-tables none --map variant=m,model=llama-3.1-8b
says "vidur: rates are needed" 2 "--map flops=RATE is missing" --from vidur own.csv --map variant=m,model=llama-2-7b
says "vidur: not its columns" 2 "no column 'num_tokens'" --from vidur own.csv --map variant=m,model=llama-2-7b,flops='1 TFLOP/s',bandwidth='1 GB/s'

mkdir there.yaml
says "a name without .yaml" 2 "-o names a file that ends in .yaml, not 'card'" --from llama-bench "$table" --map variant=m -o card
says "nothing but a file is replaced" 2 "'there.yaml' is there and no file" --from llama-bench "$table" --map variant=m -o there.yaml

# ---- the originals ---------------------------------------------------------------------------------------------------------
near() { # of the lengths left out: mean within 2 %, nine in ten within 5 %
  import "$@" --format json -o original.yaml 2>/dev/null | python3 -c "
import json, sys
r = json.load(sys.stdin); e = r['prompt']
assert e['shapes'] > 100 and e['mape'] < .02 and e['p90'] < .05, e
assert r['step']['mape'] < .03, r['step']"; }
traces=${OFFSIM_DATA:-}/traces
for card in RTX4090 RTXPRO6000; do
  name="vLLM on $card: lengths left out within 5 %, nine in ten"
  [ -e "$traces/vllm019_profile_${card}_Llama-3.1-8B_tp1_dense.csv.gz" ] || { skip "$name" "needs files of \$OFFSIM_DATA"; continue; }
  check "$name" near --from vllm-tables "$traces/vllm019_profile_${card}_Llama-3.1-8B_tp1" --map variant=m,model=llama-3.1-8b,memory='24 GB'
done
for card in a100 h100; do
  name="Vidur on $card: the same"
  [ -e "$traces/vidur_profile_${card}_Llama-2-7b_mlp.csv.gz" ] || { skip "$name" "needs files of \$OFFSIM_DATA"; continue; }
  check "$name" near --from vidur "$traces/vidur_profile_${card}_Llama-2-7b_mlp.csv.gz" --map variant=m,model=llama-2-7b,flops='156 TFLOP/s',bandwidth='1630 GB/s',memory='80 GB'
  says "its model is checked" 2 "n_kv_head is 32 here; llama-3.1-8b has 8" --from vidur "$traces/vidur_profile_${card}_Llama-2-7b_mlp.csv.gz" \
    --map variant=m,model=llama-3.1-8b,flops='156 TFLOP/s',bandwidth='1630 GB/s'
done
if [ -e original.yaml ]; then
  scenario original.yaml 'batching: {kind: continuous, scheduler: vllm_v1, max_num_seqs: 64, max_num_batched_tokens: 512, extrapolate: true}' >original-engine.yaml
  check "an imported step time runs an LLM engine" "$OFFSIM" run original-engine.yaml --quiet -o original-run
else skip "an imported step time runs an LLM engine" "needs files of \$OFFSIM_DATA"; fi
finish
