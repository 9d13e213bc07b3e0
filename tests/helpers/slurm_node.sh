#!/usr/bin/env bash
# Run a command on a Slurm cluster of one node, this machine, that lives as long as it:
#   tests/helpers/slurm_node.sh COMMAND [ARGUMENTS]
# As root, with Debian's packages slurm-wlm and munge. Nothing of an installed Slurm is
# touched: configuration, state and logs are in a temporary folder.
set -euo pipefail
for program in munged slurmctld slurmd srun; do
    if ! command -v "$program" >/dev/null; then
        echo "skipped: $program is missing (apt-get install slurm-wlm munge)" >&2
        exit 0
    fi
done
if [ "$(id -u)" -ne 0 ]; then
    echo 'skipped: slurmd starts as root only' >&2
    exit 0
fi
FOLDER=$(mktemp -d -t slurm-node.XXXXXX)
chmod 755 "$FOLDER"
mkdir -p "$FOLDER/munge" "$FOLDER/state" "$FOLDER/spool"
HOST=$(hostname -s)
PORT=$((20000 + RANDOM % 10000))
CPUS=$(getconf _NPROCESSORS_ONLN)
export SLURM_CONF="$FOLDER/slurm.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=tests
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# a job that is put back starts as soon as its credential has run out
AuthInfo=socket=$FOLDER/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
MpiDefault=none
KillWait=5
ReturnToService=2
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$CPUS State=UNKNOWN
PartitionName=tests Nodes=$HOST Default=YES MaxTime=INFINITE State=UP
CONF

stop() {
    status=$?
    [ "$status" -eq 0 ] || tail -n 30 "$FOLDER"/*.log >&2
    kill "${PIDS[@]}" 2>/dev/null || true
    wait "${PIDS[@]}" 2>/dev/null || true
    rm -rf "$FOLDER"
}
PIDS=()
trap stop EXIT

dd if=/dev/urandom of="$FOLDER/munge/key" bs=128 count=1 status=none
chmod 600 "$FOLDER/munge/key"
munged --foreground --force --key-file="$FOLDER/munge/key" --socket="$FOLDER/munge/socket" \
    --pid-file="$FOLDER/munge/pid" --log-file="$FOLDER/munge/log" --seed-file="$FOLDER/munge/seed" \
    >"$FOLDER/munged.log" 2>&1 &
PIDS+=($!)
slurmctld -D >"$FOLDER/slurmctld.log" 2>&1 &
PIDS+=($!)
slurmd -D -N "$HOST" >"$FOLDER/slurmd.log" 2>&1 &
PIDS+=($!)
for _ in $(seq 60); do
    sinfo --noheader --format %t 2>/dev/null | grep -qx idle && break
    sleep 1
done
sinfo
"$@"
