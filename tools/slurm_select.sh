#!/usr/bin/env bash
# [GPUS=8 GPUS_PER_NODE=8 ...] tools/slurm_select.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]
source "$(dirname "${BASH_SOURCE[0]}")/slurm.sh" select_samples.py 'CONFIG CHECKPOINT' "$@"
