"""Styles of the cities and their cameras."""

from dataclasses import dataclass

import numpy as np

from mmdepthseg.camera import Camera

TRAIN_CITIES = ('alderport', 'birchfield', 'cedarham', 'dunmoor', 'elmstead')
VAL_CITIES = ('foxhaven', 'greywick')


@dataclass(frozen=True)
class CityStyle:
    """Appearance of a city. Lengths in metres, colours as BGR factors.

    `half_width` is the width of the lanes on one side, without parking; `focal` and
    `centre` are fractions of the image width (y of `centre`: of the height).
    """

    name: str
    palette: tuple[tuple[float, float, float], ...]
    floors: tuple[int, int] = (1, 4)
    setback: tuple[float, float] = (0.5, 5.0)
    half_width: tuple[float, float] = (3.1, 3.8)
    sidewalk: tuple[float, float] = (2.4, 4.4)
    trees: float = 0.35
    gaps: float = 0.3
    parked: float = 0.55
    gabled: float = 0.5
    bend: float = 0.22
    tram: float = 0.1
    ground: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sun: tuple[float, float] = (0.3, 0.9)
    focal: float = 1.2
    centre: tuple[float, float] = (0.53, 0.5)
    height: float = 1.35
    baseline: float = 0.21
    pitch: float = 0.03


@dataclass(frozen=True, eq=False)
class CarCamera(Camera):
    """A camera and its mounting on the car, as in the json files of Cityscapes.

    Args:
        baseline: Of the stereo pair, metres.
        height: Above the road, metres.
        pitch: Radians, positive if it looks down.
    """

    baseline: float = 0.0
    height: float = 0.0
    pitch: float = 0.0

    def as_json(self) -> dict:
        """Return the content of a Cityscapes camera file."""
        (fx, _, u0), (_, fy, v0), _ = self.K.tolist()
        return {
            'extrinsic': {
                'baseline': self.baseline,
                'pitch': self.pitch,
                'roll': 0.0,
                'x': 1.7,
                'y': 0.1,
                'yaw': 0.0,
                'z': self.height,
            },
            'intrinsic': {'fx': fx, 'fy': fy, 'u0': u0, 'v0': v0},
        }


_BRICK = ((0.36, 0.45, 0.72), (0.42, 0.55, 0.78), (0.55, 0.66, 0.82))
_PASTEL = ((0.62, 0.82, 0.93), (0.85, 0.86, 0.9), (0.66, 0.76, 0.86), (0.8, 0.84, 0.72))
_GREY = ((0.62, 0.63, 0.64), (0.78, 0.78, 0.76), (0.5, 0.52, 0.55))
_SAND = ((0.6, 0.76, 0.88), (0.5, 0.68, 0.82), (0.72, 0.84, 0.92))
_COOL = ((0.78, 0.72, 0.64), (0.85, 0.8, 0.74), (0.66, 0.64, 0.66))

STYLES = {
    style.name: style
    for style in (
        CityStyle('alderport', _BRICK + _SAND, (1, 4), parked=0.65, tram=0.0),
        CityStyle(
            'birchfield',
            _PASTEL,
            (1, 3),
            setback=(3.0, 8.0),
            trees=0.75,
            gaps=0.4,
            gabled=0.85,
            bend=0.3,
            focal=1.15,
            centre=(0.515, 0.497),
            height=1.4,
            pitch=0.027,
        ),
        CityStyle(
            'cedarham',
            _GREY + _COOL,
            (3, 6),
            half_width=(3.8, 6.4),
            sidewalk=(3.0, 5.2),
            gabled=0.1,
            bend=0.12,
            tram=0.35,
            trees=0.25,
            focal=1.22,
            centre=(0.535, 0.503),
            height=1.3,
        ),
        CityStyle(
            'dunmoor',
            _SAND + _PASTEL,
            (1, 4),
            setback=(0.5, 3.0),
            half_width=(3.1, 3.4),
            sidewalk=(2.2, 3.2),
            parked=0.7,
            gaps=0.25,
            bend=0.32,
            ground=(0.94, 1.0, 1.05),
            focal=1.18,
            height=1.41,
            baseline=0.22,
            pitch=0.033,
        ),
        CityStyle(
            'elmstead',
            _COOL + _BRICK,
            (1, 4),
            setback=(3.0, 12.0),
            half_width=(3.1, 4.8),
            trees=0.6,
            gaps=0.5,
            parked=0.35,
            bend=0.26,
            centre=(0.52, 0.505),
            height=1.32,
            tram=0.1,
        ),
        CityStyle(
            'foxhaven',
            _PASTEL + _BRICK,
            (1, 4),
            setback=(1.0, 6.0),
            trees=0.5,
            bend=0.24,
            focal=1.19,
            centre=(0.525, 0.5),
            height=1.38,
            baseline=0.215,
        ),
        CityStyle(
            'greywick',
            _GREY + _SAND,
            (1, 4),
            setback=(1.0, 5.0),
            half_width=(3.1, 5.2),
            parked=0.5,
            gaps=0.35,
            trees=0.4,
            bend=0.2,
            tram=0.25,
            focal=1.21,
            centre=(0.53, 0.498),
            height=1.34,
            pitch=0.028,
        ),
    )
}


def city_of(split: str, clip: int) -> tuple[str, int]:
    """Return the city of a clip and the number of the clip within the city."""
    cities = TRAIN_CITIES if split == 'train' else VAL_CITIES
    return cities[clip % len(cities)], clip // len(cities)


def make_camera(style: CityStyle, width: int, height: int) -> CarCamera:
    """Return the camera of a city for images of `width` x `height` pixels."""
    focal = style.focal * width
    fx, fy = round(focal, 4), round(focal * 1.0012, 4)
    cx = round(style.centre[0] * width - 0.5, 4)
    cy = round(style.centre[1] * height - 0.5, 4)
    return CarCamera(
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        size=(height, width),
        baseline=style.baseline,
        height=style.height,
        pitch=style.pitch,
    )
