"""Positions in a sampler's stream: indices that carry them, and jumps to them."""


class StreamIndex(int):
    """An `int` that carries its position in the global stream of samples.

    It survives worker queues, and `BaseDataset` puts it unchanged into
    `results['sample_idx']`, so `SeedBySample` can seed a sample's random numbers by its
    position, which is the same in a resumed run.

    Args:
        value: The index.
        pos: Position in the stream over all ranks, different for each sample.
        seed: Seed of the sampler.
    """

    pos: int
    seed: int

    def __new__(cls, value: int, pos: int, seed: int) -> 'StreamIndex':
        """Create the int and attach its position."""
        self = super().__new__(cls, value)
        self.pos = pos
        self.seed = seed
        return self

    def __reduce__(self) -> tuple:
        """Pickle the attributes too, which plain ints would lose."""
        return type(self), (int(self), self.pos, self.seed)

    def at(self, value: int) -> 'StreamIndex':
        """Return another index at the same position (of the same sample)."""
        return type(self)(value, self.pos, self.seed)


class SkippingSampler:
    """Base of samplers whose iterations begin where `skip` has set `start`."""

    start: int

    def skip(self, num_samples: int) -> None:
        """Start the next iteration after `num_samples` indices of this rank.

        Args:
            num_samples: Counted from the start of the stream.

        Raises:
            ValueError: It is negative.
        """
        if num_samples < 0:
            raise ValueError(f'num_samples must not be negative, got {num_samples}')
        self.start = num_samples
