#!/bin/bash
# Routers between a weak and a strong model: published figures of the recorded outcomes, closed forms of scores, learners
# between chance and oracle, the simulator on the same queries; and the planted faults. 4 standard errors: a right program
# misses a reading in one of 16,000 seeds; the seed is fixed.
. tests/tap.sh
size=${1:-short}; seed=${SEED:-1}
OFFSIM=${OFFSIM:-build/offsim}; quick=--quick; [ "$size" = long ] && quick=
export NO_COLOR=1 LC_ALL=C
routers() { "$OFFSIM" validate routers $quick --seed "$seed" "$@"; }
mmlu() { routers >"$work/mmlu"; local rc=$?; cat "$work/mmlu"; return $rc; }
check "the figures of MMLU" mmlu
check "GSM8K" routers --set gsm8k
check_exit "planted: who alone is right is the other" 1 routers --plant table
check_exit "planted: scores of another AUC" 1 routers --plant auc
routers --format json >"$work/json"
# By hand: 14042 queries, weak right on 9560, strong on 11315, both on 8818: 95 % of the strong one's needs 1189.25 more.
of() { /usr/bin/python3 -c "import json,sys; r={x['router']: x for x in json.load(open('$work/json'))['routers']}; sys.exit(0 if $1 else print(r) or 1)"; }
check "oracle: 1189.25 of 14042" of "abs(r['oracle']['calls_95'] - 1189.25 / 14042) < 1e-9"
check "random: 1189.25 of 1755" of "abs(r['any (random)']['calls_95'] - 1189.25 / 1755) < 1e-9 and abs(r['any (random)']['apgr'] - .5) < 1e-9"
check "a better score needs fewer calls" of \
  "r['score, AUC 0.5']['calls_95'] > r['score, AUC 0.7']['calls_95'] > r['score, AUC 0.9']['calls_95'] > r['oracle']['calls_95']"
check "what learns lies between" of \
  "all(.5 < r[k]['apgr'] - 4 * r[k]['apgr_se'] and r[k]['apgr'] < r['oracle']['apgr'] for k in r if 'learner' in k or 'linucb' in k)"
# AUC .8 is d = 1.19023; threshold .6 is c = .25335 in normal scores; only the strong model is right on 2497 of 14042: a share
# of .17782 Q(c - d) + .82218 Q(c) = .4756 of the calls. Each question takes 2 x 20 ms, 50 ms of the classifier, 300 ms.
"$OFFSIM" run tests/data/classified.yaml -o "$work/c" --quiet --format json >"$work/classified" 2>"$work/stderr"
run() { /usr/bin/python3 -c "import json,sys; m=json.load(open('$work/classified'))['policies'][0]['metrics']; v=lambda k: m[k]['value']; sys.exit(0 if $1 else print(m) or 1)"; }
check "a score after its task: the share of strong calls" run "abs(v('cost_direct_usd_per_1k_requests') / 1000 - .4756) < 4 * (.25 / 5000) ** .5"
check "and what the classifier takes" run "abs(v('latency_mean_s') - .39) < 1e-6"
# The original may be elsewhere; another file's counts are not the table's.
data=${OFFSIM_DATA:-}/traces/routellm_query_outcomes.csv.gz
if [ -e "$data" ]; then
  check "the preset is the count of the original" grep -q "counts equal those of the outcomes" "$work/mmlu"
else
  skip "the preset is the count of the original" 'needs traces/routellm_query_outcomes.csv.gz of $OFFSIM_DATA'
fi
printf 'benchmark,domain,prompt_chars,weak_correct,strong_correct\nmmlu,law,10,1,1\n' >"$work/other.csv"
check_exit "planted: outcomes of another" 1 routers --data "$work/other.csv"
check_exit "no such table" 2 routers --table routellm
check_exit "no such set" 2 routers --set arc
check_exit "no such outcomes" 3 routers --data "$work/none.csv"
check_exit "no such plant" 2 routers --plant swap
finish
