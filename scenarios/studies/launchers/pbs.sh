#!/bin/bash
#PBS -N offsim-{{name}}
#PBS -J 1-{{tasks}}
#PBS -l select=1:ncpus={{cpus}}:mem={{mem_mb}}mb
#PBS -l walltime={{time_hms}}
index=$PBS_ARRAY_INDEX
cd {{working}} || exit 3
{{prelude}}
{{command}}
