"""Street of a clip: static and moving objects, drawn from the seed of the clip."""

from dataclasses import dataclass, field

import numpy as np

from mmdepthseg.streets.atlas import Atlas
from mmdepthseg.streets.cities import STYLES, CarCamera, CityStyle, make_camera
from mmdepthseg.streets.city_atlas import city_atlas
from mmdepthseg.streets.furniture import UP, Builder
from mmdepthseg.streets.light import Light, random_light
from mmdepthseg.streets.lots import Lots
from mmdepthseg.streets.raster import Quads
from mmdepthseg.streets.road import KERB_HEIGHT, Road, SideStreet
from mmdepthseg.streets.shading import Markings, Shadow
from mmdepthseg.streets.vehicles import MODELS, add_vehicle, pick_colour
from mmdepthseg.streets.visits import SPLITS, visit_of

FRAME_RATE = 17.0
PARKING = 2.35  # width of a parking lane, metres


@dataclass(frozen=True)
class Mover:
    """An object that moves along (`velocity_s`) or across (`velocity_n`) the road, m/s.

    Vehicles drive on the right-hand side and may wait (velocity 0).
    """

    kind: str
    s: float
    n: float
    velocity_s: float
    velocity_n: float
    key: int
    model: str = ''
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass
class Scene:
    """All data needed to render any frame of a clip."""

    city: str
    style: CityStyle
    camera: CarCamera
    atlas: Atlas
    road: Road
    light: Light
    markings: Markings
    quads: Quads
    shadows: list[Shadow]
    movers: list[Mover]
    ego_lane: float
    speed: float
    acceleration: float
    wobble: np.ndarray
    key: list[int] = field(default_factory=list)
    start: float = 0.0

    def pose(self, time: float) -> np.ndarray:
        """Return the camera-to-world transform (4, 4) at a time in seconds."""
        s = self.speed * time + 0.5 * self.acceleration * time**2
        phase = self.wobble[3:] + 2 * np.pi * self.wobble[2] * time
        lane = self.ego_lane + 0.15 * np.sin(0.1 * s + phase[0])
        position = self.road.point(s, lane, self.camera.height)
        yaw = float(self.road.heading(s + 1.2)) + self.wobble[0] * np.sin(phase[1])
        pitch = self.camera.pitch + self.wobble[1] * np.sin(phase[2])
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        # Looking down by the pitch, forward becomes (0, sin, cos), because y is down.
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        pose = np.eye(4)
        pose[:3, :3] = turn @ nod
        pose[:3, 3] = position
        return pose

    def at(self, time: float) -> tuple[Quads, list[Shadow]]:
        """Return all quads and ambient shadows at a time in seconds."""
        quads, shadows = Quads(), list(self.shadows)
        for number, mover in enumerate(self.movers, start=1):
            self._place(mover, number, time, quads, shadows)
        return self.quads.extended(quads), shadows

    def _place(
        self,
        mover: Mover,
        number: int,
        time: float,
        quads: Quads,
        shadows: list[Shadow],
    ) -> None:
        rng = np.random.default_rng(np.random.SeedSequence([*self.key, mover.key]))
        builder = Builder(quads, self.atlas, rng)
        s = mover.s + mover.velocity_s * time
        n = mover.n + mover.velocity_n * time
        along, right = self.road.axes(s)
        if mover.kind == 'vehicle':
            foot = self.road.point(s, n)
            if mover.n < 0:
                along, right = -along, -right
            model, moves = MODELS[mover.model], mover.velocity_s != 0
            number = number if moves else 0
            add_vehicle(
                quads, self.atlas, model, foot, along, right, mover.colour, number
            )
            half = (model.length / 2, model.width / 2)
            shadows.append(Shadow(foot, along, *half, 0.6, moves))
            return
        left_kerb, right_kerb = self.road.half_width
        on_walk = n > right_kerb or n < -left_kerb
        on_walk = on_walk and not self.road.crossing(s, side=int(np.sign(n)))
        foot = self.road.point(s, n, KERB_HEIGHT if on_walk else 0.0)
        if mover.kind == 'person':
            builder.pedestrian(foot, right, number)
        else:
            motor, side = mover.kind == 'motor', abs(mover.velocity_n) > 0.5
            builder.cyclist(foot, right, along, motor, side, instance=number)
        shadows.append(Shadow(foot, along, 0.2, 0.25, 0.4, True))


