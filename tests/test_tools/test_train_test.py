"""tools/train.py and tools/test.py train, resume and evaluate, on CPU too."""

import json
import os
import stat
import sys

import pytest
import torch
from helpers import REPO
from helpers.checkpoints import assert_same_states, load
from helpers.originals import broken_in_originals

OF_MMENGINE = """
train_dataloader['sampler'] = dict(type='InfiniteSampler', shuffle=True)
train_dataloader['dataset']['pipeline'] = train_pipeline[1:]  # without SeedBySample
"""
LOADS_WHAT_IT_SKIPS = broken_in_originals(
    'to go on, MMEngine 0.10.7 loads the batches again that it skips; with its own '
    'InfiniteSampler that draws random numbers which the first run did not draw',
    AssertionError,
)


def test_train_and_test_from_another_folder(
    tiny_config, run_process, run_tool, tmp_path, capsys
):
    config, work_dir = tiny_config(), tmp_path / 'run'
    tool = REPO / 'tools/train.py'
    options = ('--cfg-options', 'train_cfg.max_iters=2')
    options += ('optim_wrapper.optimizer.lr=.1',)
    command = (sys.executable, tool, config, '--work-dir', work_dir, *options)
    done = run_process(*command, PYTHONPATH=str(REPO))  # the config laid out as ever
    assert done.returncode == 0, done.stderr
    assert 'Could not import OneDL' not in done.stdout
    assert 'Fail to import' not in done.stderr
    assert 'MultiScaleDeformable' not in done.stderr
    assert load(work_dir / 'iter_2.pth')['optimizer']['param_groups']
    assert 'lr=0.1' in (work_dir / 'tiny.py').read_text()

    out, painted = tmp_path / 'labels', tmp_path / 'painted'
    arguments = ('--work-dir', work_dir / 'test', '--out', out, '--show-dir', painted)
    run_tool('test', config, work_dir / 'iter_2.pth', *arguments)
    assert 'weights_only' not in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [f'{i}.png' for i in range(4)]
    assert len(list(painted.rglob('*.png'))) == 4
    (figures,) = (work_dir / 'test').glob('*/*.json')
    assert 'mIoU' in figures.read_text()


AVERAGE = "\ncustom_hooks += [dict(type='EMAHook', momentum=0.5, update_buffers=True)]"


@pytest.mark.parametrize(
    ('workers', 'extra'),
    [
        (0, ''),
        (2, ''),
        (0, AVERAGE),
        pytest.param(0, OF_MMENGINE, marks=LOADS_WHAT_IT_SKIPS),
    ],
    ids=['0', '2', 'average', 'sampler of MMEngine'],
)
def test_resumed_run_equals_uninterrupted_run(
    tiny_config, run_tool, tmp_path, workers, extra
):
    config = tiny_config(workers, extra)
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    run_tool('train', config, '--work-dir', whole)
    torch.rand(3)  # the process's own random state must not matter
    arguments = ('--resume', whole / 'iter_2.pth')
    run_tool('train', config, '--work-dir', resumed, *arguments)
    first, second = load(whole / 'iter_4.pth'), load(resumed / 'iter_4.pth')
    assert_same_states(first, second)
    average = [one.get('ema_state_dict', {}) for one in (first, second)]
    assert bool(average[0]) == (extra == AVERAGE)
    torch.testing.assert_close(*average, rtol=0, atol=0)
    start = load(whole / 'iter_2.pth')['state_dict']
    weight = 'decode_head.conv_seg.weight'
    assert not torch.equal(start[weight], second['state_dict'][weight])


