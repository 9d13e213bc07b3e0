"""Entries of a checkpoint beside those of a model."""

import torch
from torch import nn

from mmdepthseg.checkpoints.matching import match_checkpoint


def test_every_kind_of_difference_is_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    entries = {f'module.{name}': value for name, value in model.state_dict().items()}
    assert match_checkpoint(model, dict(state_dict=entries)).share == 1
    entries['module.0.weight'] = torch.zeros(3, 4)
    del entries['module.2.bias'], entries['module.1.num_batches_tracked']
    entries.update({f'extra{number}': torch.zeros(1) for number in range(6)})
    match = match_checkpoint(model, entries)
    assert match.share == 6 / 8
    assert match.differences() == [
        'other shape (model != checkpoint): 0.weight (3, 2) != (3, 4)',
        'not in the checkpoint: 2.bias',
        'not in the model: extra0, extra1, extra2, extra3 and 2 more',
    ]
    assert 'extra5' in match.differences(6)[-1]
    assert match.describe() == '; '.join(match.differences())
