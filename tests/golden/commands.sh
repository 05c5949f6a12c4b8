#!/bin/bash
# What the commands say: help everywhere, and a mistake on the command line named by its option, before anything runs.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; scenario=scenarios/minimal.yaml
export NO_COLOR=1 LC_ALL=C
says() { # says NAME EXIT PATTERN ARGUMENTS...: the pattern stands in what is printed
  local name=$1 want=$2 pattern=$3; shift 3
  "$OFFSIM" "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -qF -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc, wanted $want and '$pattern'"; sed 's/^/#   /' "$work/said" | head -n 10; }
}

for command in $("$OFFSIM" --help | awk '/^  [a-z]+ / && $1 != "offsim" { print $1 }'); do
  check "$command --help" bash -c "'$OFFSIM' $command --help 2>'$work/stderr' | grep -q '^usage: offsim $command' && [ ! -s '$work/stderr' ]"
done

# ---- mistakes in options -----------------------------------------------------------------------------------------------
says "--seed is named" 2 "--seed: 'abc' is not a whole number" run $scenario --seed abc -o "$work/r"
says "which --set" 2 "--set links.access.rate=soon:1:1: error" run $scenario --set seed=4 --set links.access.rate=soon -o "$work/r"
says "which --set: its path" 2 "--set links.acces.rate=1:1:7: error" check $scenario --set links.acces.rate=1
says "an unknown metric is refused before the runs" 2 "unknown metric 'latency_p95'; did you mean 'latency_p95_s'" \
  run $scenario --set primary=latency_p95 -o "$work/r"
check "and leaves no folder" test ! -e "$work/r"


# ---- `--option=value` is `--option value`, everywhere ------------------------------------------------------------------
says "run: =" 2 "--seed: 'abc' is not a whole number" run $scenario --seed=abc -o "$work/r"
says "the value may hold = itself" 2 "--set links.acces.rate=1:1:7: error" check $scenario --set=links.acces.rate=1
says "compare: =" 2 "--where takes FACTOR=VALUE" compare "$work" --where='bw >= 1'
says "an unknown one is named without its value" 2 "unknown option '--sed'; did you mean '--seed'?" run $scenario --sed=3
says "validate queues: =" 2 "no such case 'nothing'" validate queues --case=nothing
says "policy list: ranges" 0 "probability to explore (number, 0 .. 1; default 0.1)" policy list eps_greedy
says "clairvoyant says what it ignores" 0 "ignores time-outs and fallbacks, may be beaten" policy list clairvoyant
says "policy list: no bounds" 0 "scenario's order, or any (first|random; default first)" policy list ucb1
says "validate regret: =" 0 "pseudo-regret of ucb1 with factor=2" \
  validate regret --arms=.5,.6 --horizon=10 --runs=2 --policy=ucb1:factor=2 --seed=3
says "validate pod: =" 0 '"limit"' validate pod --d=1 --servers=2 --lambda=.5 --runs=2 --jobs=1000 --format=json
says "validate scheduler: =" 2 "--kv-blocks is a whole number" validate scheduler x --scheduler=vllm_v1 --kv-blocks=0
says "validate vllm: =" 2 "--skew is auto, on or off, not 'x'" validate vllm x --skew=x
says "policy: =" 0 '"abi"' policy list --format=json
says "new: =" 0 "" new --from=minimal "$work/new.yaml"
same_words() { same "$("$OFFSIM" validate regret --arms=.5,.6 --horizon=10 --runs=2 --policy=ucb1)" \
  "$("$OFFSIM" validate regret --arms .5,.6 --horizon 10 --runs 2 --policy ucb1)"; }
check "with the same answer" same_words
says "a value for what takes none" 2 "unknown suite '1'" validate --quick=1

# ---- bench: growth with the devices ----------------------------------------------------------------------------------------
says "bench --devices: a number" 2 "--devices needs a number from 10000 to 1e+08, not few" bench --big --devices few
says "bench --devices: not of the other bench" 2 "--devices is for --big" bench --devices 1e5
says "bench --only: not of this one" 2 "--only chooses among measurements, --big makes others" bench --big --only draw_ns
says "bench --big" 0 "big.phones.bytes_per_device" bench --big --devices 1e4

# ---- what a scenario may not have meant (the warnings themselves: broken/warnings.yaml) ------------------------------------
says "run warns of what check warns of" 0 "warning: link access has no rate" run tests/golden/broken/warnings.yaml -o "$work/warned"
says "carbon stands in the table of a scenario with a grid" 0 "g/request" run $scenario --set grid=deu --replications 2 -o "$work/carbon"
check "and in its report" bash -c "'$OFFSIM' report '$work/carbon' >/dev/null 2>&1; grep -q carbon_g_per_request '$work/carbon/report.html'"
check "without a grid there is none" bash -c "! '$OFFSIM' run $scenario --replications 2 -o '$work/no-carbon' 2>&1 | grep -q 'g/request'"
says "a tariff of one GPU of a node" 0 "capex.price	37500 USD" presets --audit
awk 'BEGIN { srand(1); print "t_ms,rtt_ms"; for (k = 0; k < 3000; k++) printf "%d,%.3f\n", 50 * k, 20 - 5 * log(1 - rand()) }' >"$work/rtt.csv"
check "fit-link says that round trips tell no rate" bash -c \
  "'$OFFSIM' fit-link '$work/rtt.csv' -o '$work/fitted.yaml' --name fitted --year 2026 2>&1 >/dev/null | grep -q 'no rate.*add rate:'"

