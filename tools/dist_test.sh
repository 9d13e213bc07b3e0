#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]; see dist.sh
source "$(dirname "${BASH_SOURCE[0]}")/dist.sh" test.py 'CONFIG CHECKPOINT' "$@"
