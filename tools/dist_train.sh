#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [options of tools/train.py]; see dist.sh
source "$(dirname "${BASH_SOURCE[0]}")/dist.sh" train.py 'CONFIG' "$@"