# ---- a study for a scenario, and the other way round -------------------------------------------------------------------
printf 'study: x\nscenario: minimal.yaml\nfactors: {n: {path: seed, values: [1, 2]}}\n' >"$work/study.yaml"
says "run of a study" 2 "this is a study, where a scenario is expected" run "$work/study.yaml" -o "$work/r"
says "capacity of a study" 2 "this is a study, where a scenario is expected" \
  capacity "$work/study.yaml" --metric latency_p95_s --below '1 s' --vary seed
says "sweep of a scenario" 2 "this is a scenario, where a study is expected" sweep $scenario -o "$work/r"
says "--where is no expression" 2 "--where takes FACTOR=VALUE" compare "$work" --where 'bw >= 1'
says "plot: --where is no expression" 2 "plot: --where takes FACTOR=VALUE" plot "$work" --kind levels --where 'bw >= 1'
says "--factor is for --crossings" 2 "--factor is for --crossings" compare "$work" --where bw=1 --factor bw
says "levels are of a study" 2 "takes the results of a study" plot "$work" --kind levels

# ---- studies and capacities: what is wrong is said, and nothing runs -----------------------------------------------------
says "one message for one mistake" 2 "unknown option '--replication'; did you mean '--replications'?" sweep "$work/study.yaml" --replication 3
check "and no other" test "$(wc -l <"$work/said")" = 1
says "sweep --set" 2 'the study says `set: {PATH: VALUE}`' sweep "$work/study.yaml" --set seed=3
says "sweep --policy" 2 'the study says `factors: {policy: [A, B]}`' sweep "$work/study.yaml" --policy always_edge
says "--dry-run alone" 2 "--dry-run goes with --launcher slurm or template" sweep "$work/study.yaml" --dry-run -o "$work/r"
says "--template alone" 2 "--template FILE goes with --launcher template" sweep "$work/study.yaml" --template x -o "$work/r"
says "a folder for a study" 2 "is a folder; sweep takes a study file" sweep "$work"
check "and nothing ran" test ! -e "$work/r"
says "status --format" 2 "--format is table or json, not 'yaml'" status "$work" --format yaml
says "status: typo" 2 "did you mean '--format'?" status "$work" --formt json
says "merge: typo" 2 "did you mean '--keep'?" merge "$work" --kep
says "verify: typo" 2 "did you mean '--all'?" verify "$work" --al
capacity() { local name=$1 pattern=$2; shift 2; says "capacity: $name" 2 "$pattern" capacity $scenario --metric latency_p95_s --below '1 s' "$@"; }
capacity "a path" "did you mean 'access'?" --vary links.acces.rate
capacity "a path, its end" "did you mean 'rate_scale'?" --vary links.access.rate_scal
capacity "no number" "it needs a number above 0" --vary links.access.preset
capacity "one end" "--to (it goes with --from) is missing" --vary links.access.rate --from '1 Mbit/s'
capacity "an option" "did you mean '--vary'?" --vry x

# ---- kinds of data that overlap in some requests: said where the shares are ---------------------------------------
overlap() { # overlap SHARE: of what is secret
  cat <<YAML
horizon: {duration: 5 s}
data: {secret: {}, personal: {}}
places: [{name: phone, tier: device, zone: user}]
classes:
  - name: ask
    from: phone
    arrivals: {poisson: {rate: 5 /s}}
    attributes: {hidden: {dist: {uniform: {low: 0, high: 1}}}}
    data: {secret: $1 * (hidden < 0.5), personal: 0.1}
    pipeline: [{task: do, work: {time: 1 ms}, places: [origin]}]
policies: [always_local]
YAML
}
overlap 1 >"$work/overlap.yaml"
says "shares above 1 in some requests" 2 "overlap.yaml:9:11: error: class 'ask': the shares of the kinds of data are secret 1, personal 0.1" \
  run "$work/overlap.yaml" -o "$work/overlap"

# ---- describe ----------------------------------------------------------------------------------------------------------
says "a metric by its name" 0 "unit: s" describe latency_p95_s
says "a metric with prefix" 0 "unit: s" describe metric.latency_p95_s
says "a preset by its name" 0 "hardware h100" describe h100
says "words of a preset" 0 "on_demand" describe l4_on_demand
says "words of a preset: links" 0 "shared_by                    cell" describe preset.5g_public_n78_urban
for form in metrics metric; do
  says "describe $form" 0 "cost_total_usd_per_1k_requests" describe $form
