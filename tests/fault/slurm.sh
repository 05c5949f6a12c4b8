#!/bin/bash
# A real Slurm: slurmctld, slurmd and munged on loopback, out of a temporary folder, nothing left behind.
. tests/tap.sh
. tests/slurm_rig.sh
rig_installed || { skip "studies on Slurm" "slurm-wlm and munge are not installed (make deps-check)"; finish; }
trap 'rig_stop; rm -rf "$work"' EXIT

check "a cluster of one node comes up" rig_start "$work/rig" 9
printf '#!/bin/sh\necho task $SLURM_ARRAY_TASK_ID\n' >"$work/array.sh"
check "an array job" sbatch --array=1-4 --chdir="$work" --output="$work/%a.out" "$work/array.sh"
check "ends" rig_until 20 rig_quiet
check "with all tasks" same "$(cat "$work"/[1-4].out)" "task 1
task 2
task 3
task 4"

rig_stop
check "nothing is left of the cluster" same "$(rig_processes)" ""
finish
