#!/usr/bin/env bash
# tools/dist_select.sh CONFIG CHECKPOINT GPUS [options of tools/select_samples.py]
source "$(dirname "${BASH_SOURCE[0]}")/dist.sh" select_samples.py 'CONFIG CHECKPOINT' "$@"