done
check "each metric has its unit and meaning" bash -c "[ \$('$OFFSIM' describe metrics | awk 'NF < 4' | wc -l) = 0 ]"
says "describe alone names the forms" 0 "offsim describe metrics" describe
says "a heading of a table" 2 "slo_attainment" describe slo_attain
for heading in slo failed cost_total device total offload quality latency_mean; do
  check "heading $heading leads to its metric" bash -c "'$OFFSIM' describe $heading 2>&1 | grep -q '^metrics with this in their name: .*$heading'"
done
says "the defaults of a section" 0 "Per second of latency. Default: -1 /s." describe objective
says "a policy by its name" 0 "names of places and variants, in order" describe pinned
says "a policy with prefix" 0 "above              larger values leave the origin" describe policy.threshold
says "a policy that is not there" 2 "unknown policy 'pinnd'; did you mean 'pinned'?" describe policy.pinnd
says "an unknown word" 2 "unknown key, metric, preset or policy 'latency_p95s'; did you mean 'latency_p95_s'?" describe latency_p95s
says "the key of a typo" 2 "did you mean 'latency'" describe links.access.lattency
says "a preset that is not there" 2 "did you mean 'h100'" describe preset.h1000

# ---- trace -------------------------------------------------------------------------------------------------------------
printf 'id,size\n1,2\n2,3\n' >"$work/no-time.csv"; { head -c 3000 /dev/zero | tr '\0' x; echo; echo y; } >"$work/long.txt"
printf 'some words\nand "quoted"\n"more" of them\n' >"$work/words.txt"
says "no time: the columns are named" 2 "columns by the first line: 'id', 'size'; --time COLUMN" trace "$work/no-time.csv"
says "no trace: short" 2 "columns by the first line: 'xxxxxxxxxxxxxxxxxxxxxxxx...'" trace "$work/long.txt"
check "in one line" test "$(wc -l <"$work/said")" = 1 -a "$(wc -c <"$work/said")" -lt 300
says "no table" 2 "cannot be read as a trace; columns by the first line: 'some words'" trace "$work/words.txt"
says "--time says it" 0 "time in 'id'" trace "$work/no-time.csv" --time id
says "--time: typo" 2 "did you mean 'size'" trace "$work/no-time.csv" --time siz

# ---- fit-link: each broken trace is named with its line ------------------------------------------------------------------
good() { echo "t_ms,rtt_ms"; for ((i = 0; i < ${1:-400}; i++)); do echo "$((50 * i)),$((15 + i * 7919 % 101 % 13))"; done; }
good >"$work/good.csv"; good 40 >"$work/short.csv"
good >"$work/gap.csv"; echo "60000,15" >>"$work/gap.csv"
good 100 | sed '42s/,.*/,-3/' >"$work/negative.csv"
good 100 | sed '42s/.*/7,15/' >"$work/unsorted.csv"
good 100 | sed '1s/rtt_ms/rtt_ms,colour/; 2,$s/$/,red/' >"$work/unknown.csv"
{ echo packets; for i in {1..400}; do echo $((20 + i % 9)); done; } >"$work/capacity.csv"
{ echo "t_s,dl_kbps,ul_kbps,ping_ms,rsrp_dbm,speed_kmh,mode"; for i in {0..399}; do echo "$i,$((9000 + i % 50)),10,,-90,0,5G"; done; } >"$work/throughput.csv"
says "fit-link: a hole" 2 "gap.csv:402" fit-link "$work/gap.csv"
says "fit-link: a hole that is meant" 0 "5 blocks of rtt, 401 values" fit-link "$work/gap.csv" --gaps cut
mkdir -p "$work/elsewhere" && cp "$work/gap.csv" "$work/elsewhere/"
"$OFFSIM" fit-link "$work/gap.csv" --gaps cut --format json | grep -v '"file"' >"$work/here.json"
"$OFFSIM" fit-link "$work/elsewhere/gap.csv" --gaps cut --format json | grep -v '"file"' >"$work/there.json"
check "fit-link: the same figures wherever the file lies" diff "$work/here.json" "$work/there.json"
says "fit-link: an outage that is meant" 1 "5 blocks of rtt" fit-link "$work/gap.csv" --gaps outage
says "fit-link: a negative time" 2 "negative.csv:42" fit-link "$work/negative.csv"
says "fit-link: times out of order" 2 "unsorted.csv:42" fit-link "$work/unsorted.csv"
says "fit-link: an unknown column" 2 "'colour'" fit-link "$work/unknown.csv"
says "fit-link: mixed kinds" 2 "mixed kinds: this trace is capacity" fit-link "$work/good.csv" "$work/capacity.csv"
says "fit-link: throughput for capacity" 2 "holds throughput, not capacity" fit-link "$work/throughput.csv" --kind capacity
says "fit-link: up beside down" 0 "---- up ----" fit-link "$work/capacity.csv" --up "$work/capacity.csv" --year 2026 -o "$work/both.yaml"
says "fit-link: where the preset goes" 0 "keep it as presets/links/both.yaml beside the scenario, and write: preset: both" \
  fit-link "$work/capacity.csv" --up "$work/capacity.csv" --year 2026 -o "$work/both.yaml"
