#!/bin/bash
# Policies in Python: the same decisions as in C, and every way to go wrong contained and named.
. tests/tap.sh
root=$PWD; OFFSIM=$(realpath "${OFFSIM:-build/offsim}"); export NO_COLOR=1 OFFSIM_SHARE=$root/scenarios
cd "$work" || exit 1
run() { local out=$1 policies=$2; shift 2; "$OFFSIM" run "$root/scenarios/minimal.yaml" --set horizon.duration='60 s' --replications 2 --quiet --policy "$policies" -o "$out" --format json "$@" >"$out.json" 2>"$out.err"; }
hash_of() { /usr/bin/python3 -c 'import json,sys; print(*[p["trace_hash"] for p in json.load(open(sys.argv[1]))["policies"] if p["policy"] == sys.argv[2]])' "$1.json" "$2"; }
policy() { { echo "from offsim_policy import Policy, Number"; echo "import os, sys, time"; echo "class Planted(Policy):"; sed 's/^/    /'; } >"$1.py"; }
says() { grep -qF -- "$2" "$1.err" || { echo "not said: $2"; cat "$1.err"; return 1; }; }

# the same decisions, in C and in Python
policy costly <<'END'
def decide(self, ctx):
    score = ctx.score
    return max(ctx.allowed, key=lambda a: score[a])
END
check "Python and C run" run same ./costly.py,cost_aware
check "cost_aware in Python leaves the trace of the one in C" same "$(hash_of same costly)" "$(hash_of same cost_aware)"
mkdir c; awk '/^```c file=shy.c/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/docs/policy-guide.md" >c/shy.c
awk '/^```python file=shy.py/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/docs/policy-guide.md" >shy.py
check "the guide's shy.c compiles" "$OFFSIM" policy build c/shy.c
check "shy in C" run shy-c ./c/shy.so
check "shy in Python" run shy-py ./shy.py
check "both draw the same numbers" same "$(hash_of shy-c shy)" "$(hash_of shy-py shy)"
check "one worker" run shy-one ./shy.py -j 1
check "gives the same bytes" same "$(hash_of shy-py shy)" "$(hash_of shy-one shy)"
policy costly <<'END'
def decide(self, ctx):
    print("noise", flush=True)
    os.write(1, b"noise")
    score = ctx.score
    return max(ctx.allowed, key=lambda a: score[a])
END
check "a policy that prints" run noise ./costly.py
check "decides as before" same "$(hash_of same costly)" "$(hash_of noise costly)"
check "and its output is no result" /usr/bin/python3 -m json.tool noise.json
check "an edited file is another run" run same ./costly.py
check "which its folder keeps beside the old one" test "$(ls same/traces | wc -l)" = 6
run alone always_local; alone=$(hash_of alone always_local)

