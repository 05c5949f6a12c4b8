#!/bin/bash
#$ -N offsim-{{name}}
#$ -t 1-{{tasks}}
#$ -tc {{concurrent}}
#$ -pe smp {{cpus}}
#$ -l h_vmem={{mem_mb}}M,h_rt={{time_hms}}
index=$SGE_TASK_ID
cd {{working}} || exit 3
{{prelude}}
{{command}}
