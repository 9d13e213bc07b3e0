#!/usr/bin/env bash
# [GPUS=8 GPUS_PER_NODE=8 ...] tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]
source "$(dirname "${BASH_SOURCE[0]}")/slurm.sh" test.py 'CONFIG CHECKPOINT' "$@"