check "fit-link: a preset with both" grep -q "rate_down:" "$work/both.yaml"
says "fit-link: up of another kind" 2 "holds throughput, not capacity" fit-link "$work/capacity.csv" --up "$work/throughput.csv"
says "fit-link: round trips have no directions" 2 "--up is for rates" fit-link "$work/good.csv" --up "$work/good.csv"
says "fit-link: a scenario over trace and model" 0 "Decisions of minimal with link access over 1 trace and over the model, 2 replications" \
  fit-link "$work/good.csv" --effect scenarios/minimal.yaml --replications 2 --results "$work/effect"
check "fit-link: a link's own keys give way" "$OFFSIM" check scenarios/minimal.yaml --set links.access.rtt=null \
  --set "links.access.trace={rtt: $work/good.csv}"
says "an element that is taken out is no element" 2 "unknown place 'metro'; there are: phone" \
  check tests/golden/broken/base.yaml --set places.metro=null
says "a required key cannot go" 2 "needs 'between'" check scenarios/minimal.yaml --set links.access.between=null
says "fit-link: a link that is not there" 2 "did you mean 'access'?" fit-link "$work/good.csv" --effect scenarios/minimal.yaml --link acces
says "fit-link: a scenario without deadlines" 2 "no class has a deadline" fit-link "$work/good.csv" --effect tests/golden/broken/base.yaml
says "fit-link: a scenario that is not there" 3 "nowhere.yaml" fit-link "$work/good.csv" --effect "$work/nowhere.yaml"
says "fit-link: --link alone" 2 "--link goes with --effect" fit-link "$work/good.csv" --link access
says "fit-link: no such file" 3 "nowhere.csv" fit-link "$work/nowhere.csv"
says "fit-link: too short" 2 "too few to test a fit by blocks of time" fit-link "$work/short.csv"
says "fit-link: which traces" 2 "which traces?" fit-link
# 13 values in nearly equal shares: no family is near. Two of the latency have the round trip's mean and variance.
says "fit-link: what is written is what was judged" 0 "written as one way: these 13 values" \
  fit-link "$work/good.csv" --year 2026 -o "$work/half.yaml"
check "fit-link: own measurement, without a word on it, is an estimate" grep -q "own measurement.*grade: E" "$work/half.yaml"
moments() { awk '{ n += $2; s += $1 * $2; q += $1 * $1 * $2 } END { printf "%.2f %.2f\n", s / n, q / n - s / n * s / n }'; }
sed -n 's/.*values: \[\(.*\)\], weights: \[\(.*\)\]}}/\1;\2/p' "$work/half.yaml" | sed 's/ ms//g' | awk -F';' '{ n = split($1, x, ", ");
  split($2, w, ", "); for (i = 1; i <= n; i++) for (j = 1; j <= n; j++) print x[i] + x[j], w[i] * w[j] }' | moments >"$work/two"
sed 1d "$work/good.csv" | awk -F, '{ print $2, 1 }' | moments >"$work/whole"
check "fit-link: two ways have the mean and variance of the round trip" diff "$work/two" "$work/whole"
{ echo t_ms,rtt_ms; for i in {0..3999}; do echo "$((1000 * i)),$((i % 1700 == 900 ? 1500 : 15 + i * 7919 % 101 % 13))"; done; } >"$work/rare.csv"
says "fit-link: times from a second on in seconds" 1 "body before one: exponential, mean 1998 s" \
  fit-link "$work/rare.csv" --year 2026 --source lab -o "$work/rare.yaml"
check "fit-link: in the preset, too" grep -q "every: {exponential: {mean: 1998 s}}" "$work/rare.yaml"
check "fit-link: with a source it is a measurement" grep -q "lab.*grade: M" "$work/rare.yaml"
says "fit-link: a preset without a year" 2 "add --year Y" fit-link "$work/good.csv" -o "$work/p.yaml"
says "fit-link: a typo" 2 "did you mean '--hold-out'?" fit-link "$work/good.csv" --holdout "$work/good.csv"
says "fit-link: =" 2 "--deadline must be seconds above 0" fit-link "$work/good.csv" --deadline=-1

# ---- check: links by name, changes that nobody sees ---------------------------------------------------------------------
links() { "$OFFSIM" check "$1" --links 2>/dev/null; }
check "check --links: as many as there are" same "$(links scenarios/city-llm.yaml | sed 1,2d | wc -l)" \
  "$("$OFFSIM" check scenarios/city-llm.yaml 2>/dev/null | sed -n 's/.*ok: .* places, \([0-9]*\) links.*/\1/p')"
