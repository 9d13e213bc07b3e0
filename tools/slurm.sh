# Shared by slurm_train.sh, slurm_test.sh and slurm_select.sh, which source it:
#   source slurm.sh TOOL.py 'NAMES OF FILES' "$@"
# Environment: GPUS, GPUS_PER_NODE (0 requests CPUs only; GPUS is then the number of
# processes), TASKS_PER_NODE, CPUS_PER_TASK, SRUN_ARGS.
set -euo pipefail
TOOL=$1
read -ra NAMES <<<"$2"
shift 2
COUNT=${#NAMES[@]}
if [ $# -lt $((COUNT + 2)) ]; then
    echo "usage: $0 PARTITION JOB_NAME ${NAMES[*]} [options of tools/$TOOL]" >&2
    exit 2
fi
GPUS=${GPUS:-4}
GPUS_PER_NODE=${GPUS_PER_NODE:-4}
TASKS_PER_NODE=${TASKS_PER_NODE:-$((GPUS_PER_NODE > 0 ? GPUS_PER_NODE : GPUS))}
TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}"
GRES=()
[ "$GPUS_PER_NODE" -gt 0 ] && GRES=("--gres=gpu:$GPUS_PER_NODE")
# SRUN_ARGS holds several words on purpose.
# shellcheck disable=SC2086
exec srun -p "$1" \
    --job-name="$2" \
    "${GRES[@]}" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$TASKS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$TOOLS/$TOOL" "${@:3:COUNT}" --launcher slurm "${@:COUNT+3}"