# each keyword of Decision does what the member of struct offsim_decision does in C
check "build the hedger" cc -std=c11 -O2 -I"$root" -fPIC -shared -o hedger.so "$root/tests/abi/hedger.c"
decision() { echo "def decide(self, ctx): from offsim_policy import Decision; return Decision($2)" | policy "$1"; }
both() { # both NAME SCENARIO C-PARAMETERS KEYWORDS: the same trace, and another one than without the keywords
  local name=$1 scenario=$2; decision "$name" "0, $4"; decision plain 0
  check "$name: runs" "$OFFSIM" run "$scenario" --set horizon.duration='60 s' --replications 1 --quiet -o "d-$name" --format json \
    --set "policies=[{policy: $work/hedger.so, $3}, {policy: \"python:$work/$name.py\"}, {policy: \"python:$work/plain.py\"}]"
  cp out "d-$name.json"
  check "$name: as in C" same "$(hash_of "d-$name" hedger)" "$(hash_of "d-$name" "$name")"
  check "$name: something" differ "$(hash_of "d-$name" plain)" "$(hash_of "d-$name" "$name")"
}
minimal=$root/scenarios/minimal.yaml
both hedge_action "$minimal" 'after: 0' 'hedge_action=ctx.n_actions - 1'
both hedge_delay_s "$minimal" 'after: 0.05' 'hedge_action=ctx.n_actions - 1, hedge_delay_s=0.05'
both timeout_s "$minimal" 'timeout: 0.3' 'timeout_s=0.3'
both fallbacks "$minimal" 'timeout: 0.3, fallbacks: 1' 'timeout_s=0.3, fallbacks=[ctx.n_actions - 1]'
both accept_quality "$root/tests/data/two-variants.yaml" 'accept: 0.8, fallbacks: 1' 'accept_quality=0.8, fallbacks=(ctx.n_actions - 1,)'
check "other delay, other trace" differ "$(hash_of d-hedge_action hedge_action)" "$(hash_of d-hedge_delay_s hedge_delay_s)"
check "other fallbacks, other trace" differ "$(hash_of d-timeout_s timeout_s)" "$(hash_of d-fallbacks fallbacks)"
decision propensity 'action=0, propensity=0.25'; decision plain 0
policy distribution <<'END'
capabilities = ["reports-distribution"]
def decide(self, ctx): from offsim_policy import Decision; return Decision(0, distribution=[.25, .75])
END
policy lie <<'END'
capabilities = ["reports-distribution"]
def decide(self, ctx): from offsim_policy import Decision; return Decision(0, distribution=[.25, .25])
END
run chances ./propensity.py,./distribution.py,./plain.py
check "a propensity stands in the trace" differ "$(hash_of chances propensity)" "$(hash_of chances plain)"
check "that of a distribution is its entry" same "$(hash_of chances propensity)" "$(hash_of chances distribution)"
run lie ./lie.py; check "one that does not sum to 1: exit 4" same $? 4
check "the guide names every keyword" /usr/bin/python3 -c '
import inspect, sys; sys.path.insert(0, sys.argv[1] + "/policies"); from offsim_policy import Decision
guide = open(sys.argv[1] + "/docs/policy-guide.md").read()
missing = [p for p in inspect.signature(Decision).parameters if "| `%s` |" % p not in guide]; assert not missing, missing' "$root"
/usr/bin/python3 - <<'END' >control.py
print("""from offsim_policy import Policy
class Control(Policy):
    def decide(self, ctx): return ctx.n_actions - 1
    def tick(self, control):
        control.admit[1] = 0.25
        control.instances_wanted[1] = 2
        control.keep_alive_s[1] = 5""")
END
"$OFFSIM" run "$minimal" --set horizon.duration='60 s' --replications 1 --quiet -o ticks --format json --set 'policies=[{policy: "python:'"$work"'/control.py", tick: 1 s}]' >ticks.json 2>ticks.err
check "tick: a quarter is let in" /usr/bin/python3 -c '
import json; m = json.load(open("ticks.json"))["policies"][0]["metrics"]["shed_ratio"]["value"]; assert .6 < m < .9, m'

# what goes wrong
planted() { # planted NAME EXIT WORDS: run fails so, says so, and leaves the other policy's runs as they are
  run "$1" "./$1.py,always_local"; local rc=$?
  check "$1: exit $2" same $rc "$2"
  check "$1: $3" says "$1" "$3"
  [ "$2" = 2 ] || check "$1: the others go on, to the byte" same "$alone" "$(hash_of "$1" always_local)"
}
policy raises <<'END'
def decide(self, ctx):
    return 1 // (20 - ctx.decision) and 0
