#!/bin/bash
# What --dry-run prints, byte by byte, and what the launchers refuse; the cluster is four small programs with fixed answers.
. tests/tap.sh
OFFSIM=$(realpath "${OFFSIM:-build/offsim}"); golden=$PWD/tests/golden/launcher; scenario=$PWD/scenarios/minimal.yaml
templates=$PWD/scenarios/studies/launchers
export NO_COLOR=1 LC_ALL=C
mkdir "$work/bin" "$work/it's here"
cat >"$work/bin/scontrol" <<'SH'
#!/bin/sh
printf 'MaxArraySize            = 31\nMaxJobCount             = 10000\nSLURM_VERSION           = 22.05.8\n'
SH
cat >"$work/bin/sacctmgr" <<'SH'
#!/bin/sh
case "$*" in *assoc*) echo '25|';; *) printf '||\n40||\n';; esac
SH
cat >"$work/bin/squeue" <<'SH'
#!/bin/sh
case "$*" in *-u*) for i in 1 2 3 4; do echo 7_$i; done;; esac
SH
printf '#!/bin/sh\necho sbatch: error: Batch job submission failed: Invalid account >&2; exit 1\n' >"$work/bin/sbatch"
chmod +x "$work"/bin/*
says() { # NAME EXIT PATTERN COMMAND...
  local name=$1 want=$2 pattern=$3; shift 3
  "$@" >"$work/said" 2>&1; local rc=$?
  [ $rc = "$want" ] && grep -q -- "$pattern" "$work/said"; local seen=$?
  result $seen "$name"; [ $seen = 0 ] || { echo "#   exit $rc"; sed 's/^/#   /' "$work/said" | head -n 10; }
}
cd "$work/it's here" || exit 1
study() { # the slurm map
  cat >study.yaml <<YAML
study: golden
scenario: $scenario
replications: 10
factors:
  rate: {path: classes.photo.arrivals.poisson.rate, values: [$(seq -s ', ' -f '%g /s' 1 50)]}
  policy: [always_local]
slurm: $1
YAML
}
sweep() { PATH=$work/bin:$PATH "$OFFSIM" sweep study.yaml -o 'a "b" $c' "$@"; }
plain() { sed -e "s|$OFFSIM|/usr/bin/offsim|g" -e "s|$(printf %s "$work" | sed 's/[.]/\\./g')|/srv/studies|g"; }

study '{partition: "cpu,long", account: p-1, constraint: "ib&avx", time: 90 min, mem: 2 GB, cpus: 2, tasks: 12, concurrent: 5,
  prelude: "module load gcc"}'
sweep --launcher slurm --retry 1 --dry-run 2>err | plain >out
check "--dry-run of Slurm" diff "$golden/slurm.txt" out
check "nothing is there afterwards" test ! -e 'a "b" $c'
for t in pbs lsf sge; do
  sweep --launcher template --template "$templates/$t.sh" --dry-run 2>err | plain >out
  check "--dry-run of $t" diff "$golden/$t.txt" out
done

# ---- limits that the cluster names -----------------------------------------------------------------------------------
array() { study "$1"; sweep --launcher slurm --dry-run 2>&1 | grep -E '^#SBATCH --array=|decided'; }
check "MaxSubmitJobs 25, 4 queued, 1 to merge" same "$(array '{tasks: 100}')" "offsim: 500 runs in 20 tasks (decided by MaxSubmitJobs)
#SBATCH --array=1-20"
sed -i 's/25/250/' "$work/bin/sacctmgr"
check "MaxArraySize 31" same "$(array '{tasks: 100}')" "offsim: 500 runs in 30 tasks (decided by MaxArraySize)
#SBATCH --array=1-30"
check "array_max" same "$(array '{tasks: 100, array_max: 7}')" "offsim: 500 runs in 7 tasks (decided by slurm.array_max)
#SBATCH --array=1-7"
sed -i 's/250/5/' "$work/bin/sacctmgr"
study '{tasks: 3}'
check_exit "no room" 3 sweep --launcher slurm --dry-run

# ---- refused ---------------------------------------------------------------------------------------------------------
sed -i 's/5|/500|/' "$work/bin/sacctmgr"
study '{tasks: 3}'
says "sbatch refuses, and says why" 3 'Invalid account' sweep --launcher slurm
study '{tasks: 3, partition: "cpu --uid=0"}'
check_exit "more than a word in a directive" 2 sweep --launcher slurm --dry-run
study '{tasks: 3}'
mkdir "$work/a"$'\n'"b"; cp study.yaml "$work/a"$'\n'"b"; cd "$work/a"$'\n'"b" || exit 1
check_exit "a line break in the working directory" 2 sweep --launcher slurm --dry-run
cd "$work/it's here" || exit 1
check_exit "an unknown launcher" 2 sweep --launcher slrum
check_exit "a template without --template" 2 sweep --launcher template
printf '{{comand}}\n' >t.sh
says "an unknown word of a template: its place, the nearest" 2 "t.sh:1:1: error: .*did you mean '{{command}}'" \
  sweep --launcher template --template t.sh --dry-run
check_exit "a template that is not there" 3 sweep --launcher template --template none.sh --dry-run
check_exit "a shard that is none" 2 sweep --shard 4/3
check_exit "a shard without a submission" 3 "$OFFSIM" sweep study.yaml -o none --shard 1/3
finish
