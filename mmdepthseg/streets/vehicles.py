"""Vehicles: side profiles, extruded over the width.

A vehicle consists of two cut-out sides and one strip per edge of its profile. Painted
parts are white in the textures and get the colour of the vehicle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdepthseg.streets.atlas import Atlas
from mmdepthseg.streets.raster import Quads
from mmdepthseg.streets.sprites import Canvas

CAR, TRUCK, BUS, TRAM = 26, 27, 28, 31
_PAINT = (236, 236, 236)
_GLASS = (70, 58, 48)
_BLACK = (34, 34, 36)
_GREY = (96, 98, 100)


@dataclass(frozen=True)
class Model:
    """A vehicle type.

    `profile`: points (position along the length from 0, rear, to 1, front; height in
    metres) from the bottom of the rear bumper over the roof to that of the front one;
    `strips`: name of the texture of each edge; `windows`: polygons like the profile;
    `wheels`: positions along the length.
    """

    name: str
    label: int
    length: float
    width: float
    profile: tuple[tuple[float, float], ...]
    strips: tuple[str, ...]
    windows: tuple[tuple[tuple[float, float], ...], ...]
    wheels: tuple[float, ...] = (0.18, 0.81)
    wheel: float = 0.33

    @property
    def height(self) -> float:
        """Return the height in metres."""
        return max(h for _, h in self.profile)


_HATCH = Model(
    "hatch", CAR, 4.0, 1.78,
    ((0, 0.3), (0.01, 0.92), (0.1, 1.42), (0.56, 1.47), (0.74, 0.98), (0.97, 0.78),
     (1, 0.3)),
    ("car_rear", "glass", "paint", "glass", "paint", "car_front"),
    (((0.1, 0.95), (0.15, 1.32), (0.34, 1.38), (0.34, 0.95)),
     ((0.37, 0.95), (0.37, 1.38), (0.55, 1.38), (0.69, 0.97))),
)  # fmt: skip
_SEDAN = Model(
    "sedan", CAR, 4.6, 1.82,
    ((0, 0.3), (0.01, 0.95), (0.16, 1.02), (0.29, 1.41), (0.56, 1.44), (0.73, 0.97),
     (0.98, 0.76), (1, 0.3)),
    ("car_rear", "paint", "glass", "paint", "glass", "paint", "car_front"),
    (((0.23, 0.97), (0.31, 1.34), (0.42, 1.36), (0.42, 0.97)),
     ((0.45, 0.97), (0.45, 1.36), (0.55, 1.36), (0.68, 0.97))),
)  # fmt: skip
_VAN = Model(
    "van", CAR, 4.9, 1.95,
    ((0, 0.32), (0, 1.9), (0.03, 1.98), (0.7, 1.98), (0.84, 1.2), (0.98, 1.02),
     (1, 0.32)),
    ("van_rear", "paint", "paint", "glass", "paint", "car_front"),
    (((0.62, 1.22), (0.62, 1.78), (0.69, 1.78), (0.79, 1.22)),),
    wheel=0.35,
)  # fmt: skip
_TRUCK = Model(
    "truck", TRUCK, 8.2, 2.45,
    ((0, 0.55), (0, 3.3), (0.74, 3.3), (0.76, 2.75), (0.97, 2.7), (1, 1.4), (1, 0.4)),
    ("truck_rear", "paint", "paint", "paint", "glass", "car_front"),
    (((0.84, 1.7), (0.84, 2.4), (0.94, 2.4), (0.96, 1.7)),),
    wheels=(0.16, 0.28, 0.86), wheel=0.48,
)  # fmt: skip
_BUS = Model(
    "bus", BUS, 11.5, 2.5,
    ((0, 0.4), (0, 3.0), (0.01, 3.05), (0.99, 3.05), (1, 0.4)),
    ("bus_rear", "paint", "paint", "bus_front"),
    tuple(
        ((a, 1.35), (a, 2.55), (a + 0.115, 2.55), (a + 0.115, 1.35))
        for a in (0.02, 0.145, 0.27, 0.395, 0.52, 0.645, 0.77, 0.88)
    ),
    wheels=(0.24, 0.8), wheel=0.48,
)  # fmt: skip
_TRAM = Model(
    "tram", TRAM, 20.0, 2.4,
    ((0, 0.35), (0.01, 3.2), (0.03, 3.4), (0.97, 3.4), (0.99, 3.2), (1, 0.35)),
    ("bus_rear", "paint", "paint", "paint", "bus_front"),
    tuple(
        ((a, 1.5), (a, 2.6), (a + 0.07, 2.6), (a + 0.07, 1.5))
        for a in np.linspace(0.02, 0.91, 11).tolist()
    ),
    wheels=(0.1, 0.14, 0.48, 0.52, 0.86, 0.9), wheel=0.33,
)  # fmt: skip
MODELS = {m.name: m for m in (_HATCH, _SEDAN, _VAN, _TRUCK, _BUS, _TRAM)}
CAR_COLOURS = (
    (0.95, 0.95, 0.95), (0.72, 0.72, 0.7), (0.4, 0.4, 0.42), (0.18, 0.18, 0.19),
    (0.72, 0.42, 0.22), (0.24, 0.22, 0.72), (0.36, 0.5, 0.3), (0.55, 0.75, 0.85),
    (0.2, 0.45, 0.8), (0.62, 0.25, 0.12),
)  # fmt: skip


_FLEET_COLOURS = (
    (0.92, 0.93, 0.93), (0.3, 0.32, 0.85), (0.25, 0.75, 0.92), (0.85, 0.72, 0.55),
    (0.55, 0.8, 0.5), (0.75, 0.76, 0.76),
)  # fmt: skip


def pick_colour(rng: np.random.Generator, model: Model) -> tuple[float, float, float]:
    """Draw a colour of the paint: from one list for cars, from another for the rest."""
    colours = CAR_COLOURS if model.label == CAR else _FLEET_COLOURS
    return colours[int(rng.integers(len(colours)))]


def _side(model: Model) -> np.ndarray:
    """Return a side, front to the right."""
    wide = 512 if model.length < 15 else 1024
    canvas = Canvas(wide, wide // 4 if model.label != CAR else wide // 2, _PAINT)
    top = model.height

    def place(points: Sequence[tuple[float, float]]) -> list:
        return [(a, 1 - h / top) for a, h in points]

    canvas.polygon(place(model.profile), _PAINT)
    low = model.profile[0][1]
    sill = [(0.0, low), (0.0, low + 0.16), (1.0, low + 0.16), (1.0, low)]
    canvas.polygon(place(sill), (96, 96, 98))
    for polygon in model.windows:
        canvas.polygon(place(polygon), _GLASS)
    if model.label == CAR:
        for a in (0.355, 0.58):
            canvas.box(a, 1 - 0.95 / top, a + 0.005, 1 - 0.45 / top, (130,) * 3)
        canvas.box(0.0, 1 - 0.82 / top, 0.03, 1 - 0.66 / top, (40, 40, 190))
        canvas.box(0.965, 1 - 0.7 / top, 1.0, 1 - 0.58 / top, (245,) * 3)
    else:
        stripe = 1.2 / top
        canvas.box(0.0, 1 - stripe, 1.0, 1 - stripe + 0.06, (150, 150, 150))
    radius = (model.wheel / model.length, model.wheel / top)
    for a in model.wheels:
        centre = (a, 1 - model.wheel / top)
        arch = tuple(r * 1.18 for r in radius)
        canvas.ellipse(centre, arch, _BLACK)
        canvas.ellipse(centre, tuple(r * 0.55 for r in radius), _GREY)
    return canvas.finish()


def _ends() -> dict[str, np.ndarray]:
    """Return rear and front views and plain strips, by name."""
    images = {}
    for name in ("car_rear", "van_rear", "truck_rear", "bus_rear", "car_front",
                 "bus_front"):  # fmt: skip
        c = Canvas(256, 256 if 'car' not in name else 128, _PAINT)
        rear = name.endswith('rear')
        lamp = (38, 38, 200) if rear else (250, 250, 250)
        c.box(0, 0, 1, 1, _PAINT)
        c.box(0, 0.86 if 'car' not in name else 0.74, 1, 1, (84, 84, 86))
        if name == 'van_rear':
            c.box(0.08, 0.1, 0.47, 0.4, _GLASS)
            c.box(0.53, 0.1, 0.92, 0.4, _GLASS)
        elif name in ('bus_rear', 'bus_front'):
            c.box(0.06, 0.14, 0.94, 0.56 if rear else 0.66, _GLASS)
            c.box(0.3, 0.03, 0.7, 0.11, (60, 170, 235))
        elif name == 'truck_rear':
            c.box(0.49, 0.03, 0.51, 0.86, (150,) * 3)
            c.box(0.03, 0.03, 0.97, 0.06, (150,) * 3)
        elif name == 'car_front':
            c.box(0.28, 0.32, 0.72, 0.6, (52, 52, 54))
        height = 0.16 if 'car' not in name else 0.3
        top = 0.66 if 'car' not in name else 0.14
        for x in (0.0, 0.79):
            c.box(x, top - 0.03, x + 0.21, top + height + 0.03, (110,) * 3)
            c.box(x + 0.02, top, x + 0.19, top + height, lamp)
        low = 0.72 if 'car' not in name else 0.52
        c.box(0.37, low, 0.63, low + height * 0.6, (235, 238, 238))
        images[name] = c.finish(opaque=True)
    paint = Canvas(32, 32, _PAINT)
    images['paint'] = paint.finish(opaque=True)
    ramp = np.linspace(1.5, 0.7, 64)[:, None, None] * np.array(_GLASS)
    images['glass'] = np.broadcast_to(ramp, (64, 64, 3)).astype(np.uint8)
    return images


def add_textures(atlas: Atlas) -> None:
    """Add all vehicle textures to an atlas."""
    for name, image in _ends().items():
        atlas.add(name, image, wrap=False)
    for name, model in MODELS.items():
        atlas.add(f'side_{name}', _side(model), wrap=False)


def add_vehicle(
    quads: Quads,
    atlas: Atlas,
    model: Model,
    foot: np.ndarray,
    along: np.ndarray,
    right: np.ndarray,
    colour: tuple[float, float, float],
    instance: int = 0,
) -> None:
    """Append a vehicle's quads.

    Args:
        quads: List to append to.
        atlas: The textures.
        model: The vehicle type.
        foot: World point (3,) on the ground under the middle of the vehicle.
        along: Unit vector (3,), its forward direction.
        right: Unit vector (3,) to its right.
        colour: BGR factors of its paint.
        instance: 0 if parked, otherwise its number as a moving object.
    """
    up = np.array([0.0, -1.0, 0.0])
    rear = foot - along * model.length / 2
    half = right * model.width / 2
    common: dict[str, Any] = dict(label=model.label, instance=instance, detail=0.06)
    side = atlas[f'side_{model.name}']
    top = up * model.height
    span = along * model.length
    # Seen from the right side, the front is on the right.
    quads.add(rear + half + top, span, -top, side, tint=colour, **common)
    mirrored = (1.0, 0.0, -1.0, 1.0)
    front = rear - half + top + span
    quads.add(front, -span, -top, side, tint=colour, uv=mirrored, **common)
    steps = zip(model.profile[:-1], model.profile[1:], model.strips, strict=True)
    for (a0, h0), (a1, h1), name in steps:
        low = rear + span * a0 + up * h0
        high = rear + span * a1 + up * h1
        tint = (1.0, 1.0, 1.0) if name == 'glass' else colour
        if h1 >= h0:  # seen from behind; the later point is on top
            corner, edge_u, edge_v = high - half, 2 * half, low - high
        else:  # seen from the front, mirrored; the earlier point is on top
            corner, edge_u, edge_v = low + half, -2 * half, high - low
        quads.add(corner, edge_u, edge_v, atlas[name], tint=tint, **common)