END
planted raises 4 "raises.py:5: ZeroDivisionError"
check "raises: the traceback stands there once" same 1 "$(grep -c Traceback raises.err)"
policy learns <<'END'
def decide(self, ctx): return ctx.allowed[0]
def outcome(self, o): self.nothing
END
planted learns 4 "AttributeError: 'Planted' object has no attribute 'nothing'"
policy syntax <<'END'
def decide(self, ctx)
END
planted syntax 4 "syntax.py:4: SyntaxError"
policy leaves <<'END'
def decide(self, ctx): sys.exit(7)
END
planted leaves 4 "SystemExit: 7"
policy dies <<'END'
def decide(self, ctx): os.kill(os.getpid(), 9)
END
planted dies 4 "its interpreter was ended by signal 9"
policy ends <<'END'
def decide(self, ctx): os._exit(3)
END
planted ends 4 "ended by itself with exit code 3"
policy garbage <<'END'
def decide(self, ctx): os.write(3, b"x" * 64); return 0
END
planted garbage 4 "wrote garbage into the pipe"
policy nothing <<'END'
def decide(self, ctx): pass
END
planted nothing 4 "not None"
policy outside <<'END'
def decide(self, ctx): return 99
END
planted outside 4 "chose an action that does not exist: 99"
answers() { # answers NAME EXPRESSION WORDS
  echo "def decide(self, ctx): return $2" | policy "$1"; planted "$1" 4 "$3"
}
answers truth "True" "not True"
answers truth_in_decision "__import__('offsim_policy').Decision(True)" "not True"
answers truth_of_two "(False, 0.5)" "not (False, 0.5)"
answers undeclared "int(ctx['images'])" "did not declare the feature 'images': name it in \`features\`"
check "undeclared: path and line" bash -c 'grep -q "/undeclared.py:4: .*images" undeclared.err'
check "a TypeError names the path, too" grep -q "/truth.py: TypeError" truth.err
check "and says it once in a row" bash -c '! grep -v "^offsim" truth.err | uniq -d | grep .'
answers word "'edge'" "not 'edge'"
answers notanumber "float('nan')" "not nan"
answers three "(0, 1.0, 2)" "not (0, 1.0, 2)"
answers vast "10 ** 12" "is no number that fits"
answers improbable "(0, float('nan'))" "gave a propensity outside (0, 1]"
check "word: the request is named" grep -q "policy 'word', request [0-9]*, decision 0, t = " word.err
echo "def decide(self, ctx): return ctx.allowed[0]
def outcome(self, o): o.memo.nothing" | policy late; planted late 4 "late.py:5: AttributeError"
policy pair <<'END'
capabilities = ["stochastic"]
def decide(self, ctx): return 1 / 0
def decide_batch(self, contexts): return [ctx.allowed[int(sum(ctx.random.uniform() for i in range(9))) % len(ctx.allowed)] for ctx in contexts]
END
sed "s|^policies:.*|policies: [{policy: \"python:pair.py\", joint: 200 ms}]|; /^  - always_local/,\$d" "$root/scenarios/minimal.yaml" >pair.yaml
pair() { "$OFFSIM" run pair.yaml --set horizon.duration='60 s' --replications 1 --quiet -o "$1" --format json >"$1.json" 2>"$1.err"; }
check "decisions taken together, with random numbers of their own" pair together
check "twice the same" bash -c '[ -n "$0" ] && [ "$0" = "$1" ]' "$(hash_of together pair)" "$(pair again; hash_of again pair)"
echo "def decide(self, ctx): return 0
def decide_batch(self, contexts): return []" | policy pair
pair short; check "an answer too few: exit 4" same $? 4; check "it is named" says short "decide_batch must return an answer for each"
policy flaw <<'END'
def start(self, setup): raise ValueError("gain and loss exclude each other")
def decide(self, ctx): return 0
END
planted flaw 2 "gain and loss exclude each other"
policy loops <<'END'
def decide(self, ctx):
    while True: pass
