"""Two ranks learn what one learns from the doubled batch; a dead one ends both.

What is compared, and what cannot be: docs/reliability.md.
"""

import json
import os
import re
import time

import pytest
import torch
from helpers import REPO
from helpers.checkpoints import load
from helpers.selection_runs import BUDGETS
from helpers.tiny_streets import FULL, SDE, STREETS

STEPS = 2
SUPERVISED = STREETS / 'supervised_r18-w16_600it_192x96_n8.py'
MULTI_TASK = STREETS / 'multitask_r18-w16_600it_192x96_n8.py'
TRANSFER = STREETS / 'transfer_r18-w16_600it_192x96_n8.py'
#: Sums are of float64, shares of pixels of float32. Seen: 2e-13 for depth from video,
#: 4e-15 for supervised and transfer, 2e-8 for DepthMix, 7e-11 for multi-task.
TOLERANCE = 1e-6
WRAPPER = """
_base_ = {base!r}
custom_imports = dict(imports=['helpers.exact_steps'])
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ExactStepsHook', out={out!r} + '.seen'),
    dict(type='SameOnAllRanksHook', out={out!r} + '.same')]
optim_wrapper = dict(optimizer=dict(
    _delete_=True, type='SGD', lr=1e-2, momentum=0.9))
model = dict(data_preprocessor=dict(type='DoublePreProcessor'))
# MMEngine keeps visualizers by name for as long as the process lives
visualizer = dict(name={out!r})
"""


@pytest.fixture
def in_double():
    """Models of this process in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def stages(options, tmp_path):
    """Config, options and sizes of a rank's batch of each stage, by name."""
    start = f'{tmp_path}/one/sde/iter_{STEPS}.pth'
    given = [o for o in options['sde'] if '_evaluator' not in o and 'predict' not in o]
    given += ['train_dataloader.dataset.labeled_subset.n=2']
    mean = [*options['full'], 'model.strong_augmentation=[]']
    mean += ['model.mixing.type=PairedDepthMix']
    labels = 'train_dataloader.dataset.sources.mix.data_prefix.sde_disparity_path='
    split = ['+model.split_backward=True']
    split += ['+model_wrapper_cfg.type=mmdepthseg.SplitBackwardDDP']

    def seg(*parts, prefix='model.'):
        whole = f'{prefix}decode_head.loss_decode.avg_non_ignore=False'
        inits = (f'{prefix}{part}.init_cfg.checkpoint={start}' for part in parts)
        return [whole, *inits]

    names = ('backbone', 'decode_head.decoder')
    teacher = 'model.segmentor.'
    full = [*mean, *seg(*names, prefix=teacher), f'{labels}{tmp_path}/labels']
    every = seg(*names, 'depth_head', 'pose_net', prefix=teacher)
    return dict(
        sde=(SDE, options['sde'], (1,)),
        supervised=(SUPERVISED, [*given, *seg()], (1,)),
        transfer=(TRANSFER, [*given, *seg(*names)], (1,)),
        depthmix=(FULL, full, (1, 2)),
        multi_task=(MULTI_TASK, [*mean, *every, *split], (1, 2)),
    )


