"""An index that knows its place in the sampler's stream."""


class StreamIndex(int):
    """An `int` that carries its position in the global stream of samples.

    It survives the way through worker queues, and `BaseDataset` puts it, unchanged,
    into `results['sample_idx']`: so `SeedBySample` can seed a sample's
    random numbers by its position, which is the same in a resumed run.

    Args:
        value: The index.
        pos: Position in the stream over all ranks (no two samples share one).
        seed: Seed of the sampler.
    """

    pos: int
    seed: int

    def __new__(cls, value: int, pos: int, seed: int) -> 'StreamIndex':
        """Make the int and attach its position."""
        self = super().__new__(cls, value)
        self.pos = pos
        self.seed = seed
        return self

    def __reduce__(self) -> tuple:
        """Pickle with the attributes, which plain ints would lose."""
        return type(self), (int(self), self.pos, self.seed)

    def at(self, value: int) -> 'StreamIndex':
        """Return another index at the same position (of the same sample)."""
        return type(self)(value, self.pos, self.seed)
