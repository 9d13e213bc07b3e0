"""Random numbers that depend on the sample's place in the stream only."""

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

    First in the pipeline. Augmentation is then the same whatever the number of
    workers, and goes on exactly after a resume, where MMEngine would play the run's
    first augmentations again (workers restart from their own seeds).

    The position comes with the indices of `ResumableInfiniteSampler` and
    `MultiSourceSampler`; samples without one (validation, browsing) are left
    to the global generators, which is said once.

    With `num_workers=0` the training process's own generators are seeded: what the
    model draws (dropout, noise) then depends on the samples alone too.

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
                'SeedBySample: indices carry no position; use '
                'ResumableInfiniteSampler or MultiSourceSampler for an exact resume.',
                logger='current',
                level=logging.WARNING,
            )
