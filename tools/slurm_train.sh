#!/usr/bin/env bash
# [GPUS=8 GPUS_PER_NODE=8 ...] tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
source "$(dirname "${BASH_SOURCE[0]}")/slurm.sh" train.py 'CONFIG' "$@"
