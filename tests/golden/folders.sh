#!/bin/bash
# Results folders that must be refused or carried over, and the exact words: another model version, an older and a newer
# format, no catalogue, a locked folder. What is refused stays as it is, byte by byte.
. tests/tap.sh
OFFSIM=${OFFSIM:-build/offsim}
export NO_COLOR=1 LC_ALL=C
"$OFFSIM" new "$work/s.yaml" >/dev/null; sed -i 's/^name: .*/name: tiny/; s/duration: 10 min/duration: 5 s/' "$work/s.yaml"
printf 'study: k\nscenario: s.yaml\nreplications: 2\nfactors: {policy: [always_local, random]}\n' >"$work/k.yaml"
run=(run "$work/s.yaml" --policy 'always_local,random' --quiet); sweep=(sweep "$work/k.yaml" --quiet)
python() { /usr/bin/python3 - "$@"; }
sql() { python "$1/catalog.sqlite" "$2" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(*["|".join(map(str, r)) for r in db.execute(sys.argv[2])], sep="\n"); db.commit()
PY
}
bytes() { (cd "$1" && find . -type f | sort | xargs -r sha256sum); }
refused() { # refused NAME FOLDER EXIT MESSAGE ARGUMENTS...: exactly this on stderr (DIR for the folder), nothing damaged
  local name=$1 dir=$2 want=$3 text=$4 before rc; shift 4
  before=$(bytes "$dir"); "$OFFSIM" "$@" >"$work/stdout" 2>"$work/said"; rc=$?
  check "$name" same "exit $rc: $(sed "s|$dir|DIR|g" "$work/said")" "exit $want: $text"
  check "$name: nothing is damaged" same "$(bytes "$dir")" "$before"
}

check "a folder of run" "$OFFSIM" "${run[@]}" --replications 2 -o "$work/r"
check "a folder of sweep" "$OFFSIM" "${sweep[@]}" -o "$work/k"
version=$(sql "$work/r" "SELECT value FROM provenance WHERE key = 'model_version'")

# ---- model versions ----------------------------------------------------------------------------------------------------
words="error: DIR holds results of model version 1, and this program has $version: every run would be done anew beside the old ones. Take another folder (-o DIR), or say --mixed"
for kind in r k; do cp -r "$work/$kind" "$work/old_$kind"; sql "$work/old_$kind" "UPDATE provenance SET value = '1' WHERE key = 'model_version'" >/dev/null; done
refused "run, another model version" "$work/old_r" 2 "$words" "${run[@]}" --replications 3 -o "$work/old_r"
refused "sweep, another model version" "$work/old_k" 2 "$words" "${sweep[@]}" --replications 3 -o "$work/old_k"
check "run --mixed" "$OFFSIM" "${run[@]}" --replications 3 -o "$work/old_r" --mixed
check "sweep --mixed" "$OFFSIM" "${sweep[@]}" --replications 3 -o "$work/old_k" --mixed
check "both versions are noted" same "$(sql "$work/old_r" "SELECT value FROM provenance WHERE key = 'model_version'")" "1, $version"
check "and compare says so" bash -c "'$OFFSIM' compare '$work/old_r' --format json | grep -q 'results of model versions 1, $version (--mixed)'"
refused "asked again next time" "$work/old_r" 2 "${words/version 1,/version 1, $version,}" "${run[@]}" --replications 4 -o "$work/old_r"

# ---- formats -----------------------------------------------------------------------------------------------------------
for kind in r k; do cp -r "$work/$kind" "$work/new_$kind"; sql "$work/new_$kind" "UPDATE format SET version = 3" >/dev/null; done
words="error: catalogue DIR/catalog.sqlite has format 3, of a newer program; this one reads formats up to 2"
refused "run, a newer format" "$work/new_r" 3 "$words" "${run[@]}" -o "$work/new_r"
refused "sweep, a newer format" "$work/new_k" 3 "$words" "${sweep[@]}" -o "$work/new_k"
for command in compare status verify merge export inspect report; do
  refused "$command, a newer format" "$work/new_k" 3 "$words" $command "$work/new_k"
done
mkdir "$work/text" "$work/foreign" "$work/thesis"; echo "no database" >"$work/text/catalog.sqlite"; echo mine >"$work/thesis/thesis.tex"
python "$work/foreign/catalog.sqlite" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.execute("CREATE TABLE format(version INTEGER)"); db.execute("INSERT INTO format VALUES(1)"); db.commit()
PY
refused "no database" "$work/text" 3 "error: catalogue DIR/catalog.sqlite: file is not a database" "${run[@]}" -o "$work/text"
refused "somebody else's database" "$work/foreign" 3 "error: DIR/catalog.sqlite is not a catalogue of offsim" "${sweep[@]}" -o "$work/foreign"
refused "somebody else's folder" "$work/thesis" 3 \
  "error: DIR holds something else (it is not empty and has no catalog.sqlite); choose another folder" "${run[@]}" -o "$work/thesis"
refused "a folder of run" "$work/r" 2 "error: DIR holds results of \`offsim run\`; take another folder (-o DIR)" "${sweep[@]}" -o "$work/r"

