#!/bin/bash
# Router and cascade over two variants: shares by formula, and the trade of money for quality. A right program misses one
# of the two statistical checks in 8000 seeds; the seed is fixed.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
"$OFFSIM" run tests/data/two-variants.yaml -o "$work/r" --quiet --format json >"$work/json" || echo "not ok - the scenario runs"
cat >"$work/checks.py" <<'EOF'
import json, math, sqlite3, sys
import h5py
what, folder = sys.argv[1:3]
P = {p['policy']: p['metrics'] for p in json.load(open(folder + '/../json'))['policies']}
money = lambda n: P[n]['cost_direct_usd_per_1k_requests']['value']
quality = lambda n: P[n]['quality_mean']['value']

def attempts(policy):
    """Attempts of each answered request."""
    n = {}
    rows = sqlite3.connect(folder + '/catalog.sqlite').execute('select trace_file from run where policy = ?', (policy,))
    for number, (path,) in enumerate(rows):
        with h5py.File(folder + '/' + path, 'r') as f:
            places = h5py.check_enum_dtype(f['attempts/place'].dtype)
            for r, p in zip(f['attempts/request'][:], f['attempts/place'][:]):
                n.setdefault((number, int(r)), set()).add([k for k, v in places.items() if v == p][0])
    return n

def share_is(hits, n, p):
    assert n > 2000 and abs(hits / n - p) < 4 * math.sqrt(p * (1 - p) / n), (hits / n, p)

def share():                        # scores are uniform
    for policy, p in (('r2', .2), ('r5', .5), ('r8', .8)):
        a = attempts(policy)
        share_is(sum(x == {'small'} for x in a.values()), len(a), p)

def trade():                        # the larger variant is better for each request
    assert quality('r2') >= quality('r5') >= quality('r8') >= quality('never')
    assert money('r2') > money('r5') > money('r8') > money('never')
    assert money('never') < money('c6') and quality('never') < quality('c6')

def escalated():                    # of the small one's answers: quality + .1 Z < .6, u uniform
    below = lambda u: .5 * math.erfc((.99 / (1 + math.exp((u - .88) / .08)) - .6) / .1 / math.sqrt(2))
    p = sum(below((i + .5) / 10000) for i in range(10000)) / 10000
    a = attempts('c6')
    share_is(sum(x == {'small', 'large'} for x in a.values()), len(a), p)
    assert all('small' in x for x in a.values()), [x for x in a.values() if 'small' not in x][:5]
    never = attempts('never')
    assert all(x == {'small'} for x in never.values()), [x for x in never.values() if x != {'small'}][:5]

globals()[what]()
EOF
check "a router's threshold is the share of the small variant" /usr/bin/python3 "$work/checks.py" share "$work/r"
check "a higher threshold is cheaper and worse" /usr/bin/python3 "$work/checks.py" trade "$work/r"
check "a cascade goes on as often as the judge says" /usr/bin/python3 "$work/checks.py" escalated "$work/r"
finish
