"""Set-up of training and test tools before the Runner, on any device."""

import ctypes
import gc
import os
import platform
import subprocess
from datetime import timedelta

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.dist import barrier, is_distributed
from mmengine.logging import print_log

from mmdepthseg.checkpoints.latest import newest_whole
from mmdepthseg.launch.config import check_checkpoint_file
from mmdepthseg.utils.errors import UserError

_DEFAULT_PORT = '29500'
# where MMEngine reads which of this machine's processes, and so GPUs, this one is
_LOCAL_RANKS = dict(
    pytorch='LOCAL_RANK', slurm='SLURM_LOCALID', mpi='OMPI_COMM_WORLD_LOCAL_RANK'
)
_FUSED = ('Adam', 'AdamW', 'SGD')
# of glibc's malloc.h, and the largest value that it takes for the first
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_THRESHOLD = 2**25
_BF16_WRAPPER = 'mmdepthseg.BFloat16OptimWrapper'


def setup_distributed(config: Config, launcher: str) -> None:
    """Set `config.launcher`; on a machine without a GPU start the gloo group here.

    MMEngine's own set-up calls `torch.cuda.set_device` and gives DDP a device id; both
    fail on a CPU. The Runner uses an existing group as it is.

    Raises:
        UserError: The launcher's environment variables or a GPU are missing.
    """
    config.launcher = launcher
    check_gpus(launcher)
    if launcher == 'none' or get_device() != 'cpu':
        return
    if launcher == 'slurm':
        _set_slurm_environment()
    missing = [n for n in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR') if n not in os.environ]
    if launcher == 'mpi' or missing:
        raise UserError(
            f'--launcher {launcher} on CPU needs {", ".join(missing) or "pytorch"}: '
            'start with tools/dist_train.sh, dist_test.sh, dist_select.sh or torchrun'
        )
    os.environ.setdefault('MASTER_PORT', _DEFAULT_PORT)
    if not torch.distributed.is_initialized():
        # in seconds, as MMEngine's own set-up takes it
        seconds = (config.get('env_cfg') or {}).get('dist_cfg', {}).get('timeout')
        timeout = None if seconds is None else timedelta(seconds=seconds)
        torch.distributed.init_process_group('gloo', timeout=timeout)
    wrapper = config.get('model_wrapper_cfg') or ConfigDict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=config.get('find_unused_parameters', False),
    )
    wrapper.setdefault('device_ids', None)
    config.model_wrapper_cfg = wrapper


def check_gpus(launcher: str) -> None:
    """Check that this process has its own GPU.

    Tools do this first: otherwise MMEngine's logger would end in an IndexError, or
    torch in "invalid device ordinal".

    Args:
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.

    Raises:
        UserError: The launcher started more processes here than there are GPUs.
    """
    if launcher == 'none' or get_device() != 'cuda':
        return
    rank = int(os.environ.get(_LOCAL_RANKS[launcher], 0))
    found = torch.cuda.device_count()
    if rank >= found:
        raise UserError(
            f'process {rank + 1} of this machine has no GPU, torch sees {found}: start '
            'as many processes as there are GPUs, or hide these to run on the CPU: '
            "CUDA_VISIBLE_DEVICES=''"
        )


def leave_distributed(group: torch.distributed.ProcessGroup | None = None) -> None:
    """Wait for the other ranks, then end the process group, if there is one.

    A process that exits with an open gloo group sometimes aborts (signal 6): the
    group's threads free their tensors while the interpreter shuts down. Do not call
    this after an error, when the others may wait in another collective: torchrun ends
    them.

    Args:
        group: The group to wait for and to end; None: the default group and all others.
    """
    if not is_distributed():
        return
    barrier(group)
    gc.collect()  # a DDP model keeps its group alive, and a Runner is full of cycles
    torch.distributed.destroy_process_group(group)


