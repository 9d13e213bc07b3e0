"""Places and times of the clips: spread evenly, or as a fleet of cars records them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mmdepthseg.streets.cities import city_of

SPLITS = ('train', 'val')
#: `even`: every clip shows another road, all cities equally often. `fleet`: training
#: clips as `fleet_visits` draws them; validation stays even.
POOLS = ('even', 'fleet')
#: Share of a fleet's drives in each city, from the everyday to the rare.
FLEET_CITIES = dict(
    alderport=0.6, birchfield=0.24, dunmoor=0.1, elmstead=0.04, cedarham=0.02
)
#: A city's most used road has this share of its drives, the next one this share of the
#: rest, and so on.
ROAD_SHARE = 0.4
#: Share of the drives that are stops, their numbers of clips, seconds between these.
STOP_SHARE, STOP_CLIPS, STOP_SECONDS = 0.1, (2, 12), 2.0
# Seeds of a fleet's clips contain these numbers, other seeds that of the split.
_PLACE, _VISIT, _DRIVES = 2, 3, 4


@dataclass(frozen=True)
class Visit:
    """Place and time of a clip.

    Attributes:
        city: Name of the city.
        sequence: Number of the clip within the city.
        place: Seed of the static objects.
        visit: Seed of moving objects and light; None: continues that of `place`.
        start: Seconds from the beginning of the visit to the first frame.
        waits: Whether the car stands still.
    """

    city: str
    sequence: int
    place: tuple[int, ...]
    visit: tuple[int, ...] | None = None
    start: float = 0.0
    waits: bool = False


def visit_of(seed: int, split: str, clip: int, pool: str = 'even') -> Visit:
    """Return the place and time of a clip; only its number decides them.

    Args:
        seed: Seed of the data set.
        split: `'train'` or `'val'`.
        clip: Number of the clip in the split.
        pool: One of `POOLS`.
    """
    if pool == 'fleet' and split == 'train':
        return _fleet(seed)[clip]
    city, sequence = city_of(split, clip)
    return Visit(city, sequence, (seed, SPLITS.index(split), clip))


class _Visits:
    """The visits of a fleet, each drawn once."""

    def __init__(self, seed: int) -> None:
        self._more = fleet_visits(seed)
        self._drawn: list[Visit] = []

    def __getitem__(self, clip: int) -> Visit:
        while len(self._drawn) <= clip:
            self._drawn.append(next(self._more))
        return self._drawn[clip]


@lru_cache(maxsize=8)
def _fleet(seed: int) -> _Visits:
    return _Visits(seed)


def fleet_visits(seed: int) -> Iterator[Visit]:
    """Yield the clips of a fleet, drive after drive, endlessly.

    Cars drive most often in a few cities, on a few of their roads, and stop for a long
    time on some drives: clips of one stop show the same view with other people. Trams
    (`train`) are mostly in the rarest city.

    Args:
        seed: Seed of the data set.

    Yields:
        The next clip.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, _DRIVES]))
    names, counts, drive = [*FLEET_CITIES], dict.fromkeys(FLEET_CITIES, 0), 0
    while True:
        number = int(rng.choice(len(names), p=[*FLEET_CITIES.values()]))
        road = int(rng.geometric(ROAD_SHARE))
        waits = bool(rng.random() < STOP_SHARE)
        low, high = STOP_CLIPS
        for k in range(int(rng.integers(low, high + 1)) if waits else 1):
            city = names[number]
            yield Visit(
                city,
                counts[city],
                (seed, _PLACE, number, road),
                (seed, _VISIT, drive),
                STOP_SECONDS * k,
                waits,
            )
            counts[city] += 1
        drive += 1
