# Shared by dist_train.sh, dist_test.sh and dist_select.sh, which source it:
#   source dist.sh TOOL.py 'NAMES OF FILES' "$@"
# The tool runs on several GPUs, or in several CPU processes (gloo) if there is no GPU.
# For several machines set NNODES, NODE_RANK, MASTER_ADDR (and PORT) on each; --out must
# be a shared folder.
set -euo pipefail
TOOL=$1
read -ra NAMES <<<"$2"
shift 2
COUNT=${#NAMES[@]}
if [ $# -le "$COUNT" ]; then
    echo "usage: $0 ${NAMES[*]} GPUS [options of tools/$TOOL]" >&2
    exit 2
fi
TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}"
# Several processes on one machine: one thread each, unless the caller sets another number.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec "${PYTHON:-python}" -m mmdepthseg.launch.torchrun \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --nproc_per_node="${*:COUNT+1:1}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$TOOLS/$TOOL" "${@:1:COUNT}" --launcher pytorch "${@:COUNT+2}"