def test_resume_auto_takes_newest_checkpoint_or_starts(tiny_config, run_tool, tmp_path):
    config, work_dir = tiny_config(), tmp_path / 'run'
    short = ('--cfg-options', 'train_cfg.max_iters=2')
    run_tool('train', config, '--work-dir', work_dir, '--resume', *short)
    assert not (work_dir / 'iter_4.pth').exists()
    run_tool('train', config, '--work-dir', work_dir, '--resume')
    logs = ''.join(path.read_text() for path in work_dir.glob('*/*.log'))
    assert 'resumed epoch: 0, iter: 2' in logs
    assert (work_dir / 'iter_4.pth').exists()


def test_resuming_with_other_groups_of_parameters(
    tiny_config, run_tool, tmp_path, capsys
):
    command = ('train', tiny_config(), '--work-dir', tmp_path / 'run')
    run_tool(*command, '--cfg-options', 'train_cfg.max_iters=2')
    with pytest.raises(SystemExit) as stop:
        run_tool(
            *command,
            '--resume',
            '--cfg-options',
            '+optim_wrapper.constructor=MergedGroupsConstructor',
        )
    assert stop.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert 'iter_2.pth' in message and 'optim_wrapper.constructor' in message


def test_an_average_is_resumed_with_its_hook_alone(
    tiny_config, run_tool, tmp_path, capsys
):
    work_dir = ('--work-dir', tmp_path / 'run')
    run_tool(
        'train',
        tiny_config(0, AVERAGE),
        *work_dir,
        '--amp',
        '--cfg-options',
        'train_cfg.max_iters=2',
    )
    with pytest.raises(SystemExit) as stop:
        run_tool('train', tiny_config(), *work_dir, '--resume')
    assert stop.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert 'iter_2.pth' in message and 'EMAHook' in message
    run_tool('train', tiny_config(0, AVERAGE), *work_dir, '--resume')
    logs = ''.join(path.read_text() for path in (tmp_path / 'run').glob('*/*.log'))
    assert 'optim_wrapper.type (BFloat16OptimWrapper, now OptimWrapper)' in logs


def test_amp_on_cpu_runs_in_bfloat16(tiny_config, run_tool, tmp_path, monkeypatch):
    seen = set()
    forward = torch.nn.Conv2d.forward

    def spy(module, inputs):
        output = forward(module, inputs)
        seen.add(output.dtype)
        return output

    monkeypatch.setattr(torch.nn.Conv2d, 'forward', spy)
    arguments = ('--amp', '--cfg-options', 'train_cfg.max_iters=1', 'val_cfg=None')
    arguments += ('val_dataloader=None', 'val_evaluator=None')
    arguments += ('default_hooks.checkpoint.interval=1',)
    run_tool('train', tiny_config(), '--work-dir', tmp_path / 'run', *arguments)
    assert seen == {torch.bfloat16}
    state = load(tmp_path / 'run/iter_1.pth')['state_dict']
    assert state['decode_head.conv_seg.weight'].dtype == torch.float32


def test_tta_with_one_view_is_the_test_without(tiny_config, run_tool, tmp_path):
    """Also where the config has another data_preprocessor beside the model's."""
    extra = """
data_preprocessor = dict(type='SegDataPreProcessor', mean=[99.] * 3, std=[1.] * 3)
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='mmseg.RandomFlip', prob=0.)],
        [dict(type='LoadAnnotations')], [dict(type='mmseg.PackSegInputs')]])]
"""
    config, work_dir = tiny_config(extra=extra), tmp_path / 'run'
    run_tool('train', config, '--work-dir', work_dir)
    found = {}
    for name, switches in dict(plain=[], tta=['--tta']).items():
        folder = tmp_path / name
        run_tool(
            'test', config, work_dir / 'iter_4.pth', *switches, '--work-dir', folder
        )
        found[name] = results_of(folder)
    assert found['tta'] == found['plain']
    assert 'SegTTAModel' in ''.join(p.read_text() for p in tmp_path.glob('tta/*/*.log'))


def results_of(work_dir):
    """The figures of a test, without its times."""
    (file,) = work_dir.glob('2*/2*.json')
    return {k: v for k, v in json.loads(file.read_text()).items() if 'time' not in k}


