"""Batches with a fixed number of samples from each of several data sets."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmdepthseg.datasets.class_pixels import class_pixels
from mmdepthseg.datasets.samplers.stream_index import SkippingSampler, StreamIndex
from mmdepthseg.registry import DATA_SAMPLERS
from mmdepthseg.utils.errors import UserError, check_keys, refuse


class SourceStream:
    """An endless sequence of permutations of one source, with random access.

    Each round's permutation has its own seed, derived from the seed, the source and the
    round, so sources of equal length have different orders, and jumping ahead costs one
    permutation.

    Args:
        size: Number of samples.
        seed: Seed of the sampler.
        source: Index of the source.
        shuffle: False keeps the order.
    """

    def __init__(self, size: int, seed: int, source: int, shuffle: bool) -> None:
        self.size = size
        self.seed = seed
        self.source = source
        self.shuffle = shuffle
        self._round = -1
        self._order = np.empty(0, dtype=np.int64)

    def __getitem__(self, position: int) -> int:
        """Return the index within the source of the `position`-th draw."""
        round_, place = divmod(position, self.size)
        if not self.shuffle:
            return place
        if round_ != self._round:
            entropy = np.random.SeedSequence([self.seed, self.source, round_])
            self._order = np.random.default_rng(entropy).permutation(self.size)
            self._round = round_
        return int(self._order[place])


class RareClassStream:
    """An endless sequence of samples of one source, drawn by their classes.

    A class is drawn with probability `P(c) = exp((1 - f_c) / T) / sum over classes`,
    f_c being its share of all labelled pixels, then one of the samples that show it,
    uniformly (Hoyer et al., DAFormer, CVPR 2022, section 3.3, equations 6 and 7).
    Every draw has its own seed, so jumping ahead costs nothing.

    Args:
        pixels: (samples, classes), pixels of each class in each sample.
        temperature: T > 0; the smaller, the more often rare classes are drawn.
        seed: Seed of the sampler.
        source: Number of the source.
    """

    def __init__(
        self, pixels: np.ndarray, temperature: float, seed: int, source: int
    ) -> None:
        total = pixels.sum(0)
        seen = np.flatnonzero(total)
        rarity = -total[seen] / max(total.sum(), 1) / temperature
        weights = np.exp(rarity - rarity.max(initial=-np.inf))
        self.probabilities = weights / weights.sum()
        self.samples = [np.flatnonzero(pixels[:, label]) for label in seen]
        self.seed = seed
        self.source = source

    def __getitem__(self, position: int) -> int:
        """Return the index within the source of the `position`-th draw."""
        entropy = np.random.SeedSequence([self.seed, self.source, position])
        generator = np.random.default_rng(entropy)
        label = generator.choice(len(self.samples), p=self.probabilities)
        return int(generator.choice(self.samples[label]))


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(SkippingSampler, Sampler):
    """Endless flat stream: every group holds `source_counts[k]` indices of source k.

    This is not MMDetection's class of that name, in which a source's share can be
    rounded to zero (an endless loop) and one generator shuffles all sources. It is a
    sampler, not a batch sampler, so that MMEngine finds `skip` and resumes without
    loading. Ranks take disjoint interleaved parts of each source's stream.

    Args:
        dataset: A `ConcatDataset` of the sources, in order.
        source_counts: Samples of each source in a group (a rank's batch), by the names
            of the data set's `sources` or in their order.
        seed: The same on all ranks; None: drawn and shared.
        shuffle: Draw a new permutation of a source whenever it is used up.
        batch_size: The loader's batch size; if given, it is checked against the counts.
        rare_classes: Sources whose samples are drawn by their classes, and the
            temperature of the draw (`dict(labeled=0.1)`; see `RareClassStream`). All
            their samples are labelled; the labels are read once, at the start.

    Raises:
        UserError: `dataset` is not a `ConcatDataset`, or counts, sources and batch
            size do not match.
    """

    def __init__(
        self,
        dataset: ConcatDataset,
        source_counts: Mapping[str, int] | Sequence[int],
        seed: int | None = None,
        shuffle: bool = True,
        batch_size: int | None = None,
        rare_classes: Mapping[str, float] | None = None,
    ) -> None:
        if not hasattr(dataset, 'cumulative_sizes'):
            raise UserError(
                'MultiSourceSampler needs a ConcatDataset of its sources, '
                f'got {type(dataset).__name__}'
            )
        self.sizes = [len(source) for source in dataset.datasets]
        if isinstance(source_counts, Mapping):
            names = getattr(dataset, 'source_names', [])
            if {*source_counts} != {*names}:
                raise UserError(
                    f'source_counts names the sources {[*source_counts]}, the data set '
                    f'has {names}'
                )
            source_counts = [source_counts[name] for name in names]
        self.counts = [int(count) for count in source_counts]
        self.group_size = sum(self.counts)
        refuse(
            'MultiSourceSampler',
            {
                f'source_counts {self.counts} names {len(self.counts)} sources, the '
                f'data set has {len(self.sizes)}': len(self.counts) != len(self.sizes),
                f'source_counts must be positive, got {self.counts}': (
                    min(self.counts, default=1) < 1
                ),
                f'every source needs samples, their sizes are {self.sizes}': (
                    min(self.sizes) < 1
                ),
                f'batch_size {batch_size} is not the sum of source_counts '
                f'{self.counts}': batch_size not in (None, self.group_size),
            },
        )
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.shuffle = shuffle
        self.dataset = dataset
        self.start = 0
        names = getattr(dataset, 'source_names', [])
        check_keys(rare_classes or (), names, 'MultiSourceSampler: rare_classes')
        if min((rare_classes or {}).values(), default=1) <= 0:
            raise UserError(
                f'rare_classes: temperatures must be positive, got {rare_classes}'
            )
        self.rare = {
            names.index(name): (class_pixels(dataset.datasets[names.index(name)]), T)
            for name, T in (rare_classes or {}).items()
        }

    def _stream(self, source: int) -> SourceStream | RareClassStream:
        if source in self.rare:
            return RareClassStream(*self.rare[source], self.seed, source)
        return SourceStream(self.sizes[source], self.seed, source, self.shuffle)

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of this rank from the start position on, without end."""
        streams = [self._stream(source) for source in range(len(self.sizes))]
        firsts = np.cumsum([0, *self.sizes[:-1]]).tolist()
        sources = [
            source for source, count in enumerate(self.counts) for _ in range(count)
        ]
        places = [place for count in self.counts for place in range(count)]
        position = self.start
        while True:
            group, slot = divmod(position, self.group_size)
            source = sources[slot]
            draw = group * self.counts[source] + places[slot]
            index = streams[source][draw * self.world_size + self.rank]
            yield StreamIndex(
                firsts[source] + index,
                position * self.world_size + self.rank,
                self.seed,
            )
            position += 1

    def __len__(self) -> int:
        """Return the number of samples of all sources together."""
        return sum(self.sizes)