def _set_slurm_environment() -> None:
    """Translate srun's variables into torch's."""
    try:
        os.environ['RANK'] = os.environ['SLURM_PROCID']
        os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
        os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')
        if 'MASTER_ADDR' not in os.environ:
            nodes = os.environ['SLURM_NODELIST']
            command = ['scontrol', 'show', 'hostname', nodes]
            hosts = subprocess.run(command, capture_output=True, text=True, check=True)
            os.environ['MASTER_ADDR'] = hosts.stdout.split()[0]
    except (KeyError, OSError, IndexError, subprocess.CalledProcessError) as error:
        raise UserError(
            f'--launcher slurm: not inside an srun job ({error}); start with '
            'tools/slurm_train.sh, slurm_test.sh or slurm_select.sh'
        ) from error


def setup_precision(config: Config, amp: bool) -> None:
    """Choose the optimiser wrapper for mixed precision, in place.

    With `amp` this is `AmpOptimWrapper` (float16 with loss scaling) on a GPU and
    `BFloat16OptimWrapper` on a CPU, where the former refuses to run. A config that
    names `AmpOptimWrapper` itself gets the same replacement on a CPU. Gradient
    clipping, accumulation and `paramwise_cfg` do not change.

    Raises:
        UserError: `amp` is asked for, but the config has a wrapper of another kind.
    """
    wrapper = config.get('optim_wrapper')
    if wrapper is None:
        return
    kind = wrapper.get('type', 'OptimWrapper')
    kind = kind if isinstance(kind, str) else kind.__name__
    on_cpu = get_device() == 'cpu'
    if kind.endswith('BFloat16OptimWrapper'):
        return
    if kind.endswith('AmpOptimWrapper'):
        if on_cpu:
            for name in ('loss_scale', 'dtype', 'use_fsdp'):
                wrapper.pop(name, None)
            wrapper.type = _BF16_WRAPPER
            print_log('AmpOptimWrapper needs a GPU: bfloat16 autocast is used instead')
    elif amp and kind != 'OptimWrapper':
        raise UserError(
            f"--amp works with optim_wrapper.type 'OptimWrapper', not {kind!r}; set "
            'the precision in the config'
        )
    elif amp:
        wrapper.type = _BF16_WRAPPER if on_cpu else 'AmpOptimWrapper'
        if not on_cpu:
            wrapper.loss_scale = 'dynamic'


def setup_speed(config: Config) -> None:
    """Make steps on a CPU cheaper, at the same numbers up to rounding.

    Adam and SGD update all tensors in one call (`fused=True`, unless the config says
    otherwise); and the C library keeps freed memory for the next step instead of giving
    it back to the system, which has to clear every page again.
    """
    if get_device() != 'cpu':
        return
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer') or {}
    if optimizer.get('type') in _FUSED and not {'fused', 'foreach'} & optimizer.keys():
        optimizer['fused'] = True
    if platform.libc_ver()[0] == 'glibc':
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def newest_checkpoint(config: Config) -> str | None:
    """Return the newest whole checkpoint of a config's run, see `newest_whole`."""
    saving = (config.get('default_hooks') or {}).get('checkpoint') or {}
    return newest_whole(config.work_dir, saving.get('out_dir'))


def setup_resume(config: Config, resume: str | None) -> None:
    """Set `config.resume` and `config.load_from`, and check that the file is whole.

    Args:
        config: With `work_dir` set.
        resume: None (as the config says), 'auto' (the newest whole one in `work_dir`,
            or a new run if there is none, so that one command serves for the first
            start and for restarts) or the path of a checkpoint.

    Raises:
        UserError: The checkpoint is missing or damaged.
    """
    if resume not in (None, 'auto'):
        config.resume, config.load_from = True, check_checkpoint_file(resume)
        return
    if resume == 'auto' or (config.get('resume') and not config.get('load_from')):
        latest = newest_checkpoint(config)
        config.resume = latest is not None
        if latest is not None:
            config.load_from = latest
            return
    if config.get('load_from'):
        config.load_from = check_checkpoint_file(config.load_from, 'load_from')