check "check --links: name, ends, latency of one way" grep -qE '^wan +metro +region +[0-9.]+ +10000 +10000$' <(links scenarios/phone-battery.yaml)
late='changes=[{at: 1 h, path: links.access.rate_scale, to: 0.5}]'
says "a change after the end" 0 "the change at 3600 s comes after the last arrivals: the horizon ends at" \
  check scenarios/troubles.yaml --set "$late"
silent() { ! "$OFFSIM" check "$@" 2>&1 | grep -q 'comes after'; }
check "planted: one before it is silent" silent scenarios/troubles.yaml --set "${late/1 h/1 min}"
says "check --links of a study" 2 "are for scenarios" check scenarios/studies/bw-cache.yaml --links

# ---- figures: each panel and curve under its own name --------------------------------------------------------------------
"$OFFSIM" run $scenario --quiet --policy random,alone_bound,threshold,always_edge --replications 2 -o "$work/f" \
  --set output='{trace: full}' >/dev/null 2>&1
plots() { "$OFFSIM" plot "$work/f" --kind "$1" -o "$work/$2.svg" "${@:3}" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }; }
array() { sed -n "s/^array $1\[[0-9]*\] = //p" "$work/$2.gp"; }
# Blocks stand between two blank lines: the K-th, from 0 on.
block() { awk -v want="$2" 'BEGIN { b = 0 } !NF { blank++; if (blank == 2) b++; next } { blank = 0 } b == want' "$work/$1.dat"; }
check "actions: a bound among the policies" plots actions all
check "it is not drawn" same "$(array name all)" "['random', 'threshold']"
check "and this is said" grep -q "^left_out = 'alone_bound, always_edge.* not drawn" "$work/all.gp"
check "a policy alone" plots actions alone --policy threshold
check "each panel has its own policy's data" same "$(block all 1)" "$(block alone 0)"
check "planted: the other's differ" differ "$(block all 0)" "$(block alone 0)"
check "the bound first: nothing moves" plots actions first --policy alone_bound,threshold
check "the bound first: the data" same "$(block first 0)" "$(block alone 0)"
says "a bound alone" 2 "nothing to draw: alone_bound not drawn: no decisions" plot "$work/f" --kind actions --policy alone_bound -o "$work/b.svg"
for kind in pareto phases; do
  check "$kind: a bound" plots $kind $kind
  check "$kind: has no row without a point" bash -c "! grep '^array name' '$work/$kind.gp' | grep -q bound"
done
check "latency: equal curves" plots latency latency --policy always_edge,random,always_edge
check "latency: one curve, two names" same "$(array name latency) $(array block latency)" "['always_edge', '= always_edge', 'random'] [0, 0, 1]"
check "latency: one block a curve" test -z "$(block latency 2)"
check "latency: nothing failed, nothing of it on the axis" grep -q '^some_failed = 0' "$work/latency.gp"
# Of 61 J, 0.3 W when idle and 1.2 J for each of 0.4 requests a second on the phone itself last 80 s; the run takes 140 s.
sed -i 's/count: 50, hardware: phone_soc_2024}/count: 10, hardware: phone_soc_2024, battery: {capacity: 17 mWh, start: 1}}/' "$work/new.yaml"
"$OFFSIM" run "$work/new.yaml" --quiet --policy always_local,always_edge --replications 1 -o "$work/e" \
  --set horizon.duration=140s --set output='{trace: full}' >/dev/null 2>&1
check "planted: the first ends early" same "$("$OFFSIM" compare "$work/e" --metric failed_ratio --format csv | awk -F, '$1 == "always_local" && $4 == "" { print ($6 > .2 && $6 < .9) }')" 1
check "actions of phones that run empty" "$OFFSIM" plot "$work/e" --kind actions --policy always_local,always_edge -o "$work/empty.svg"
last() { block "$1" "$2" | awk '$1 > most { most = $1 } END { print (most > 130) }'; }
check "each panel as far as it decides" same "$(last empty 0) $(last empty 1) $(awk '/^end_s/ { print ($3 > 130) }' "$work/empty.gp")" "0 1 1"
check "welch of phones that run empty" "$OFFSIM" plot "$work/e" --kind welch -o "$work/ended.svg"
check "ends where nothing is completed, not at 0" same "$(block ended 0 | awk '$2 == 0 { zero++ } $2 == "nan" { none++ } END { print zero + 0, (none > 20) }')" "0 1"
cat >"$work/shape.yaml" <<'YAML'
horizon: {duration: 9 s}
places: [{name: dev, tier: device, hardware: h}, {name: edge, tier: edge, hardware: profiles/sound.yaml}]
hardware: {h: {flops: 1 MFLOP/s, flops_share: 1}}
links: [{name: l, between: [dev, edge], latency: 1 ms, rate: 10 Mbit/s}]
classes:
  - name: ask
    from: dev
    input: 1 MB
    arrivals: {poisson: {rate: 1 /s}}
    attributes: {rows: {dist: {uniform: {low: 10, high: 9000}}}}
    pipeline: [{task: t, work: {kernel: gemm_f32, m: rows, n: 100, k: 100}, places: [origin, edge], output: 1 kB}]
