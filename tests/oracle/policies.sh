#!/bin/bash
# The checked values of policies, reduced or in full, and the planted faults. 4 standard errors: a right program fails a row
# in one of 16,000 seeds; the seed is fixed.
. tests/tap.sh
size=${1:-short}; seed=${SEED:-1}
OFFSIM=${OFFSIM:-build/offsim}; quick=--quick; [ "$size" = long ] && quick=
export NO_COLOR=1 LC_ALL=C
check "every checked value" "$OFFSIM" validate policies $quick --seed "$seed"
planted() { check_exit "planted: $1 is seen in $2" 1 "$OFFSIM" validate policies --plant "$1" --case "$2" --seed "$seed"; }
planted radius regret-ucb1
planted ties delay-ucb1
planted initial regret-eps-greedy
planted scale regret-ucb1

json() { "$OFFSIM" validate "$@" --format json >"$work/json" 2>"$work/stderr"; }
of() { /usr/bin/python3 -c "import json,sys; d=json.load(open('$work/json')); sys.exit(0 if $1 else print(d) or 1)"; }
# Random choice among .1 ... .9: .4 T; its mean over 100 runs of 1000 rounds has a standard error of .026 T / sqrt(1000) / 10.
json regret --arms .1,.2,.3,.4,.5,.6,.7,.8,.9 --horizon 1000 --runs 100 --policy random --seed "$seed"
check "regret of random choice" of "abs(d['mean'] - 400) < 4 * d['se'] and 0.5 < d['se'] < 1.2 and d['runs'] == 100"
cp "$work/json" "$work/first"
json regret --arms .1,.2,.3,.4,.5,.6,.7,.8,.9 --horizon 1000 --runs 100 --policy random --seed "$seed" -j 1
check "whatever the number of workers" cmp "$work/first" "$work/json"
# One arm: nothing to regret. Arms are counted from 0; a change of the only good arm makes all rounds before it worse.
json regret --arms .5 --horizon 100 --runs 2 --policy ucb1
check "one arm: no regret" of "d['mean'] == 0 and d['se'] == 0"
json regret --arms .5,.5 --change 40:1:1 --change 60:1:.5 --horizon 100 --runs 4000 --policy random --seed "$seed"
check "changes: 20 rounds, half of them wrong by .5" of "abs(d['mean'] - 5) < 4 * d['se']"
json regret --arms .5,.5 --change 60:1:.5 --change 40:1:1 --horizon 100 --runs 4000 --policy random --seed "$seed"
check "in any order" of "abs(d['mean'] - 5) < 4 * d['se']"
# M/M/1 at .5: 2 service times; with d = 2 of 2 servers less, but more than M/M/2's 4/3.
json pod --d 1 --servers 10 --lambda .5 --jobs 40000 --runs 10 --seed "$seed"
check "one choice is M/M/1" of "abs(d['mean'] - 2) < 4 * d['se'] + 0.001 and d['limit'] == 2"
json pod --d 2 --servers 2 --lambda .5 --jobs 40000 --runs 10 --seed "$seed"
check "the shorter of two queues: between M/M/2 and M/M/1" of "4 / 3 + 4 * d['se'] < d['mean'] < 1.6"
finish
