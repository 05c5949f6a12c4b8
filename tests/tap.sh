# tap.sh: for test scripts: `check NAME COMMAND...` prints one TAP line; `check_not` expects failure; `skip NAME WHY`.
number=0; bad=0
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
result() { number=$((number + 1)); if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; bad=1; fi; }
check() { local name=$1; shift; "$@" >"$work/out" 2>&1; local rc=$?; result $rc "$name"; [ $rc = 0 ] || sed 's/^/#   /' "$work/out" | tail -n 15; }
check_exit() { local name=$1 want=$2; shift 2; "$@" >"$work/out" 2>&1; local rc=$?; [ $rc = "$want" ]; result $? "$name (exit $want)"; [ $rc = "$want" ] || { echo "#   exit $rc"; sed 's/^/#   /' "$work/out" | tail -n 15; }; }
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
differ() { [ "$1" != "$2" ] || { echo "both are '$1'"; return 1; }; }
skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }
finish() { echo "1..$number"; exit $bad; }