policies: [always_local]
YAML
cp -r tests/golden/broken/profiles "$work"
says "breakeven beyond what was measured" 2 "is of a kernel at a shape that was not measured" \
  plot "$work/shape.yaml" --kind breakeven --link l --place edge -o "$work/shape.svg"
says "inspect --tail 99" 0 "beyond p99" inspect "$work/e" --policy always_edge --tail 99
says "inspect --paths --json" 2 "--paths is CSV of all requests" inspect "$work/e" --paths --json
says "inspect --tail 9x" 2 "--tail takes p55 to p99.99" inspect "$work/e" --tail 9x
"$OFFSIM" run "$work/new.yaml" --quiet --policy always_local,always_edge --replications 2 -o "$work/sides" \
  --set horizon.duration=60s --set output='{trace: full}' >/dev/null 2>&1
"$OFFSIM" run "$work/new.yaml" --quiet --policy always_edge --replications 1 -o "$work/one-side" \
  --set horizon.duration=20s --set output='{trace: full}' >/dev/null 2>&1
says "matrix" 0 "conditional" matrix "$work/sides"
says "matrix of one side" 2 "no task was done on a device and elsewhere" matrix "$work/one-side"
says "matrix --point x" 2 "--point takes a number, not 'x'" matrix "$work/sides" --point x
check "presets stand in columns" same "$("$OFFSIM" presets | awk '{ line[NR] = $0; a = length($1) > a ? length($1) : a; b = length($2) > b ? length($2) : b }
  END { for (i in line) bad += substr(line[i], a + b + 2, 2) !~ /^ [^ ]/; print (NR > 100), bad + 0 }')" "1 0"
"$OFFSIM" run scenarios/metro-edge.yaml --quiet --policy always_local --replications 1 -o "$work/metro" --set horizon.duration=20s \
  --set output='{trace: full, timeseries: 1 s}' >/dev/null 2>&1
check "planted: a trace with nodes of a topology" bash -c "strings -a '$work'/metro/traces/* | grep -qx 'metro\.[a-z].*'"
check "they have no time series" bash -c "! strings -a '$work'/metro/traces/* | grep -q 'metro\..*queue'"
check "planted: the site has one" bash -c "strings -a '$work'/metro/traces/* | grep -q 'site\.queue'"
check "queues" "$OFFSIM" plot "$work/metro" --kind queues -o "$work/queues.svg"
check "of what works alone" bash -c "! grep '^array place\[' '$work/queues.gp' | grep -q metro"
"$OFFSIM" run scenarios/troubles.yaml --quiet --policy always_edge --replications 1 -o "$work/t" --set output='{trace: full}' >/dev/null 2>&1
check "recovery" "$OFFSIM" plot "$work/t" --kind recovery -o "$work/recovery.svg"
check "changes have their names and ends" same "$(sed -n 's/^change_name_[0-9] = //p' "$work/recovery.gp" | paste -sd' ')" \
  "'slow' 'end of slow' 'blackout' 'end of blackout'"
check "at their times" same "$(sed -n 's/^change_at_[0-9] = //p' "$work/recovery.gp" | paste -sd' ')" "120 240 360 380"
unknown_energy() { "$OFFSIM" run scenarios/rag-privacy.yaml --policy provider --replications 1 -o "$work/$1" --set horizon.duration=20s \
  "${@:2}" 2>/dev/null | grep '^counted as 0 J'; }
check "energy that nobody gave" same "$(unknown_energy unknown-j)" \
  "counted as 0 J, as nobody gave their energy: interfaces provider; links access, wan, peering"
check "what is given or outside is not told" same "$(unknown_energy known-j --set links.wan.energy='1 J/GB' --set energy_boundary=device)" \
  "counted as 0 J, as nobody gave their energy: links access, peering"
sed -e 's/n: 100, k: 100/n: 10, k: 10/; s/high: 9000/high: 90/' "$work/shape.yaml" >"$work/watts.yaml"
says "a place of a profile without power counts 0 J, and is named" 0 \
  "counted as 0 J, as nobody gave their energy: places dev, edge (no idle_power, no busy_power)" \
  run "$work/watts.yaml" --replications 1 -o "$work/no-watts"
says "the places that have it are not" 0 "gave their energy: places edge (no" \
  run "$work/watts.yaml" --replications 1 --set 'hardware.h.idle_power=3 W' -o "$work/some-watts"
check "nor where a place gives it" bash -c "! '$OFFSIM' run '$work/watts.yaml' --replications 1 --set 'places.dev.idle_power=3 W' \
  --set 'places.edge.busy_power=9 W' -o '$work/watts' 2>/dev/null | grep 'their energy: places'"
