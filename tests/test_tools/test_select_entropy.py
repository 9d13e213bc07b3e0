"""`--method entropy`: a segmentation student, which needs labels of what is chosen."""

import json

import numpy as np
from helpers import REPO
from helpers.tiny_streets import ITERS

CONFIG = 'configs/streets/select-entropy_r18-w16_192x96.py'


def test_entropy(streets, run_tool, tmp_path):
    arguments = (
        REPO / CONFIG,
        '--method',
        'entropy',
        '--budget',
        1,
        2,
        '--seed',
        3,
        '--out',
        tmp_path / 'out',
        '--device',
        'cpu',
    )
    options = [
        f'{part}_dataloader.dataset.data_root={streets}'
        for part in ('predict', 'train')
    ]
    run_tool(
        'select_samples',
        *arguments,
        '--num-workers',
        0,
        '--cfg-options',
        *options,
        f'selection.iterations={ITERS}',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
    )
    record = json.loads((tmp_path / 'out/selection.json').read_text())
    first = np.random.RandomState(3).permutation(3)[0]
    assert record['order'][0] == first and record['score'][0] is None
    scores = np.load(tmp_path / 'out/scores/1/scores.npy')
    rest = [row for row in range(3) if row != first]
    assert record['order'][1] == rest[int(scores.argmax())]
    assert 0 < record['score'][1] <= 1
    assert not (tmp_path / 'out/depth_labels').exists()
