#!/bin/bash
# Two worlds in one results folder stay apart: in the catalogue, in what is printed, and in what is compared.
. tests/tap.sh
scenario=$work/first.yaml
"$OFFSIM" new "$scenario" >/dev/null
sed -i 's/duration: 10 min/duration: 20 s/; s/replications: 5/replications: 2/' "$scenario"
run() { "$OFFSIM" run "$scenario" --quiet --policy always_local,always_edge -o "$work/d" "$@"; }
query() { /usr/bin/python3 - "$work/d" "$1" <<'PY'
import sqlite3, sys
print(*[v for r in sqlite3.connect(sys.argv[1] + "/catalog.sqlite").execute(sys.argv[2]) for v in r])
PY
}
value() { "$OFFSIM" compare "$work/d" --format json "$@" 2>/dev/null | /usr/bin/python3 -c "import json, sys
print([p['metrics']['latency_mean_s']['value'] for p in json.load(sys.stdin)['policies'] if p['policy'] == 'always_edge'][0])"; }

check "the first world" run
first=$(value)
check "a second one into the same folder" run --set links.access.rate_scale=0.25
check "two points with their factors" same "$(query 'SELECT * FROM point')" '0 {} 1 {"links.access.rate_scale":0.25}'
check "four runs each" same "$(query 'SELECT point, count(*) FROM v_runs GROUP BY point')" "0 4 1 4"
check "the factor is a column" same "$(query 'SELECT DISTINCT "links.access.rate_scale" FROM v_runs WHERE point = 1')" 0.25
check "the last call is shown" differ "$(value)" "$first"
check "and says that there is another" bash -c "'$OFFSIM' compare '$work/d' 2>&1 >/dev/null | grep -qF \
  '2 points in $work/d; showing point 1 (links.access.rate_scale=0.25); --point N'"
check "--point reaches the first" same "$(value --point 0)" "$first"
check_exit "no such point" 2 "$OFFSIM" compare "$work/d" --point 7
check "export has both" same "$("$OFFSIM" export "$work/d" | cut -d, -f6 | sort -u | tr '\n' ' ')" "0 1 point "
check "the first world again, another seed" run --seed 5
check "makes no third point" same "$(query 'SELECT count(*) FROM point')" 2
check "is the current one again" differ "$(value)" "$first"
sed -i 's/rate: 4/rate: 5/' "$scenario"
check "an edited file" run
check "is a point of its own" same "$(query "SELECT count(*) FROM point WHERE factors LIKE '{\"scenario\":%'")" 1
check "report of a point" "$OFFSIM" report "$work/d" --point 1
check "inspect of a point" "$OFFSIM" inspect "$work/d" --point 1
check "figure of a point" "$OFFSIM" plot "$work/d" --kind latency --point 1
sed -i 's/^name: .*/name: another/' "$scenario"
check_exit "a scenario of another name" 2 run
check "left no run behind" same "$(query 'SELECT DISTINCT study FROM run')" first
finish