says "check warns where energy is asked for" 0 "nobody says what 'sound.yaml' draws: counted as 0 J" check "$work/watts.yaml" --set primary=energy_total_j_per_request
mkdir -p "$work/noisy"; sed -e 's/cores: 2,/cores: 2, quick: true, load: 6,/; s/^      cost:/      band: [0.4, 2.53]\n&/' "$work/profiles/sound.yaml" >"$work/noisy/sound.yaml"
sed 's:profiles/:noisy/:' "$work/watts.yaml" >"$work/worth.yaml"
says "a run says what a profile is worth" 0 "hardware sound.yaml: what it measured is not known well: quick, on a busy machine (load 6 on 2 cores); costs (between measured shapes within, 90 %): gemm_f32 -60 .. +153 %" \
  run "$work/worth.yaml" --replications 1 -o "$work/worth"
says "and check does" 0 "is not known well: quick" check "$work/worth.yaml"
sed -i 's/cores: 2,/cores: 2, date: 2099-13-45,/; s/^      cost:/      wall_over_cpu: 50\n&/' "$work/noisy/sound.yaml"
says "a date that is none" 0 "its date '2099-13-45' is none" check "$work/worth.yaml"
says "and a wait that is none" 0 "gemm_f32 waits: 50 times its CPU time passes" check "$work/worth.yaml"
check "of a sound one nothing is said" bash -c "! '$OFFSIM' check '$work/watts.yaml' 2>&1 | grep 'not known well'"
sed 's/^      cost:/      fetch: 10 ps\n&/' "$work/profiles/sound.yaml" >"$work/f10.yaml"; sed 's/fetch: 10/fetch: 40/' "$work/f10.yaml" >"$work/f40.yaml"
says "profile diff: data from memory are told apart" 0 "gemm_f32: fetch 10 ps/B -> 40 ps/B" profile diff "$work/f10.yaml" "$work/f40.yaml"
check "and nothing is told of the same" bash -c "! '$OFFSIM' profile diff '$work/f10.yaml' '$work/f10.yaml' | grep fetch"
# 4 B x (1e6 x 10 + 10 x 10 + 1e6 x 10) = 80.0004 MB, and 1 MB was measured: 80 times
far=(--set classes.ask.pipeline.t.work.m=1000000 --set 'hardware.h={flops: 1 TFLOP/s}')
says "the way beyond is told" 2 "'hardware: {sound.yaml: {profile: FILE, outside: allow}}' goes beyond" check "$work/watts.yaml" "${far[@]}"
far[3]='hardware={h: {flops: 1 TFLOP/s}, sound.yaml: {profile: profiles/sound.yaml, outside: allow}}'
says "and is taken, with how far" 0 "(working_set 80.0004 MB) at places.edge: 'sound.yaml' was measured with working_set from 1 kB to 1 MB; the outermost cost is taken, 80 times beyond" \
  check "$work/watts.yaml" "${far[@]}"
says "attempts beyond are named by their tasks" 0 "beyond what its kernels were measured for; with costs of that hardware, 'outside: allow': t: gemm_f32" \
  run "$work/watts.yaml" "${far[@]}" --policy always_edge --replications 1 -o "$work/far"
# Alike batteries at 8 %; answering alone empties each once within the 3 h, so the level falls to 0 before the charger comes.
"$OFFSIM" run scenarios/phone-battery.yaml --quiet --policy always_local,always_edge --replications 1 -o "$work/power" \
  --set output='{trace: full, timeseries: 5 min}' --set places.phone.battery.start=0.08 >"$work/power.txt" 2>&1
check "battery: failures without power are named" grep -q "^warning: always_local: .* because their device's battery was empty" "$work/power.txt"
check "battery: time until empty, a column of the places" bash -c "'$OFFSIM' compare '$work/power' --by place | grep -q 'battery_emptied_ratio *battery_life_mean_s'"
check "battery: levels over time" "$OFFSIM" plot "$work/power" --kind battery -o "$work/battery.svg"
check "battery: a curve a policy" same "$(array name battery | cut -d, -f1-2)" "['always_local', 'always_edge'"
check "battery: from the start's level" same "$(block battery 0 | head -1) $(block battery 1 | sed '/^$/d' | head -1)" "0 0.08 0 0.08"
check "battery: one is empty, the other not" same "$(block battery 0 | awk '$2 == 0' | wc -l | awk '{ print ($1 > 5) }') $(block battery 1 | awk 'NF && $2 == 0' | wc -l)" "1 0"
says "battery: where there is none" 2 "the scenario needs a place with a battery" plot "$work/f" --kind battery -o "$work/m.svg"
says "--metric where it is nothing" 2 "--metric is for --kind pareto" plot "$work/f" --kind actions --metric latency_p95_s -o "$work/m.svg"
says "plot --policy: typo" 2 "did you mean 'threshold'?" plot "$work/f" --kind latency --policy treshold -o "$work/m.svg"

