#!/bin/bash
# Messages that flow over several links, and slices, through whole scenarios: times by hand; one message a class, so that
# the mean latency of a class is that message's.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}; here=tests/data/flows
export NO_COLOR=1 LC_ALL=C
means() { # means SCENARIO ERROR CLASS=SECONDS... [-- ARGUMENTS]: mean latency of each class
  local scenario=$1 error=$2 want=(); shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do want+=("$1"); shift; done
  shift
  "$OFFSIM" run "$here/$scenario.yaml" --quiet --format json -o "$work/$scenario.$RANDOM" "$@" >"$work/json" || return
  python3 -c "
import json, sys
classes = json.load(open('$work/json'))['policies'][0]['classes']
for pair in sys.argv[1:]:
    name, seconds = pair.split('=')
    got, want = classes[name]['latency_mean_s']['value'], eval(seconds)
    if not abs(got - want) <= $error: sys.exit(f'{name}: {got!r} s, wanted {want!r}')" "${want[@]}"
}
lot=(all=1.501+.006 first=.996+.001 second=.006+.992/1.5+.002 third=1.501+.506/3+.003)
check "parking lot" means parking-lot 5e-9 "${lot[@]}"
check_exit "planted: a link a hundredth slower" 1 means parking-lot 5e-9 "${lot[@]}" -- --set links.l1.rate=7.92Mbit/s
check_exit "planted: one hop after the other" 1 means parking-lot 5e-9 "${lot[@]}" -- --set links.l2.sharing=equal
check "triangle" means triangle 5e-9 one=2.024 two=4.024 three=5.024
check "bottleneck" means bottleneck 5e-9 one=2.02 two=3.02
# 6 and three times 4/3 MB/s until 1 s, then 10/3 each. At most 2 of 10 MB/s beside 8.
check "slices" means slices 5e-9 urgent=1 bulk=1.8 slow=1 rest=1
check_exit "planted: nothing is guaranteed" 1 means slices 5e-9 urgent=1 -- --set links.l.slices.urgent.guaranteed=0Mbit/s
check_exit "planted: a higher maximum" 1 means slices 5e-9 slow=1 -- --set links.k.slices.slow.maximum=24Mbit/s
# 0.8 and 0.4 MB/s for half a second, nothing for the next, 0.3 each until the near one has its last 0.6 MB at 4 s; then 0.4.
check "a link with a trace of its rate" means fading 5e-9 near=3 far=3.5
check_exit "planted: another place in the trace" 1 means fading 5e-9 near=3 far=3.5 -- --set links.l.trace.offset=0.1s
# Promotion, round trip of the set-up, latency, 10 kB at 1 MB/s, latency of the answer; so also without max_min.
check "a radio and a connection before the flow" means gate 5e-9 one=.2601+.02+.01+.01+.01
check "the same, link by link" means gate 5e-9 one=.2601+.02+.01+.01+.01 -- --set links.l.sharing=equal
# M/G/1 processor sharing at load 0.5: 1 / (100 - 50) s. 60000 messages: 3 % is more than five standard errors.
check "Poisson arrivals at a shared link" means shared-link .0006 jobs=.02
finish
