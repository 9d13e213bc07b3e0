"""The built-in data set: a procedural street world in the layout of Cityscapes.

Plain numpy and OpenCV. World and camera axes are x right, y down, z forward; lengths
are in metres, pixel centres at integers. All random numbers follow from
`SeedSequence([seed, split, clip])`, textures from the seed and the city's name.
"""

from mmdepthseg.streets.cities import (
    STYLES,
    TRAIN_CITIES,
    VAL_CITIES,
    CarCamera,
    CityStyle,
)
from mmdepthseg.streets.dataset import (
    Clip,
    Options,
    clip_is_complete,
    render_clip,
    render_dataset,
)
from mmdepthseg.streets.render import Frame, Renderer
from mmdepthseg.streets.scene import FRAME_RATE, Scene, build_scene

__all__ = [
    'FRAME_RATE',
    'STYLES',
    'TRAIN_CITIES',
    'VAL_CITIES',
    'CarCamera',
    'CityStyle',
    'Clip',
    'Frame',
    'Options',
    'Renderer',
    'Scene',
    'build_scene',
    'clip_is_complete',
    'render_clip',
    'render_dataset',
]