END
policy sleeps <<'END'
def decide(self, ctx): time.sleep(1e6)
END
export OFFSIM_HANG_S=1
planted loops 4 "it did not answer within"
planted sleeps 4 "(5 s by the clock)"
unset OFFSIM_HANG_S
echo "x = 1" >empty.py; planted empty 4 "this one defines none"
run gone ./shy.py --python /nowhere/python3; check "no interpreter: exit 4" same $? 4
check "it is named" says gone "cannot start the interpreter /nowhere/python3"
run typo ./none.py; check "no file: exit 2" same $? 2
sed "s|^policies:.*|policies: [{policy: \"python:shy.py\", gian: 1}]|; /^  - always_local/,\$d" "$root/scenarios/minimal.yaml" >typo.yaml
"$OFFSIM" check typo.yaml >out 2>typo.err; check "wrong parameter: exit 2" same $? 2
check "the nearest is named" says typo "did you mean 'gain'?"
check "no interpreter is left" bash -c '! pgrep -P 1 -f "offsim_policy[.]serve.* $0" >/dev/null' "$work"

# through the checker
policy keeps <<'END'
def decide(self, ctx): return ctx.allowed[0]
END
policy draws <<'END'
def decide(self, ctx): return ctx.allowed[int.from_bytes(os.urandom(1), "little") % len(ctx.allowed)]
END
policy lets_in_more <<'END'
def decide(self, ctx): return ctx.allowed[0]
def tick(self, control): control.admit[0] = 2
END
policy stumbles <<'END'
def decide(self, ctx): return ctx.allowed[0]
def tick(self, control): control.admit[len(control.admit)] = 1
END
checked() { "$OFFSIM" policy check --quick --limit 10 --only "$3" "./$1.py" >"$1.err" 2>&1; same $? "$2"; }
check "checker: one that keeps the rules" checked keeps 0 contract.one_
check "checker: an action that does not exist" checked outside 1 contract.one_action
check "checker: it is named" says outside "chose an action that does not exist: 99; 1 actions; request 0"
check "checker: an exception" checked raises 1 contract.one_action
check "checker: its line" says raises "raises.py:5: ZeroDivisionError"
check "checker: random numbers of its own" checked draws 1 determinism.again
check "checker: they are found" says draws "the second run differs: decision"
check "checker: a tick beyond what the host allows" checked lets_in_more 1 tick.orders
check "checker: the place is named" says lets_in_more "set what it may not in its tick at place 'place0'"
check "checker: an exception in a tick" checked stumbles 1 tick.orders
check "checker: and its line" says stumbles "stumbles.py:5: IndexError"

# a start
check "new, in C" "$OFFSIM" policy new mine --lang c
check "it has at most 40 lines" test "$(wc -l <mine.c)" -le 40
check "it compiles without a word" bash -c '[ "$("$0" policy build mine.c 2>&1 | wc -l)" = 1 ]' "$OFFSIM"
check "new, in Python" "$OFFSIM" policy new other --lang python
check "it has at most 20 lines" test "$(wc -l <other.py)" -le 20
check "both run beside a reference" run new ./mine.so,./other.py,always_edge
check "built-in and both are there" test -n "$(hash_of new mine)" -a -n "$(hash_of new other)"
check_exit "new does not overwrite" 2 "$OFFSIM" policy new mine --lang c
check_exit "another language" 2 "$OFFSIM" policy new mine --lang rust

# the environment
cat >learn.py <<'END'
import sys
sys.path.insert(0, sys.argv[1] + "/examples")
from gym_env import OffsimEnv, epsilon_greedy
def learn():
    env = OffsimEnv(sys.argv[1] + "/scenarios/minimal.yaml", ["images"], sys.argv[2], ["horizon.duration=30 s"])
    result = epsilon_greedy(env, 3)
    env.close()
    return result
history, mean = learn()
assert learn() == (history, mean), "the same seeds, other episodes"
assert set(mean) == {0, 1} and mean[1] > mean[0], mean      # the edge is faster than the phone in this scenario
assert len(set(history)) == 3, "each episode is another replication"
END
check "an epsilon-greedy learns in gym_env, twice the same" /usr/bin/python3 learn.py "$root" "$OFFSIM"
finish
