"""The two phases of depth pre-training through the tools, on tiny streets."""

import copy

import torch
from helpers.tiny_streets import ITERS, STREETS

from mmdepthseg.apis import load_model
from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS

PRETRAINED = STREETS / 'supervised_r18-w16_600it_192x96_n8.py'
PHASE_1 = STREETS / 'sde-phase1_r18-w16_900it_192x96.py'
PHASE_2 = STREETS / 'sde-phase2-fd_r18-w16_300it_192x96.py'


def state_of(path):
    return torch.load(path, weights_only=False)['state_dict']


def backbone_of(state):
    return {
        name: value for name, value in state.items() if name.startswith('backbone.')
    }


def test_both_phases(run_tool, options, tmp_path, capfd):
    register_all_modules()
    start = tmp_path / 'pretrained.pth'
    model = MODELS.build(copy.deepcopy(load_config(PRETRAINED).model))
    torch.save(dict(state_dict=model.state_dict()), start)
    common = [
        *options['sde'],
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        f'model.backbone.init_cfg.checkpoint={start}',
        f'model.pose_net.backbone.init_cfg.checkpoint={start}',
    ]
    run_tool('train', PHASE_1, '--work-dir', tmp_path / 'one', '--cfg-options', *common)
    first = state_of(tmp_path / f'one/iter_{ITERS}.pth')
    frozen = backbone_of(model.state_dict())
    assert frozen.keys() == backbone_of(first).keys()
    assert all(torch.equal(value, first[name]) for name, value in frozen.items())

    phase_2 = [
        *common,
        'default_hooks.checkpoint.interval=1',
        f'model.loss_feature.encoder.init_cfg.checkpoint={start}',
        f'load_from={tmp_path}/one/iter_{ITERS}.pth',
    ]
    run_tool(
        'train',
        PHASE_2,
        '--work-dir',
        tmp_path / 'two',
        '--amp',
        '--cfg-options',
        *phase_2,
    )
    printed = capfd.readouterr()
    assert 'feature.loss_distance' in printed.out + printed.err
    second = state_of(tmp_path / f'two/iter_{ITERS}.pth')
    assert second.keys() == first.keys()  # no frozen encoder in it
    assert not any(
        torch.equal(value, second[name])
        for name, value in frozen.items()
        if name.endswith('conv1.weight') or name.endswith('running_var')
    )

    run_tool(
        'train',
        PHASE_2,
        '--work-dir',
        tmp_path / 'resumed',
        '--amp',
        '--resume',
        tmp_path / 'two/iter_1.pth',
        '--cfg-options',
        *phase_2,
    )
    resumed = state_of(tmp_path / f'resumed/iter_{ITERS}.pth')
    assert all(torch.equal(second[name], resumed[name]) for name in second)

    start.unlink()  # whoever only predicts does not need it
    load_model(str(PHASE_2), tmp_path / f'two/iter_{ITERS}.pth')