def _side_streets(rng: np.random.Generator) -> list[SideStreet]:
    streets, s = [], float(rng.uniform(14.0, 60.0))
    while s < 170.0 and rng.random() < 0.8:
        sides = int(rng.integers(0, 3))
        half = float(rng.uniform(2.8, 4.2))
        streets.append(SideStreet(s, half, left=sides != 1, right=sides != 0))
        s += float(rng.uniform(45.0, 90.0))
    return streets


def _markings(
    rng: np.random.Generator,
    drive: tuple[float, float],
    parking: tuple[bool, bool],
    streets: list[SideStreet],
) -> Markings:
    zebras = []
    for street in streets:
        for sign in (-1, 1):
            if rng.random() < 0.55:
                begin = street.s + sign * (street.half_width + 1.2)
                zebras.append(
                    (min(begin, begin + sign * 3), max(begin, begin + sign * 3))
                )
    if rng.random() < 0.3:
        begin = float(rng.uniform(15.0, 45.0))
        zebras.append((begin, begin + 3.5))
    lanes, edges = [], []
    for sign, width, parks in zip((-1, 1), drive, parking, strict=True):
        if width > 5.0:
            lanes.append(sign * width / 2)
        if parks or rng.random() < 0.3:
            edges.append(sign * (width - 0.1))
    centre = str(
        rng.choice(['dashed', 'solid', 'double', 'none'], p=[0.5, 0.2, 0.1, 0.2])
    )
    return Markings(
        centre,
        tuple(lanes),
        tuple(edges),
        tuple(zebras),
        float(rng.uniform(0.55, 0.95)),
    )


def _parked(
    builder: Builder,
    road: Road,
    drive: tuple[float, float],
    parking: tuple[bool, bool],
    shadows: list[Shadow],
) -> None:
    rng = builder.rng
    for sign, width, parks in zip((-1, 1), drive, parking, strict=True):
        if not parks:
            continue
        s, density = -6.0 + rng.uniform(0, 4), rng.uniform(0.45, 0.9)
        while s < 130.0:
            names = ['hatch', 'sedan', 'van', 'truck', 'bus']
            model = MODELS[str(rng.choice(names, p=[0.4, 0.35, 0.15, 0.06, 0.04]))]
            middle = s + model.length / 2
            s += model.length + rng.uniform(0.8, 2.0)
            wide_and_near = model.name in ('truck', 'bus') and middle < 14.0
            if rng.random() > density or wide_and_near or road.crossing(middle, 7.0):
                continue
            along, right = road.axes(middle)
            if sign < 0:
                along, right = -along, -right
            place = width + PARKING - 0.15 - model.width / 2 + rng.normal(0, 0.05)
            foot = road.point(middle, sign * place)
            colour = pick_colour(rng, model)
            add_vehicle(builder.quads, builder.atlas, model, foot, along, right, colour)
            shadows.append(Shadow(foot, along, model.length / 2, model.width / 2, 0.6))


