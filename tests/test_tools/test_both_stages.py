"""Both stages on tiny streets through the tools: depth from video, then DepthMix."""

import re
import shlex

import cv2
import numpy as np
import pytest
import torch
from helpers.tiny_streets import FULL, ITERS, SDE, full_options, make_labels

from mmdepthseg.experiments.sheet import draw_demo_sheet

BACKBONES = {
    'mit-b0': (
        dict(
            type='MixVisionTransformer',
            in_channels=3,
            embed_dims=32,
            num_stages=4,
            num_layers=[2, 2, 2, 2],
            num_heads=[1, 2, 5, 8],
            patch_sizes=[7, 3, 3, 3],
            sr_ratios=[8, 4, 2, 1],
            out_indices=(0, 1, 2, 3),
            mlp_ratio=4,
            qkv_bias=True,
        ),
        [32, 64, 160, 256],
    ),
    'mobilenet-v2': (
        dict(
            type='MobileNetV2',
            widen_factor=0.5,
            out_indices=(1, 2, 4, 6),
            norm_cfg=dict(type='BN'),
        ),
        [16, 16, 48, 160],
    ),
}


def test_both_stages(run_tool, options, tmp_path, capfd):
    sde = ('--cfg-options', *options['sde'])
    run_tool('train', SDE, '--work-dir', tmp_path / 'sde', *sde)
    printed = capfd.readouterr()
    line = r'then +python tools/generate_depth.py (.*)'
    then = re.search(line, printed.out + printed.err)
    make_labels(run_tool, options, tmp_path)
    labels = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob('labels/*/*.png')}
    assert len(labels) == 3
    again = shlex.split(then[1].replace('FOLDER', str(tmp_path / 'labels')))
    run_tool('generate_depth', *again)  # as the training's summary says
    assert re.search('0 .*labels.* 3 ', capfd.readouterr().out)
    assert labels == {
        p.name: p.stat().st_mtime_ns for p in tmp_path.glob('labels/*/*.png')
    }
    full = full_options(options, tmp_path)
    run_tool('train', FULL, '--work-dir', tmp_path / 'full', '--cfg-options', *full)
    printed = capfd.readouterr()
    assert 'mix.loss_pseudo' in printed.out + printed.err
    assert 'teacher/mIoU' in printed.out + printed.err
    state = torch.load(tmp_path / f'full/iter_{ITERS}.pth', weights_only=False)
    names = set(state['state_dict'])
    assert {n.split('.')[0] for n in names} == {'student', 'teacher'}
    run_tool(
        'test',
        FULL,
        tmp_path / f'full/iter_{ITERS}.pth',
        '--work-dir',
        tmp_path / 'test',
        '--out',
        tmp_path / 'maps',
        '--show-dir',
        tmp_path / 'show',
        '--cfg-options',
        *full,
        # MMEngine keeps visualizers by name for as long as the process lives
        f'visualizer.name={tmp_path.name}',
    )
    printed = capfd.readouterr()
    assert 'student/mIoU' in printed.out + printed.err
    check_outputs(tmp_path)
    draw_sheet(tmp_path)


def check_outputs(folder):
    """A map and a picture of the validation image for each of the networks."""
    (shown,) = (folder / 'show').rglob('vis_image')
    for root, stage in ((folder / 'maps', ''), (shown, 'test/')):
        found = [p.relative_to(root).as_posix() for p in root.rglob('*.png')]
        assert all(name.startswith(stage) for name in found)
        networks = sorted(name.removeprefix(stage).split('/')[0] for name in found)
        assert networks == ['student', 'teacher']


def draw_sheet(folder):
    """The demo's picture of what both stages left in a folder."""
    stages = {
        name: (
            str(next((folder / name).glob('*.py'))),
            str(folder / name / f'iter_{ITERS}.pth'),
        )
        for name in ('sde', 'full')
    }
    for name in ('sheet', 'again'):
        draw_demo_sheet(
            folder / f'{name}.png',
            stages['sde'],
            dict(Full=stages['full']),
            folder / 'labels',
            examples=1,
        )
    sheet = cv2.imread(str(folder / 'sheet.png'))
    assert (folder / 'again.png').read_bytes() == (folder / 'sheet.png').read_bytes()
    # image, two labels and two depths in a row, then two rows of a mixture
    assert sheet.shape[1] >= 5 * 96 and sheet.shape[0] >= 3 * 48
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100


def test_damaged_depth_labels_stop_the_second_stage(run_tool, options, tmp_path, capfd):
    run_tool(
        'train', SDE, '--work-dir', tmp_path / 'sde', '--cfg-options', *options['sde']
    )
    make_labels(run_tool, options, tmp_path)
    label = next(tmp_path.glob('labels/*/*.png'))
    label.write_bytes(label.read_bytes()[:-10])
    with pytest.raises(SystemExit) as stop:
        run_tool(
            'train',
            FULL,
            '--work-dir',
            tmp_path / 'full',
            '--cfg-options',
            *full_options(options, tmp_path),
        )
    assert stop.value.code == 2
    error = capfd.readouterr().err
    assert 'truncated' in error and label.stem in error


@pytest.mark.parametrize('name', list(BACKBONES))
def test_another_backbone_by_config_lines_only(name, run_tool, options, tmp_path):
    backbone, channels = BACKBONES[name]
    decoder = dict(in_channels=channels, channels=[8] * 5, aspp_rates=[1, 2])
    sde = tmp_path / 'sde.py'
    sde.write_text(
        f"_base_ = '{SDE}'\n"
        f'model = dict(backbone=dict(_delete_=True, **{backbone}),\n'
        f'             depth_head=dict(decoder={decoder}))\n'
    )
    full = tmp_path / 'full.py'
    init = 'dict(type="Pretrained", checkpoint="", prefix="backbone.")'
    full.write_text(
        f"_base_ = '{FULL}'\n"
        'model = dict(segmentor=dict(\n'
        f'    backbone=dict(_delete_=True, init_cfg={init}, **{backbone}),\n'
        f'    decode_head=dict(in_channels={channels}, decoder=dict(\n'
        '        channels=[8] * 5, aspp_rates=[1, 2]))))\n'
    )
    run_tool(
        'train', sde, '--work-dir', tmp_path / 'sde', '--cfg-options', *options['sde']
    )
    make_labels(run_tool, options, tmp_path, sde)
    run_tool(
        'train',
        full,
        '--work-dir',
        tmp_path / 'full',
        '--cfg-options',
        *full_options(options, tmp_path),
    )
    trained = torch.load(tmp_path / f'full/iter_{ITERS}.pth', weights_only=False)
    assert all(torch.isfinite(v).all() for v in trained['state_dict'].values())
