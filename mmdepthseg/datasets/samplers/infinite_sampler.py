"""An infinite sampler that resumes exactly."""

from collections.abc import Iterator
from itertools import islice

from mmengine.dataset import InfiniteSampler

from mmdepthseg.datasets.samplers.stream_index import SkippingSampler, StreamIndex
from mmdepthseg.registry import DATA_SAMPLERS
from mmdepthseg.utils.errors import UserError


@DATA_SAMPLERS.register_module()
class ResumableInfiniteSampler(SkippingSampler, InfiniteSampler):
    """MMEngine's `InfiniteSampler` whose indices carry their position in the stream.

    The order is the parent's for the same seed. The parent yields plain ints, so random
    augmentation cannot be replayed after a resume, and OpenMMLab's release of it has no
    `skip`. Each iteration starts at the position that `skip` set.

    Args:
        dataset: Anything with a length.
        shuffle: Draw a new permutation for every round.
        seed: The same on all ranks; None: drawn and shared.

    Raises:
        UserError: The data set is empty.
    """

    def __init__(self, dataset, shuffle: bool = True, seed: int | None = None) -> None:
        if len(dataset) == 0:
            raise UserError('ResumableInfiniteSampler: the data set is empty')
        super().__init__(dataset, shuffle=shuffle, seed=seed)
        self.start = 0

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of this rank from the start position on, without end."""
        stream = islice(self._indices_of_rank(), self.start, None)
        for count, index in enumerate(stream, self.start):
            yield StreamIndex(index, count * self.world_size + self.rank, self.seed)
