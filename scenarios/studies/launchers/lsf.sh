#!/bin/bash
#BSUB -J "offsim-{{name}}[1-{{tasks}}]%{{concurrent}}"
#BSUB -n {{cpus}}
#BSUB -M {{mem_mb}}MB
#BSUB -W {{time_min}}
index=$LSB_JOBINDEX
cd {{working}} || exit 3
{{prelude}}
{{command}}
