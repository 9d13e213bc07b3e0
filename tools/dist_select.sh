#!/usr/bin/env bash
# Select images on several GPUs, or on several CPU processes (gloo) where there is no GPU:
#   tools/dist_select.sh CONFIG CHECKPOINT GPUS [options of tools/select_samples.py]
# More machines: set NNODES, NODE_RANK, MASTER_ADDR (and PORT) on each; --out must be a
# folder that all of them see.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT GPUS [options of tools/select_samples.py]" >&2
    exit 2
fi
CONFIG=$1
CHECKPOINT=$2
GPUS=$3
TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}"
# Several processes on one machine: one thread each unless the caller knows better.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --nproc_per_node="$GPUS" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$TOOLS/select_samples.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
