"""tools/analysis_tools/benchmark_step.py on both stages."""

import json
from pathlib import Path

import pytest
import torch

from mmdepthseg.engine.optim import BFloat16OptimWrapper

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/streets'
SDE = CONFIGS / 'sde_r18-w16_500it_192x96.py'
TOOL = 'analysis_tools/benchmark_step'


def test_amp_and_the_settings_of_the_config(
    run_tool, options, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', False)
    used = []
    backward = BFloat16OptimWrapper.backward
    monkeypatch.setattr(
        BFloat16OptimWrapper,
        'backward',
        lambda self, *args, **kwargs: (used.append(1), backward(self, *args, **kwargs)),
    )
    run_tool(
        TOOL,
        SDE,
        '--iters',
        2,
        '--warmup',
        0,
        '--amp',
        '--json',
        tmp_path / 'figures.json',
        '--cfg-options',
        *options['sde'],
        'train_dataloader.batch_size=1',
        '+env_cfg.cudnn_benchmark=True',
    )
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert figures['ratio'] > 0 and figures['parts_s']['student forward'] > 0
    # this process may have had as much memory before
    assert figures['peak_memory_gib'] > max(0, figures['peak_above_import_gib'])
    assert torch.backends.cudnn.benchmark
    assert len(used) == 2
    assert 'amp, ' in capsys.readouterr().out


def test_the_samples_tell_their_offsets(run_tool, options, monkeypatch):
    from mmdepthseg.models.heads import PoseNet

    seen = set()
    transforms = PoseNet.source_transforms

    def spy(self, batch, offsets):
        seen.add(offsets)
        return transforms(self, batch, offsets)

    monkeypatch.setattr(PoseNet, 'source_transforms', spy)
    run_tool(
        TOOL,
        SDE,
        '--iters',
        1,
        '--warmup',
        0,
        '--cfg-options',
        *options['sde'],
        'train_dataloader.dataset.offsets=[1]',
    )
    assert seen == {(1,)}


def test_feature_distance_without_weights_to_read(run_tool, options, tmp_path, capsys):
    config = tmp_path / 'feature_distance.py'
    config.write_text(
        f"_base_ = '{SDE}'\n"
        "model = dict(loss_feature=dict(type='FeatureDistanceLoss', encoder=dict(\n"
        "    init_cfg=dict(type='Pretrained', checkpoint='nowhere.pth'),\n"
        '    **_base_.model.backbone)))\n'
    )
    run_tool(
        TOOL, config, '--iters', 1, '--warmup', 0, '--cfg-options', *options['sde']
    )
    assert 'whole step' in capsys.readouterr().out


def test_errors_are_one_line(run_tool, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run_tool(TOOL, tmp_path / 'none.py')
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith('error: config not found')