def _traffic(
    rng: np.random.Generator, style: CityStyle, drive: tuple[float, float], speed: float
) -> list[Mover]:
    """Return the vehicles and two-wheelers on the lanes, some of them waiting.

    Depth can be learned from video only if most of a frame is static, so there is
    little traffic, and trams, which block much of the view, mostly wait.
    """
    movers: list[Mover] = []

    names = ['hatch', 'sedan', 'van', 'truck', 'bus']
    share = [0.34, 0.32, 0.12, 0.1, 0.12]
    s = float(rng.uniform(10.0, 45.0))
    for _ in range(int(rng.integers(0, 4))):
        name = str(rng.choice(names, p=share))
        if rng.random() < style.tram:
            name = 'tram'
        lane = -min(drive[0] / 2, 1.75)
        waits = rng.random() < (0.8 if name == 'tram' else 0.4)
        velocity = 0.0 if waits else -float(rng.uniform(5.0, 11.0))
        colour = pick_colour(rng, MODELS[name])
        args = (s, lane, velocity, 0.0, len(movers), name, colour)
        movers.append(Mover('vehicle', *args))
        s += float(rng.uniform(20.0, 45.0))
    s = float(rng.uniform(18.0, 45.0))
    for _ in range(int(rng.integers(0, 2))):
        name = str(rng.choice(names, p=share))
        lane = min(drive[1] / 2, 1.75)
        velocity = speed * float(rng.uniform(0.75, 1.15))
        colour = pick_colour(rng, MODELS[name])
        args = (s, lane, velocity, 0.0, len(movers), name, colour)
        movers.append(Mover('vehicle', *args))
        s += float(rng.uniform(18.0, 40.0))
    for _ in range(int(rng.integers(0, 4))):
        kind = 'motor' if rng.random() < 0.35 else 'bike'
        sign = 1 if rng.random() < 0.65 else -1
        lane = sign * (drive[(sign + 1) // 2] - 0.55)
        velocity = sign * float(rng.uniform(3.0, 6.5))
        place = float(rng.uniform(7.0, 35.0))
        movers.append(Mover(kind, place, lane, velocity, 0.0, len(movers)))
    return movers


def _people(
    rng: np.random.Generator, road: Road, markings: Markings, first: int
) -> list[Mover]:
    """Return the people who walk on sidewalks and crossings."""
    movers: list[Mover] = []
    for _ in range(int(rng.integers(5, 15))):
        sign = 1 if rng.random() < 0.55 else -1
        index = (sign + 1) // 2
        n = road.half_width[index] + road.sidewalk[index] * rng.uniform(0.2, 0.9)
        s = float(5.0 + 45.0 * rng.random() ** 1.3)
        pace = float(rng.choice([-1, 1]) * rng.uniform(0.8, 1.5))
        for k in range(1 + int(rng.random() < 0.3)):
            place = (s + 0.5 * k, sign * (n + 0.55 * k))
            movers.append(Mover('person', *place, pace, 0.0, first + len(movers)))
    for begin, end in markings.zebras:
        for _ in range(int(rng.integers(0, 3))):
            n = float(rng.uniform(-road.half_width[0], road.half_width[1]))
            pace = float(rng.choice([-1, 1]) * rng.uniform(0.9, 1.5))
            s = float(rng.uniform(begin + 0.4, end - 0.4))
            if s > 9.0:
                movers.append(Mover('person', s, n, 0.0, pace, first + len(movers)))
    return movers


def build_scene(
    seed: int, split: str, clip: int, width: int, height: int, pool: str = 'even'
) -> tuple[Scene, int]:
    """Draw a clip's scene.

    Args:
        seed: The data set's seed.
        split: "train" or "val".
        clip: Number of the clip in the split.
        width: Image width the camera is made for.
        height: Image height.
        pool: How often places are visited, see `visits`.

    Returns:
        The scene, and the clip's sequence number within its city.
    """
    visit = visit_of(seed, split, clip, pool)
    style = STYLES[visit.city]
    rng = np.random.default_rng(np.random.SeedSequence(visit.place))
    # what changes from visit to visit: light, traffic, the car's own motion
    own = rng
    if visit.visit is not None:
        own = np.random.default_rng(np.random.SeedSequence(visit.visit))
    atlas = city_atlas(seed, visit.city)
    drive = tuple(rng.uniform(*style.half_width, 2).tolist())
    parking = tuple((rng.random(2) < style.parked).tolist())
    edges = tuple(w + PARKING * p for w, p in zip(drive, parking, strict=True))
    streets = _side_streets(rng)
    bend = style.bend * float(rng.choice([0.2, 1.0, 1.7], p=[0.2, 0.4, 0.4]))
    walks = tuple(rng.uniform(*style.sidewalk, 2).tolist())
    road = Road(rng, edges, walks, streets, bend)
    light = random_light(own)
    markings = _markings(rng, drive, parking, streets)
    quads = Quads()
    shadows: list[Shadow] = []
    builder = Builder(quads, atlas, rng)
    Lots(builder, road, style, shadows).build()
    _parked(builder, road, drive, parking, shadows)
    speed = float(own.uniform(4.3, 6.4))
    movers = _traffic(own, style, drive, speed)
    movers += _people(own, road, markings, len(movers))
    wobble = np.concatenate(
        [
            own.uniform(0.0, [0.004, 0.0025]),
            [own.uniform(0.8, 2.0)],
            own.uniform(0, 6.28, 3),
        ]
    )
    lane = min(drive[1] * 0.45, 1.6)
    acceleration = float(own.uniform(-1.0, 1.0))
    if visit.waits:
        speed, acceleration, wobble[:3] = 0.0, 0.0, 0.0
    scene = Scene(
        visit.city,
        style,
        make_camera(style, width, height),
        atlas,
        road,
        light,
        markings,
        quads,
        shadows,
        movers,
        lane,
        speed,
        acceleration,
        wobble,
        [*(visit.visit or visit.place)],
        visit.start,
    )
    return scene, visit.sequence


__all__ = ['FRAME_RATE', 'SPLITS', 'UP', 'Mover', 'Scene', 'build_scene']
