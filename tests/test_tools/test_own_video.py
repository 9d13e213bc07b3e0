"""Own clips with labels of own classes, from video to DepthMix, through the tools."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from helpers import REPO

CONFIGS = REPO / 'configs/clips'
NAME = '{}_r18-w16_{}_320x160.py'
#: Name of the configs, iterations of segmentation, samples of each source in a batch:
#: those of the README, and those from scratch.
KINDS = [('lite0', '900it', (2, 1, 1)), ('r18-w16', '600it', (2, 2))]
ITERS = 2


@pytest.fixture
def clips(streets, tmp_path):
    """Three clips of the streets' frames; each clip's middle frame has a label."""
    root = tmp_path / 'clips'
    sequences = {}
    for image in sorted((streets / 'leftImg8bit_sequence/train').rglob('*.png')):
        city, sequence, frame, _ = image.stem.split('_')
        sequences.setdefault(f'{city}_{sequence}', []).append((frame, image))
    for clip, frames in sequences.items():
        for frame, image in frames:
            (root / clip / 'frames').mkdir(parents=True, exist_ok=True)
            shutil.copy(image, root / clip / 'frames' / f'{frame}.png')
        (root / clip / 'intrinsics.json').write_text(
            json.dumps(
                dict(K=[[90, 0, 48], [0, 90, 24], [0, 0, 1]], width=96, height=48)
            )
        )
        frame, image = frames[len(frames) // 2]
        label = np.zeros((48, 96), np.uint8)
        label[24:] = 1
        label[:2] = 255
        (root / clip / 'labels').mkdir()
        assert cv2.imwrite(str(root / clip / 'labels' / f'{frame}.png'), label)
    return root


@pytest.fixture
def own_configs(clips, tmp_path):
    """A copy of the configs in which the one file to edit is edited."""
    shutil.copytree(REPO / 'configs', tmp_path / 'configs')
    path = tmp_path / 'configs/_base_/datasets/clips.py'
    text = path.read_text()
    *_, last = sorted(p.name for p in clips.iterdir())
    for old, new in (
        ("'data/clips'", f"'{clips}'"),
        ('(320, 160)', '(96, 64)'),
        (
            "('road', 'pavement', 'building', 'vehicle', 'person', 'other')",
            "('road', 'other')",
        ),
        ('val_clips = []', f"val_clips = ['{last}']"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return tmp_path / 'configs/clips'


def options(*more):
    return [
        '--cfg-options',
        f'train_cfg.max_iters={ITERS}',
        f'default_hooks.checkpoint.interval={ITERS}',
        'default_hooks.logger.interval=1',
        'train_dataloader.num_workers=0',
        *more,
    ]


@pytest.mark.parametrize(('network', 'length', 'counts'), KINDS, ids=['lite0', 'r18'])
def test_from_video_to_depthmix(
    network, length, counts, own_configs, clips, run_tool, tmp_path, capfd
):
    segmentation = (
        f'train_cfg.val_interval={ITERS}',
        'val_dataloader.num_workers=0',
    )
    sde = own_configs / f'sde_{network}_1k_320x160.py'
    # longer than this training
    warm_up = ['param_scheduler.CosineAnnealingLR.begin=0'] * (network == 'lite0')
    run_tool(
        'train',
        sde,
        '--work-dir',
        tmp_path / 'sde',
        *options('train_dataloader.batch_size=2', *warm_up),
    )
    checkpoint = tmp_path / f'sde/iter_{ITERS}.pth'
    run_tool(
        'generate_depth',
        sde,
        checkpoint,
        '--out',
        tmp_path / 'clips_depth_labels',
        '--num-workers',
        0,
    )
    chosen, *_ = sorted(
        f'{label.parts[-3]}/{label.stem}' for label in clips.rglob('labels/*.png')
    )
    (tmp_path / 'budget_1.txt').write_text(f'{chosen}\n')
    run_tool(
        'train',
        own_configs / f'transfer_{network}_{length}_320x160.py',
        '--work-dir',
        tmp_path / 'transfer',
        *options(
            f'train_dataloader.dataset.labeled_subset.ann_file={tmp_path}/budget_1.txt',
            f'model.backbone.init_cfg.checkpoint={checkpoint}',
            f'model.decode_head.decoder.init_cfg.checkpoint={checkpoint}',
            *segmentation,
        ),
    )
    start = 'default_hooks.mean_teacher.burn_in=0'
    if network == 'r18-w16':
        finished = tmp_path / f'transfer/iter_{ITERS}.pth'
        start = f'model.segmentor.init_cfg.checkpoint={finished}'
    run_tool(
        'train',
        own_configs / f'depthmix_{network}_{length}_320x160.py',
        '--work-dir',
        tmp_path / 'depthmix',
        *options(
            start,
            'train_dataloader.batch_size=4',
            f'train_dataloader.sampler.source_counts={[*counts]}'.replace(' ', ''),
            *segmentation,
        ),
    )
    printed = capfd.readouterr()
    printed = printed.out + printed.err
    assert '1 samples: 1 labels' in printed
    # two training clips of three frames, one of them labelled
    assert '6 samples: 2 labels, 6 cameras, 6 depth' in printed
    assert 'mix.loss_pseudo' in printed and 'teacher/mIoU' in printed
    state = torch.load(tmp_path / f'depthmix/iter_{ITERS}.pth', weights_only=False)
    weight = state['state_dict']['teacher.module.decode_head.conv_seg.weight']
    assert len(weight) == 2 and torch.isfinite(weight).all()


def test_transfer_from_depth_that_one_has(
    own_configs, clips, run_tool, call_tool, tmp_path
):
    """Maps, half of each unmeasured, become labels of which a network learns."""
    for image in clips.rglob('frames/*.png'):
        depth = np.full((48, 96), 5, np.float32)
        depth[:24] = np.nan
        path = tmp_path / 'maps' / image.parts[-3] / f'{image.stem}.npy'
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, depth)
    labels = tmp_path / 'clips_depth_labels'
    known = ('--kind', 'depth', '--images', clips, '--out', labels)
    done = call_tool('import_depth', tmp_path / 'maps', *known)
    assert done.returncode == 0, done.stderr
    config = own_configs / NAME.format('depth-labels', '1k')
    given = options('train_dataloader.batch_size=2')
    run_tool('train', config, '--work-dir', tmp_path / 'sde', *given)
    (log,) = (tmp_path / 'sde').glob('2*/vis_data/scalars.json')
    losses = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(0 < line['depth.loss_disparity'] < 1 for line in losses)
    checkpoint = tmp_path / f'sde/iter_{ITERS}.pth'
    run_tool(
        'train',
        own_configs / NAME.format('transfer', '600it'),
        *('--work-dir', tmp_path / 'transfer'),
        *options(
            f'model.backbone.init_cfg.checkpoint={checkpoint}',
            f'model.decode_head.decoder.init_cfg.checkpoint={checkpoint}',
            f'train_cfg.val_interval={ITERS}',
            'val_dataloader.num_workers=0',
        ),
    )
    assert (tmp_path / f'transfer/iter_{ITERS}.pth').is_file()
