#!/bin/bash
# Twelve hostile plug-ins as policies of one study: each contained and named with its file, its request and its reason;
# the runs of the others are, to the byte, those of the study without them.
. tests/tap.sh
root=$PWD; OFFSIM=$(realpath "${OFFSIM:-build/offsim}"); export NO_COLOR=1 OFFSIM_HANG_S=1
behave=(crash abort loop nan range masked exit static fast_math)
for h in "${behave[@]}"; do
  cc -std=c11 -D_GNU_SOURCE -O2 -I. -fPIC -shared $([ $h = fast_math ] && echo -ffast-math) -o "$work/$h.so" tests/abi/hostile_$h.c -lm
done
for h in wrong_abi unresolved; do cc -std=c11 -I. -fPIC -shared -o "$work/$h.so" tests/abi/$h.c; done
head -c 9000 "$work/nan.so" >"$work/truncated.so"
cd "$work" || exit 1
study() { # study NAME GUESTS...: with a place where the data may not go, so that there is a masked choice
  local name=$1; shift
  { sed 's/duration: 10 min/duration: 20 s/; s/^    slo:/    zones: [user, operator]\n&/; /^policies:/,$d; s/\[origin, edge\]/[origin, edge, far]/
      s/^links:/  - {name: far, tier: cloud, zone: public, servers: 1, slots: 4, hardware: l4}\n\n&\n  - {name: wan, between: [edge, far], rate: 1 Gbit\/s, latency: 10 ms}/' "$root/scenarios/minimal.yaml"
    printf 'policies:\n  - always_edge\n  - ucb1\n'
    for h; do echo "  - {policy: ./$h.so, name: guest_$h}"; done; } >"$name.yaml"
  printf 'study: hostile\nscenario: %s.yaml\nreplications: 1\ntrace: full\nfactors:\n  bw: {path: links.access.rate_scale, values: [1]}\n  policy: all\n' "$name" >"$name-study.yaml"; }
sweep() { local name=$1; shift; "$OFFSIM" sweep "$name-study.yaml" -o "$name" --quiet "$@" >"$name.out" 2>"$name.err"; }
others() { /usr/bin/python3 - "$1" <<'PY'
import hashlib, pathlib, sqlite3, sys
folder = pathlib.Path(sys.argv[1]); db = sqlite3.connect(folder / "catalog.sqlite"); h = hashlib.sha256(); n = 0
for row in db.execute("SELECT id, policy, replication, state, message, trace_hash, trace_file FROM run WHERE policy NOT LIKE 'guest%' ORDER BY id"):
    h.update(repr(row).encode() + (folder / row[6]).read_bytes()); n += 1
for row in db.execute("SELECT m.* FROM metric m JOIN run r ON r.id = m.run WHERE r.policy NOT LIKE 'guest%' ORDER BY 1, 2, 3, 4"):
    h.update(repr(row).encode())
print(n, h.hexdigest())
PY
}
attempts() { /usr/bin/python3 - "$1" "$2" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/catalog.sqlite")
print(*[v for v, in db.execute("SELECT p.value FROM provenance p JOIN run r ON r.id = p.run WHERE p.key = 'attempts' AND r.policy = ?", [sys.argv[2]])])
PY
}
study alone; check "the study without guests" sweep alone
all=("${behave[@]}" wrong_abi unresolved truncated)
study guests "${all[@]}"; check_exit "the study with all twelve" 1 sweep guests
check "the runs of the others are the same bytes" same "$(others guests)" "$(others alone)"
cp -r guests planted; for f in alone/traces/*.h5; do printf x >>"planted/traces/${f##*/}"; break; done
check "planted: one byte more in a trace is seen" differ "$(others planted)" "$(others alone)"
"$OFFSIM" status guests >status.txt 2>&1; "$OFFSIM" status guests --format json >status.json 2>&1
where='on request 20 \(decision 20, t = [0-9.]+ s\)'
declare -A reason=([crash]="crashed: Segmentation fault \(signal 11\) while deciding $where" [abort]="crashed: Aborted \(signal 6\) while deciding $where"
  [loop]="hung: no event for 1 s of CPU time while deciding $where" [exit]="ended the process, exit code 0 while deciding $where"
  [nan]="gave a propensity outside \(0, 1\]: -?nan; 3 actions; request 20, decision 20, t = [0-9.]+ s" [range]='an action that does not exist: 3; 3 actions; request 20, decision 20'
  [wrong_abi]='built for another boundary: abi_minor is 7' [unresolved]='undefined symbol: offsim_nobody_has_this'
  [truncated]='(crashed: Bus error .* while it was loaded|cannot load policy)')
for h in "${!reason[@]}"; do
  for said in guests.out status.txt; do
    check "$said names $h, its reason and its file" grep -qE "^failed: guest_$h, 1 run: .*${reason[$h]}.*" $said
  done
  check "$h: its file" grep -qE "^failed: guest_$h, .*$h\.so" status.txt
done
check "status as JSON" /usr/bin/python3 -c "
import json
s = json.load(open('status.json'))
assert s['quarantined'] == 9 and s['done'] == 5 and len(s['failures']) == 9, s
assert all(f['runs'] == 1 and len(f['first']) == 32 and f['message'] for f in s['failures']), s"
check "-ffast-math is named" grep -qE 'policy guest_fast_math.* warning: loading fast_math.so changed the floating-point state' guests.err
check "a masked choice: policy, request, time, reason" grep -qE "policy 'guest_masked' chose a masked action [0-9]+ times.*: request 20, decision 20, t = [0-9.]+ s, action 2 .place 'far', masked for privacy., action 0 ran" guests.err
check "hidden state stays in its process" test -z "$(grep static guests.err)"
# What failed is not run again by itself; with --retry once more each, and not for ever.
check_exit "again: nothing runs" 1 sweep guests; check "in no time" grep -q ' 5 done (0 of them now), 9 failed, 0 left' guests.out
study loops loop; check_exit "an endless loop with --retry 1" 1 sweep loops --retry 1
check "was tried twice" same "$(attempts loops guest_loop)" 2
check "and once said to be tried again" same 1 "$(grep -c 'is tried again' loops.err)"

# A constructor runs before anybody is asked: `policy list` and `check` survive it and name the file.
for d in CRASHES LEAVES STAYS; do cc -std=c11 -D$d -I"$root" -fPIC -shared -o "born_$d.so" "$root/tests/abi/born_crash.c"; done
declare -A born=([CRASHES]='crashed: Segmentation fault' [LEAVES]='ended the process, exit code 0' [STAYS]='hung: no event in 1 s')
for d in "${!born[@]}"; do
  check_exit "list born_$d" 4 "$OFFSIM" policy list ./born_$d.so
  cp out listed; check "is named" bash -c "grep -qF '${born[$d]}' listed && grep -qF 'policy ./born_$d.so cannot be loaded' listed"
done
study born born_LEAVES; check_exit "check of a scenario with one" 4 "$OFFSIM" check born.yaml
finish
