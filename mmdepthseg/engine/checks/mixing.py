"""Check that mix images have what a mixer needs; see `CheckStartHook`."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmdepthseg.datasets.samplers import MultiSourceSampler
from mmdepthseg.utils.errors import UserError


def check_mixing(samples: Mapping[str, Mapping], loader: Any, model: nn.Module) -> None:
    """Refuse mix images that cannot be mixed; training would stop after the burn-in.

    Args:
        samples: Key of each source -> its first sample (`check_sample`).
        loader: The training's data loader.
        model: Not wrapped; other models than mean teachers are not checked.

    Raises:
        UserError: A mixer that uses stored depth gets none from a source, or one that
            mixes each image with the next gets a single one.
    """
    mixing = getattr(model, 'mixing', None)
    mixed = {
        key: getattr(sample.get('data_samples'), 'metainfo', {}).get('branch') == 'mix'
        for key, sample in samples.items()
    }
    if mixing is None or not any(mixed.values()):
        return
    name = type(mixing).__name__
    needed = getattr(model, 'needs_depth_labels', False)
    for key, sample in samples.items():
        lacks = mixed[key] and 'disparity_map' not in sample['data_samples']
        if lacks and needed:
            raise UserError(
                f'{key}: {name} needs the disparity of mix images, which this pipeline '
                'does not give: add LoadSDEDisparity to it and end it with '
                'PackDepthSegInputs, which keeps it'
            )
    sampler = getattr(loader, 'sampler', None)
    if isinstance(sampler, MultiSourceSampler) and len(sampler.counts) == len(mixed):
        count = sum(n for n, is_mix in zip(sampler.counts, mixed.values()) if is_mix)
        if count < 2 and not getattr(mixing, 'accepts_single', True):
            raise UserError(
                f'train_dataloader.sampler.source_counts: {name} mixes each image with '
                'the next one, but a batch has a single mix image: raise the count and '
                'batch_size, or use NoMix'
            )
