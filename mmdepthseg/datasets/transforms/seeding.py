"""Random numbers that depend only on a sample's position in the stream."""

import logging
import random

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmdepthseg.datasets.samplers.stream_index import StreamIndex
from mmdepthseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeedBySample(BaseTransform):
    """Seed `random`, numpy and torch from the sample's position in the stream.

    Put it first in the pipeline. Augmentation is then the same for any number of
    workers, and continues exactly after a resume, where MMEngine would repeat the
    first augmentations of the run (workers restart from their own seeds).

    The position comes with the indices of `ResumableInfiniteSampler` and
    `MultiSourceSampler`; samples without one (validation, browsing) use
    the global generators, which is logged once.

    With `num_workers=0` the generators of the training process itself are seeded, so
    the model's random numbers (dropout, noise) depend only on the samples, too.

    Args:
        seed: None: the sampler's seed, which is that of the run.
    """

    _warned = False

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Seed the generators."""
        index = results.get('sample_idx')
        if not isinstance(index, StreamIndex):
            self._warn()
            return results
        seed = index.seed if self.seed is None else self.seed
        sequence = np.random.SeedSequence([seed, index.pos])
        python, legacy, torch_seed = sequence.generate_state(3).tolist()
        random.seed(python)
        np.random.seed(legacy)
        torch.manual_seed(torch_seed)
        return results

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            print_log(
                'SeedBySample: an index carries no position: that of a sample in the '
                'place of a broken one, or of another sampler than '
                'ResumableInfiniteSampler and MultiSourceSampler, which resume exactly',
                logger='current',
                level=logging.WARNING,
            )
