#!/bin/bash
# Broken scenario files and their exact messages. Each NAME.yaml has NAME.expected: the exit code, then what is printed.
# `tests/golden/run.sh --accept` writes them anew; read the difference before committing it.
set -u
cd "$(dirname "$0")/broken"
offsim=${OFFSIM:-$(cd ../../.. && pwd)/build/offsim}
unset OFFSIM_DATA OFFSIM_POLICY_PATH; export NO_COLOR=1 LC_ALL=C
share=$(cd ../../../scenarios && pwd); export OFFSIM_SHARE=$share
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
number=0

say() { # say ok|"not ok" TEXT
  number=$((number + 1)); echo "$1 $number - $2"
}
check() { # what the program says, without what depends on the machine
  "$offsim" check "$1" >"$work/out" 2>"$work/err"; echo "exit $?"
  cat "$work/out" "$work/err" | sed -e "s|$share|SHARE|g" -e 's|the [0-9]* built-in|the N built-in|; s|[^ ]*/lib/offsim|PREFIX/lib/offsim|' -e 's/about .* (from a pilot of [0-9]* runs) and [^;]* of disk/about N (from a pilot) and N of disk/' -e 's/this machine has [0-9.e+]* GB/this machine has N GB/'
}
match() { # match NAME EXPECTED-FILE ACTUAL-FILE
  if cmp -s "$2" "$3"; then say ok "$1"; else say "not ok" "$1"; diff "$2" "$3" | sed 's/^/#   /'; fi
}

for file in *.yaml; do
  name=${file%.yaml}
  check "$file" >"$work/actual"
  [ "${1:-}" = --accept ] && cp "$work/actual" "$name.expected"
  match "broken $name" "$name.expected" "$work/actual"
done

# Files that cannot be kept as text, or are too large.
broken=$PWD; cp base.yaml "$work/base.yaml"; cd "$work"
refused() { # refused NAME PATTERN EXIT
  check "$1.yaml" >actual
  if [ "$(head -n 1 actual)" = "exit $3" ] && grep -qF -- "$2" actual; then say ok "$1"; else say "not ok" "$1"; sed 's/^/#   /' actual | head -n 5; fi
}
{ cat base.yaml; printf 'name: a\0b\n'; } >nul.yaml;          refused nul "a NUL byte" 2
{ cat base.yaml; printf 'name: \377\n'; } >not-utf8.yaml;     refused not-utf8 "this byte is not UTF-8" 2
{ cat base.yaml; printf 'doc: \300\200\n'; } >overlong.yaml;  refused overlong "this byte is not UTF-8" 2
{ head -c 1100000 /dev/zero | tr '\0' '#'; } >large.yaml;     refused large "at most 1048576 are read" 2
refused nowhere "cannot open nowhere.yaml: No such file or directory" 3
mkdir folder.yaml;                                            refused folder "is not a regular file" 3
: >nothing.yaml;                                              refused nothing "the file is empty" 2

# Nothing may be printed as a result beside an error, and the documentation is the table's.
cd "$broken"
if [ -z "$("$offsim" check unknown-policy.yaml --resolved 2>/dev/null)" ]; then say ok "no result beside an error"; else say "not ok" "no result beside an error"; fi
"$offsim" describe --markdown >"$work/scenario.md"; match "docs/scenario.md is up to date (make docs)" ../../../docs/scenario.md "$work/scenario.md"
"$offsim" presets --audit >"$work/audit" 2>"$work/audit.err"; [ $? = 0 ] && say ok "every number of the presets has a source" || { say "not ok" "presets --audit"; cat "$work/audit.err"; }
mkdir -p "$work/planted/presets/tariffs"
printf 'kind: tariff\nname: free\nsources: {input: {source: x, year: 2026, grade: E}}\nvalue: {input: 1 USD/Mtok, output: 2 USD/Mtok}\n' >"$work/planted/presets/tariffs/free.yaml"
OFFSIM_SHARE=$work/planted "$offsim" presets --audit >"$work/audit" 2>/dev/null
[ $? = 1 ] && grep -q 'output.*NO SOURCE' "$work/audit" && say ok "the audit sees a planted number without source" || say "not ok" "planted number without source"
for part in source year grade; do
  printf 'kind: tariff\nname: part\nsources: {all: {source: x, year: 2026, grade: D}}\nvalue: {input: 1 USD/Mtok}\n' |
    sed "s/$part: [^,}]*,* *//; s/, }/}/" >"$work/planted/presets/tariffs/part.yaml"
  OFFSIM_SHARE=$work/planted "$offsim" presets --audit >"$work/audit" 2>/dev/null
  [ $? = 1 ] && grep -qi "part.*input.*NO $part" "$work/audit" && say ok "the audit sees a number without $part" || say "not ok" "planted number without $part"
done; rm "$work/planted/presets/tariffs/part.yaml"
{ cat base.yaml; echo 'tariffs: {mine: {preset: free}}'; } | sed 's/servers: 2}/servers: 2, tariff: mine}/' >"$work/planted.yaml"
OFFSIM_SHARE=$work/planted "$offsim" check "$work/planted.yaml" >"$work/out" 2>"$work/err"
[ $? = 2 ] && grep -q "free.yaml:4:36: error: the price 'output' has no source and year" "$work/err" && say ok "a preset's price without source and year is refused" || say "not ok" "a preset's price without source"
for grade in E D; do # a result on estimates says so, naming preset and key; others do not
  sed -i "s/grade: ./grade: $grade/; s/, output: .*}/}/" "$work/planted/presets/tariffs/free.yaml"
  OFFSIM_SHARE=$work/planted "$offsim" run "$work/planted.yaml" --format json -o "$work/planted-$grade" >"$work/planted-$grade.json" 2>/dev/null
  grep -c 'rests on 1 number of grade E (engineering estimates): free: input"' "$work/planted-$grade.json"
done | tr '\n' ' ' >"$work/warned"
[ "$(cat "$work/warned")" = "1 0 " ] && say ok "estimates are named in warnings" || say "not ok" "estimates in warnings: $(cat "$work/warned")"
for file in "$share"/*.yaml "$share"/validation/*.yaml "$share"/studies/*.yaml "$share"/changes/*.yaml; do
  check "$file" >"$work/actual"
  [ "$(head -n 1 "$work/actual")" = "exit 0" ] && say ok "shipped ${file#"$share"/} is sound" || { say "not ok" "shipped ${file#"$share"/}"; sed 's/^/#   /' "$work/actual"; }
done
# `new` never overwrites
"$offsim" new "$work/mine.yaml" >/dev/null && "$offsim" check "$work/mine.yaml" >/dev/null && say ok "new writes a sound file" || say "not ok" "new writes a sound file"
echo kept >"$work/kept.yaml"; "$offsim" new "$work/kept.yaml" 2>/dev/null
[ $? = 2 ] && [ "$(cat "$work/kept.yaml")" = kept ] && say ok "new does not overwrite" || say "not ok" "new does not overwrite"
echo "1..$number"