# A folder as format 1 had it: no point_run, no overrides, an index of another name. It is read as it is, and carried over
# by the first command that writes.
make_old() { cp -r "$work/r" "$1"; rm "$1/catalog.sqlite"; python "$work/r/catalog.sqlite" "$1/catalog.sqlite" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[2])
db.executescript("""
CREATE TABLE format(version INTEGER NOT NULL) STRICT;
CREATE TABLE study(study TEXT PRIMARY KEY, written INTEGER NOT NULL, resolved TEXT NOT NULL) STRICT;
CREATE TABLE point(point INTEGER PRIMARY KEY, factors TEXT NOT NULL) STRICT;
CREATE TABLE policy(policy TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;
CREATE TABLE run(id TEXT PRIMARY KEY, study TEXT NOT NULL, point INTEGER NOT NULL, policy TEXT NOT NULL,
  kind TEXT NOT NULL, replication INTEGER NOT NULL, seed INTEGER NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL,
  trace_hash TEXT NOT NULL, trace_file TEXT NOT NULL, trace_file_hash TEXT NOT NULL, events INTEGER NOT NULL) STRICT;
CREATE TABLE metric(run TEXT NOT NULL, name TEXT NOT NULL, class TEXT NOT NULL, place TEXT NOT NULL,
  policy TEXT NOT NULL, value REAL, PRIMARY KEY(run, name, class, place)) STRICT, WITHOUT ROWID;
CREATE TABLE sketch(run TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(run, name)) STRICT, WITHOUT ROWID;
CREATE TABLE provenance(run TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(run, key)) STRICT, WITHOUT ROWID;
CREATE INDEX run_order ON run(point, policy, replication);
CREATE VIEW v_runs AS SELECT id AS run, study, point, policy, replication, state FROM run;
PRAGMA application_id = 1868985197;
INSERT INTO format VALUES(1);""")
db.execute("ATTACH ? AS new", (sys.argv[1],))
for table, columns in [("study", "*"), ("point", "point, factors"), ("policy", "*"), ("run", "*"), ("metric", "*"), ("sketch", "*"), ("provenance", "*")]:
    db.execute(f"INSERT INTO {table} SELECT {columns} FROM new.{table}")
db.commit()
PY
}
make_old "$work/one"
before=$(bytes "$work/one")
seen() { "$OFFSIM" compare "$1" --format csv; }
check "format 1 is read: compare" same "$(seen "$work/one")" "$(seen "$work/r")"
for command in status export inspect report; do check "format 1 is read: $command" "$OFFSIM" $command "$work/one"; done
rm -r "$work/one/report.html" "$work/one/figures"
check "and stays as it is" same "$(bytes "$work/one")" "$before"
check "planted: the folder is of format 1" same "$(sql "$work/one" "SELECT version FROM format")" 1
check "run goes on in it" "$OFFSIM" "${run[@]}" --replications 3 -o "$work/one"
check "and in one of this format" "$OFFSIM" "${run[@]}" --replications 3 -o "$work/r"
check "carried over to format 2" same "$(sql "$work/one" "SELECT version FROM format")" 2
check "nothing was run again, nothing is lost" same "$(sql "$work/one" "SELECT count(*), count(DISTINCT id) FROM run")" "6|6"
all() { for t in study point policy run point_run metric sketch; do sql "$1" "SELECT * FROM $t ORDER BY 1, 2, 3"; done; sql "$1" "SELECT * FROM provenance WHERE key NOT IN ('elapsed_s') ORDER BY 1, 2"; }
all2() { all "$1" 2>/dev/null | sed "s|$1|DIR|g" | sha256sum; }
check "as if it had always been" same "$(all2 "$work/one")" "$(all2 "$work/r")"
check "and compare agrees" same "$(seen "$work/one")" "$(seen "$work/r")"

# ---- a locked folder ---------------------------------------------------------------------------------------------------
printf 'study: slow\nscenario: s.yaml\nset: {horizon.duration: 120 s}\nreplications: 500\nfactors: {policy: [always_local, random]}\n' >"$work/slow.yaml"
"$OFFSIM" sweep "$work/slow.yaml" --quiet -j 1 -o "$work/busy" >/dev/null 2>&1 & holder=$!
for i in {1..100}; do [ -e "$work/busy/journal/live" ] && break; sleep 0.05; done
locked() { "$OFFSIM" "$@" >/dev/null 2>"$work/said"; local rc=$?; cat "$work/said"
  [ $rc = 3 ] && sed -E "s|$work/||; s|since [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\$|since NOW|" "$work/said" | grep -qxF "error: busy is locked: process $holder on $(hostname) has been writing into it since NOW"; }
kill -STOP $holder
check "a locked folder names its holder" locked sweep "$work/slow.yaml" --quiet -o "$work/busy"
since=$(sed -nE 's/.*since (.*)$/\1/p' "$work/said"); age=$(($(date +%s) - $(date -d "$since" +%s)))
check "since when ($age s)" test $age -ge 0 -a $age -le 60
check "merge too" locked merge "$work/busy"
kill -CONT $holder; kill -9 $holder; wait $holder 2>/dev/null
check "one that was killed leaves its name there" test -e "$work/busy/writer.lock"
for i in {1..50}; do "$OFFSIM" merge "$work/busy" >/dev/null 2>&1 && break; sleep 0.1; done
check "and is not in the way" "$OFFSIM" merge "$work/busy"
check "no name is left after a clean end" test ! -e "$work/busy/writer.lock"
mkdir "$work/early"; echo "$(hostname) $holder 2026-01-01T00:00:00Z" >"$work/early/writer.lock"
check "nor of one that was killed before its catalogue was there" "$OFFSIM" "${sweep[@]}" -o "$work/early"
finish
