import random

import numpy as np
import torch
from torch.utils.data import DataLoader

from mmdepthseg.datasets import ClipDataset, ResumableInfiniteSampler, SeedBySample
from mmdepthseg.datasets.samplers import StreamIndex


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def seeded(pos, seed=1, own=None):
    SeedBySample(own)(dict(sample_idx=StreamIndex(0, pos, seed)))
    return draws()


def test_draws_depend_on_position_and_seed_only():
    assert seeded(3) == seeded(3)
    assert len({seeded(3), seeded(4), seeded(3, seed=2), seeded(3, own=9)}) == 4
    assert seeded(3, seed=2, own=9) == seeded(3, seed=5, own=9)
    assert len(set(seeded(3))) == 3


def test_without_position_nothing_is_seeded():
    seeded(3)
    before = draws()
    seeded(3)
    SeedBySample()(dict(sample_idx=0))
    assert draws() == before


def test_resumed_loader_repeats_the_augmentation(clip_root):
    """Uninterrupted with 0 workers, resumed with 2: the same crops and flips."""
    dataset = ClipDataset(
        data_root=str(clip_root),
        pipeline=[
            dict(type='SeedBySample'),
            dict(type='LoadImageFromFile'),
            dict(type='RandomCrop', crop_size=(6, 8)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDepthSegInputs'),
        ],
    )
    assert len(dataset) == 7

    def run(skip, count, workers):
        sampler = ResumableInfiniteSampler(dataset, seed=4)
        sampler.skip(skip * 2)
        loader = DataLoader(
            dataset, batch_size=2, sampler=sampler, num_workers=workers, collate_fn=list
        )
        found = []
        for batch, _ in zip(loader, range(count)):
            found += [
                (
                    s['inputs']['img'].sum().item(),
                    s['data_samples'].metainfo['flip'],
                    s['data_samples'].metainfo['img_id'],
                )
                for s in batch
            ]
        return found

    whole = run(0, 8, 0)
    assert run(5, 3, 2) == whole[10:]
    assert len({flip for _, flip, _ in whole}) == 2