# ---- plug-ins by name and by file --------------------------------------------------------------------------------------
mkdir -p "$work/folder"
cp "$(dirname "$OFFSIM")/policies/ucb1.so" "$work/folder/mine.so"; cp "$(dirname "$OFFSIM")/policies/threshold.so" "$work/folder/plain.so"
short() { "$OFFSIM" run $scenario --quiet --replications 1 --set 'horizon.duration=20 s' "$@"; }
pair() { short --policy "$1",always_edge,always_local -o "$work/pair-$2" >"$work/said" 2>&1; grep -q INCOMPLETE "$work/said"; }
export OFFSIM_POLICY_PATH=$work/folder
check "a plug-in's name is searched in OFFSIM_POLICY_PATH; it learns: INCOMPLETE" pair mine 1
check "it ran" grep -q '^mine  *policy' "$work/said"
check "and names a command" grep -q 'offsim tune FILE --policy threshold --budget 16' "$work/said"
unmoved() { ! pair "$@"; }
check "planted: one that learns nothing is no reason" unmoved plain 2
check "it ran" grep -q '^plain  *policy' "$work/said"
says "the searched folders are named" 2 "nor one in \$OFFSIM_POLICY_PATH ($work/folder)" run $scenario --policy qqqqqqqqq -o "$work/q"
check "tune writes" "$OFFSIM" tune $scenario --policy threshold --budget 4 --param above=1:8 --set 'horizon.duration=20 s' \
  --quiet --dir "$work/search" -o "$work/tuned.yaml"
printf 'include: [%s, %s]\n' "$PWD/$scenario" "$work/tuned.yaml" >"$work/both.yaml"
misses() { "$OFFSIM" run "$work/both.yaml" --quiet --replications 1 --set 'horizon.duration=20 s' --policy "ucb1,$1" -o "$work/both-$2" \
  2>&1 | sed -n 's/^INCOMPLETE: missing \([^(]*\) (.*/\1/p'; }
check "what tune wrote is the tuned threshold" same "$(misses threshold-tuned a)" "model-greedy, clairvoyant greedy, best fixed in hindsight"
check "planted: another threshold is not" same "$(misses threshold b)" "tuned threshold, model-greedy, clairvoyant greedy, best fixed in hindsight"
says "tuned_threshold is no policy by itself" 2 "offsim tune FILE --policy threshold --budget 16" run $scenario --policy tuned_threshold -o "$work/q"
unset OFFSIM_POLICY_PATH
absolute=$(realpath "$OFFSIM"); minimal=$(realpath $scenario)
check "NAME.so is a file" bash -c "cd '$work/folder' && '$absolute' run '$minimal' --quiet --replications 1 --policy mine.so -o here"
says "a missing file: where" 2 "policy $PWD/nope.so: No such file" run $scenario --policy ./nope.so -o "$work/q"
cp $scenario "$work/folder/base.yaml"
printf 'study: s\nscenario: base.yaml\nreplications: 1\nset: {horizon.duration: 20 s}\nfactors:\n  n: {path: places.edge.slots, values: [1, 2]}\n  policy: [always_edge, ./mine.so]\n' >"$work/folder/s.yaml"
check "a study's plug-in" "$OFFSIM" sweep "$work/folder/s.yaml" -o "$work/swept"
ran_at() { "$OFFSIM" compare "$work/swept" --point "$1" 2>&1 | grep -q '^mine  *policy'; }
check "ran at point 0" ran_at 0
check "ran at point 1" ran_at 1

# ---- outcomes of two models, query by query ----------------------------------------------------------------------------
printf 'benchmark,domain,prompt_chars,weak_correct,strong_correct\nexam,law,10,1,1\nexam,law,30,0,1\nexam,art,5,1,0\nexam,art,20,0,0\n' >"$work/outcomes.csv"
says "trace --quality" 0 "exam        4  50.0    50.0" trace "$work/outcomes.csv" --quality -o "$work/mine.yaml" --year 2026
check "its preset" grep -qF '{name: law, set: exam, both: 1, only_strong: 1, only_weak: 0, none: 0, prompt_chars: 20.0}' "$work/mine.yaml"
says "other columns" 2 "did you mean 'weak'" trace "$work/outcomes.csv" --quality --column week=weak_correct
says "no such column" 2 "weak_right" trace "$work/outcomes.csv" --quality --column weak=weak_right
says "a preset has a year" 2 "add --year Y" trace "$work/outcomes.csv" --quality -o "$work/mine.yaml"
says "outcomes are no arrivals" 2 "--quality reads outcomes, not arrivals" trace "$work/outcomes.csv" --quality --time domain
says "models belong to outcomes" 2 "--weak and --strong name the models of --quality" trace "$work/outcomes.csv" --weak small

finish