def arguments(stage, folder, ranks):
    """Of a training in which all ranks together see as many images."""
    config, given, sizes = stage
    folder.parent.mkdir(exist_ok=True)
    wrapper = folder.with_suffix('.py')
    wrapper.write_text(WRAPPER.format(base=str(config), out=str(folder)))
    sizes = [size * 2 // ranks for size in sizes]
    changes = [f'train_dataloader.batch_size={sum(sizes)}']
    if len(sizes) > 1:
        changes += [f'train_dataloader.sampler.source_counts={sizes}'.replace(' ', '')]
    changes += [f'train_cfg.max_iters={STEPS}', f'train_cfg.val_interval={STEPS}']
    changes += [f'default_hooks.checkpoint.interval={STEPS}']
    changes += ['default_hooks.logger.interval=1']
    return [wrapper, '--work-dir', folder, '--cfg-options', *given, *changes]


def figures(folder):
    """What the validation has measured."""
    (log,) = folder.glob('2*/vis_data/scalars.json')
    last = json.loads(log.read_text().splitlines()[-1])
    return {key: value for key, value in last.items() if 'time' not in key}


def test_every_stage_equals_one_rank(
    in_double, stages, run_tool, run_in_ranks, options, tmp_path
):
    one, two = tmp_path / 'one', tmp_path / 'two'
    for name, stage in stages.items():
        run_tool('train', *arguments(stage, one / name, 1))
        if name == 'sde':
            given = (SDE, one / f'sde/iter_{STEPS}.pth', '--out', tmp_path / 'labels')
            run_tool('generate_depth', *given, '--cfg-options', *options['sde'])
    calls = (arguments(stage, two / name, 2) for name, stage in stages.items())
    run_in_ranks('train', *calls, imports='helpers.in_double')
    for name in stages:
        assert (two / f'{name}.same').read_text() == 'same 2'
        for rank in range(2):
            assert not (two / f'{name}.same.exit{rank}').read_text()
        assert torch.load(one / f'{name}.seen') == torch.load(two / f'{name}.seen')
        first, second = (states(folder / name) for folder in (one, two))
        assert differences(first, second) == {}, name
        assert figures(one / name) == pytest.approx(figures(two / name), abs=0.011)


def differences(first, second):
    """Entries whose largest difference is too large a share of the largest value."""
    assert first.keys() == second.keys()
    shares = {
        name: float((value - second[name]).abs().max() / value.abs().max())
        for name, value in first.items()
        if value.abs().max() > 0
    }
    return {name: share for name, share in shares.items() if share > TOLERANCE}


def states(folder):
    """Momenta of the optimiser (sums of gradients), and entries of the model."""
    checkpoint = load(folder / f'iter_{STEPS}.pth')
    momenta = checkpoint['optimizer']['state']
    found = {f'momentum {i}': s['momentum_buffer'] for i, s in momenta.items()}
    model = checkpoint['state_dict'].items()
    return found | {k: v for k, v in model if v.is_floating_point()}


FAILING = """
custom_imports = dict(imports=['mmdepthseg.plugin', 'helpers.failing_rank'])
custom_hooks += [dict(type='FailingRankHook', how={how!r})]
"""
ENDS = dict(
    killed=('rank 1 was ended by SIGKILL', 137),
    refused=('rank 1 failed with exit code 2', 2),
    broken=('rank 1 failed with exit code 1', 1),
)


def ended(run_process, port, *command):
    """The end of a command, which does not come if it hangs; `-s` shows how soon."""
    folders = os.pathsep.join([str(REPO / 'tests'), os.environ['PYTHONPATH']])
    limited = ('timeout', '--kill-after=5', '300', 'bash', *command)
    done = run_process(*limited, PORT=port, PYTHONPATH=folders)
    (died,) = re.findall(r'dies at (\S+)', done.stderr)
    print(f'ended {time.time() - float(died):.1f} s after rank 1')
    return done.stderr.splitlines()[-1], done


@pytest.mark.parametrize(
    'how', ['killed', *(pytest.param(h, marks=pytest.mark.long) for h in [*ENDS][1:])]
)
def test_a_dead_rank_ends_the_training(
    how, tiny_config, run_process, free_port, tmp_path
):
    config = tiny_config(extra=FAILING.format(how=how))
    command = (REPO / 'tools/dist_train.sh', config, 2, '--work-dir', tmp_path / 'run')
    line, done = ended(run_process, free_port(), *command)
    said, code = ENDS[how]
    assert done.returncode == code, done.stderr[-3000:]
    assert said in line
    assert how == 'killed' or 'rank 1 must not go on' in done.stderr


@pytest.mark.long
def test_a_dead_rank_ends_a_selection(select_world, run_process, free_port, tmp_path):
    """While both train a student."""
    config = tmp_path / 'select.py'
    config.write_text(
        f"_base_ = '{select_world}/select.py'\n"
        "custom_imports = dict(imports=['mmdepthseg.plugin', 'helpers.failing_rank'])\n"
        "custom_hooks = [dict(type='FailingRankHook', how='killed')]\n"
    )
    line, done = ended(
        run_process,
        free_port(),
        *(REPO / 'tools/dist_select.sh', config, select_world / 'teacher_0.pth', 2),
        *('--no-page', '--method', 'ds_us', '--seed', 5, *BUDGETS),
        *('--out', tmp_path / 'out', '--cfg-options', 'selection.student_ranks=all'),
        f'selection.teacher={select_world}/teacher.py',
    )
    assert 'rank 1 was ended by SIGKILL' in line, done.stderr[-3000:]
    assert done.returncode == 137 and not (tmp_path / 'out/selection.json').exists()
