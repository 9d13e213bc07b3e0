"""Textures of a city, painted once per process."""

from functools import lru_cache

import numpy as np

from mmdepthseg.streets import sprites, surfaces, vehicles
from mmdepthseg.streets.atlas import Atlas
from mmdepthseg.streets.noise import fractal_tile

_CITY_KEY = 7


@lru_cache(maxsize=1)
def _noise_texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(np.random.SeedSequence([seed, _CITY_KEY]))
    tile = 128.0 + 48.0 * fractal_tile(rng, 512, exponent=1.0)
    return np.repeat(np.round(tile)[..., None], 3, axis=2).astype(np.uint8)


@lru_cache(maxsize=4)
def city_atlas(seed: int, city: str) -> Atlas:
    """Return the texture atlas of a city.

    Args:
        seed: The data set's seed.
        city: Name of the city; each city has its own textures.
    """
    key = [seed, _CITY_KEY, *city.encode()]
    rng = np.random.default_rng(np.random.SeedSequence(key))
    atlas = Atlas()
    atlas.add('noise', _noise_texture(seed), wrap=True)
    for name in ('asphalt', 'paving', 'grass', 'leaves'):
        atlas.add(name, getattr(surfaces, name)(rng), wrap=True)
    for k in range(5):
        atlas.add(f'facade{k}', surfaces.facade(rng), wrap=True)
    for k in range(2):
        atlas.add(f'shop{k}', surfaces.shopfront(rng), wrap=True)
    atlas.add('wall', surfaces.bricks(rng, 256), wrap=True)
    atlas.add('plaster', surfaces.plaster(rng), wrap=True)
    atlas.add('roof', surfaces.roof_tiles(rng), wrap=True)
    atlas.add('boards', surfaces.fence_boards(rng), wrap=True)
    atlas.add('railing', surfaces.railing(rng), wrap=True)
    for k in range(4):
        slim = float(rng.uniform(0.75, 1.0))
        atlas.add(f'crown{k}', sprites.crown(rng, slim=slim), wrap=False)
    for k in range(8):
        atlas.add(f'person{k}', sprites.person(rng), wrap=False)
    for k in range(2):
        for kind, motor in (('bike', False), ('motor', True)):
            side = sprites.two_wheeler(rng, motor)
            atlas.add(f'{kind}_side{k}', side, wrap=False)
            atlas.add(f'{kind}_back{k}', sprites.wheel_from_behind(rng), wrap=False)
        atlas.add(f'rider_side{k}', sprites.rider(rng, True), wrap=False)
        atlas.add(f'rider_back{k}', sprites.rider(rng, False), wrap=False)
    for k in range(6):
        atlas.add(f'sign{k}', sprites.sign(rng, k), wrap=False)
    for k in range(3):
        atlas.add(f'light{k}', sprites.traffic_light(k), wrap=False)
    atlas.add('gable', sprites.gable(), wrap=False)
    vehicles.add_textures(atlas)
    atlas.build()
    return atlas
