"""Depth from a folder of clips, as the guide for one's own video has it."""

import json
import re

import cv2
import numpy as np
import pytest
import torch
from helpers import REPO

CONFIG = REPO / 'configs/clips/sde_lite0_1k_320x160.py'


def test_own_clips_and_depth_labels(run_tool, tmp_path, capfd):
    random = np.random.default_rng(0)
    frames = tmp_path / 'clips/ride/frames'
    frames.mkdir(parents=True)
    for i in (1, 2, 10, 11):
        image = random.integers(0, 256, (40, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(frames / f'{i}.JPG'), image)
    camera = dict(K=[[60, 0, 39.5], [0, 60, 19.5], [0, 0, 1]], width=80, height=40)
    (frames.parent / 'intrinsics.json').write_text(json.dumps(camera))
    data = [
        f'{split}_dataloader.dataset.data_root={tmp_path}/clips'
        for split in ('train', 'predict')
    ]
    options = (
        '--cfg-options',
        *data,
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'predict_dataloader.num_workers=0',
    )
    run_tool(
        'train',
        CONFIG,
        '--work-dir',
        tmp_path / 'sde',
        *options,
        'train_cfg.max_iters=1',
        'param_scheduler.CosineAnnealingLR.begin=0',
        'default_hooks.checkpoint.interval=1',
    )
    checkpoint = tmp_path / 'sde/iter_1.pth'
    state = torch.load(checkpoint, weights_only=False)['state_dict']
    assert all(torch.isfinite(v).all() for v in state.values())

    out = tmp_path / 'labels'
    labels = ('generate_depth', CONFIG, checkpoint, '--out', out)
    run_tool(*labels, *options)
    names = sorted(p.name for p in out.glob('ride/*.png'))
    assert names == ['1.png', '10.png', '11.png', '2.png']

    capfd.readouterr()
    cv2.imwrite(str(frames / '2.JPG'), np.zeros((40, 80, 3), np.uint8))
    run_tool(*labels, *options)
    assert re.search('1 .*labels.* 3 ', capfd.readouterr().out)

    changed = (*options, 'model.data_preprocessor.mean=[60,60,60]')
    with pytest.raises(SystemExit):
        run_tool(*labels, *changed)
    assert 'model.data_preprocessor.mean' in capfd.readouterr().err
    with pytest.raises(SystemExit):  # an option of the other config
        run_tool(*labels, '--model-config', CONFIG, *changed)
    assert '--model-config' in capfd.readouterr().err

    (out / 'ride/notes.txt').write_text('mine')
    run_tool(*labels, '--overwrite', *changed)
    assert '4 depth labels written' in capfd.readouterr().out
    # killed, the same line goes on
    run_tool(*labels, '--overwrite', *changed)
    assert '0 depth labels written, 4 were there' in capfd.readouterr().out
    assert (out / 'ride/notes.txt').read_text() == 'mine'