def test_two_processes_on_cpu(
    tiny_config, run_in_ranks, run_process, run_tool, free_port, tmp_path
):
    # the validation after 2 averages the statistics of batch norm, which differ at 1
    config = tiny_config(
        extra="""
default_hooks['checkpoint']['interval'] = 1
custom_hooks += [dict(type='SyncBuffersHook')]
"""
    )
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    # runs of one second share their name
    name = ('--cfg-options', '+experiment_name=resumed')
    again = [config, '--work-dir', resumed, '--resume', whole / 'iter_1.pth', *name]
    run_in_ranks('train', [config, '--work-dir', whole], again)
    first, second = load(whole / 'iter_4.pth'), load(resumed / 'iter_4.pth')
    assert len(first['random_states']) == 2
    assert_same_states(first, second)

    test = ('bash', REPO / 'tools/dist_test.sh', config, whole / 'iter_4.pth', 2)
    done = run_process(*test, '--work-dir', tmp_path / 'test', PORT=free_port())
    assert done.returncode == 0, done.stderr[-3000:]
    run_tool('test', config, whole / 'iter_4.pth', '--work-dir', tmp_path / 'one')
    assert results_of(tmp_path / 'test') == results_of(tmp_path / 'one')
    assert 'mIoU' in results_of(tmp_path / 'one')


@pytest.mark.parametrize(
    ('script', 'files', 'tool'),
    [
        ('dist_train.sh', ['c.py'], 'train.py'),
        ('dist_test.sh', ['c.py', 'x y.pth'], 'test.py'),
        ('dist_select.sh', ['c.py', 'x.pth'], 'select_samples.py'),
    ],
)
def test_dist_scripts_pass_everything_on(run_process, script, files, tool):
    command = ('bash', REPO / 'tools' / script, *files, 2, '--amp', '--resume')
    done = run_process(*command, PYTHON='echo', PORT='1234', NNODES='3', NODE_RANK='1')
    assert done.returncode == 0, done.stderr
    wanted = (
        '-m mmdepthseg.launch.torchrun --nnodes=3 --node_rank=1 --nproc_per_node=2 '
    )
    assert done.stdout.startswith(wanted + '--master_addr=127.0.0.1 --master_port=1234')
    files = ' '.join(files)
    assert f'tools/{tool} {files} --launcher pytorch --amp --resume' in done.stdout


@pytest.mark.parametrize(
    ('script', 'arguments', 'expected'),
    [
        ('slurm_train.sh', ['c.py', '--amp'], 'train.py c.py'),
        ('slurm_test.sh', ['c.py', 'x.pth', '--tta'], 'test.py c.py x.pth'),
        (
            'slurm_select.sh',
            ['c.py', 'x.pth', '--budget=3'],
            'select_samples.py c.py x.pth',
        ),
    ],
)
def test_slurm_scripts_pass_everything_on(
    run_process, tmp_path, script, arguments, expected
):
    srun = tmp_path / 'bin' / 'srun'
    srun.parent.mkdir()
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(srun.stat().st_mode | stat.S_IXUSR)
    path = f'{srun.parent}{os.pathsep}{os.environ["PATH"]}'
    command = ('bash', REPO / 'tools' / script, 'part', 'job', *arguments)
    done = run_process(*command, PATH=path, GPUS='2')
    assert done.returncode == 0, done.stderr
    assert f'{expected} --launcher slurm {arguments[-1]}' in done.stdout
    assert '-p part --job-name=job --gres=gpu:4 --ntasks=2' in done.stdout


@pytest.mark.parametrize(
    'script',
    [
        'dist_train',
        'dist_test',
        'dist_select',
        'slurm_train',
        'slurm_test',
        'slurm_select',
    ],
)
def test_scripts_explain_their_use(run_process, script):
    done = run_process('bash', REPO / f'tools/{script}.sh', 'config.py')
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
