"""Precision, process groups and resuming, as changes of a config."""

from datetime import timedelta

import pytest
import torch
from mmengine.config import Config

from mmdepthseg.launch import setup as launch
from mmdepthseg.utils import UserError


@pytest.fixture(params=['cpu', 'cuda'])
def device(request, monkeypatch) -> str:
    monkeypatch.setattr(launch, 'get_device', lambda: request.param)
    return request.param


def wrapper_config(**wrapper) -> Config:
    return Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD'), **wrapper)))


def test_amp_follows_the_device(device):
    config = wrapper_config(type='OptimWrapper', clip_grad=dict(max_norm=1))
    launch.setup_precision(config, amp=True)
    wanted = {'cpu': 'mmdepthseg.BFloat16OptimWrapper', 'cuda': 'AmpOptimWrapper'}
    assert config.optim_wrapper.type == wanted[device]
    assert config.optim_wrapper.get('loss_scale') == {'cuda': 'dynamic'}.get(device)
    assert config.optim_wrapper.clip_grad.max_norm == 1


def test_without_amp_nothing_changes(device):
    config = wrapper_config(type='OptimWrapper')
    launch.setup_precision(config, amp=False)
    assert config.optim_wrapper.type == 'OptimWrapper'


def test_amp_config_of_a_gpu_runs_on_cpu(device):
    config = wrapper_config(type='AmpOptimWrapper', loss_scale=128.0, dtype='float16')
    launch.setup_precision(config, amp=False)
    changed = config.optim_wrapper.type == 'mmdepthseg.BFloat16OptimWrapper'
    assert changed == (device == 'cpu')
    assert ('loss_scale' in config.optim_wrapper) == (device == 'cuda')


def test_amp_refuses_other_wrappers(device):
    with pytest.raises(UserError, match='--amp works with'):
        launch.setup_precision(wrapper_config(type='OptimWrapperDict'), amp=True)


def test_launcher_without_its_environment(monkeypatch):
    monkeypatch.setattr(launch, 'get_device', lambda: 'cpu')
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r'RANK, WORLD_SIZE, MASTER_ADDR'):
        launch.setup_distributed(Config(dict()), 'pytorch')
    with pytest.raises(UserError, match='srun'):
        launch.setup_distributed(Config(dict()), 'slurm')


LOCAL_RANKS = dict(
    pytorch='LOCAL_RANK', slurm='SLURM_LOCALID', mpi='OMPI_COMM_WORLD_LOCAL_RANK'
)


@pytest.mark.parametrize('launcher', LOCAL_RANKS)
def test_each_process_has_a_gpu(launcher, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setenv(LOCAL_RANKS[launcher], '0')
    launch.check_gpus(launcher)
    monkeypatch.setenv(LOCAL_RANKS[launcher], '1')
    launch.check_gpus('none')
    if device == 'cpu':
        launch.check_gpus(launcher)
        return
    with pytest.raises(UserError, match=' 2 .* 1'):
        launch.check_gpus(launcher)


def test_slurm_on_cpu_starts_gloo(monkeypatch):
    monkeypatch.setattr(launch, 'get_device', lambda: 'cpu')
    started = []
    monkeypatch.setattr(
        torch.distributed,
        'init_process_group',
        lambda backend, timeout: started.append((backend, timeout)),
    )
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT'):
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    monkeypatch.setenv('SLURM_PROCID', '1')
    monkeypatch.setenv('SLURM_NTASKS', '2')
    monkeypatch.setenv('MASTER_ADDR', 'localhost')
    config = Config(dict(find_unused_parameters=True))
    launch.setup_distributed(config, 'slurm')
    config.env_cfg = dict(dist_cfg=dict(backend='nccl', timeout=7200))
    launch.setup_distributed(config, 'slurm')
    assert started == [('gloo', None), ('gloo', timedelta(hours=2))]
    assert launch.os.environ['RANK'] == '1'
    assert config.model_wrapper_cfg.device_ids is None
    assert config.model_wrapper_cfg.find_unused_parameters is True


def test_load_from_is_kept_when_there_is_nothing_to_resume(tmp_path):
    weights = tmp_path / 'weights.pth'
    torch.save({}, weights)
    config = Config(dict(work_dir=str(tmp_path), load_from=str(weights)))
    launch.setup_resume(config, 'auto')
    assert config.load_from == str(weights)
    assert config.resume is False


def test_fused_on_a_cpu_unless_told(device):
    kinds = {}
    for options in ({}, dict(foreach=True), dict(fused=False), dict(type='RMSprop')):
        config = wrapper_config()
        config.optim_wrapper.optimizer.update(options)
        launch.setup_speed(config)
        kinds[str(options)] = config.optim_wrapper.optimizer.get('fused')
    assert list(kinds.values()) == [
        True if device == 'cpu' else None,
        None,
        False,
        None,
    ]
    launch.setup_speed(Config())  # nothing to train
