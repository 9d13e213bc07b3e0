"""Objects of a street: houses, walls, fences, trees, poles, signs, people."""

from typing import Any

import numpy as np

from mmdepthseg.streets.atlas import Atlas
from mmdepthseg.streets.raster import Quads

BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, TREE = 11, 12, 13, 17, 19, 20, 21
PERSON, RIDER, MOTORCYCLE, BICYCLE, STATIC = 24, 25, 32, 33, 4
UP = np.array([0.0, -1.0, 0.0])
Tint = tuple[float, float, float]


class Builder:
    """Builder of objects from quads with the textures of one atlas.

    Args:
        quads: List to append to.
        atlas: The city's textures.
        rng: Source of randomness.
    """

    def __init__(self, quads: Quads, atlas: Atlas, rng: np.random.Generator) -> None:
        self.quads, self.atlas, self.rng = quads, atlas, rng

    def pick(self, prefix: str) -> int:
        """Draw one of the textures whose names start with `prefix`."""
        return int(self.rng.choice(self.atlas.group(prefix)))

    def panel(
        self,
        left: np.ndarray,
        right: np.ndarray,
        height: float,
        texture: int,
        label: int,
        tint: Tint = (1.0, 1.0, 1.0),
        tile: tuple[float, float] | None = None,
        base: float = 0.0,
        **options: Any,
    ) -> None:
        """Add an upright panel on the ground segment from left to right, as seen.

        `tile` is the size of one texture period in metres (rows aligned with the
        foot); None stretches the texture over the panel.
        """
        edge = right - left
        uv = (0.0, 0.0, 1.0, 1.0)
        if tile is not None:
            across = float(np.linalg.norm(edge)) / tile[0]
            rows = height / tile[1]
            uv = (0.0, 1.0 - rows, across, rows)
        corner = left + UP * (base + height)
        down = -UP * height
        self.quads.add(corner, edge, down, texture, label, tint, uv, **options)

    def box(
        self,
        corner: np.ndarray,
        along: np.ndarray,
        away: np.ndarray,
        height: float,
        texture: int,
        label: int,
        tint: Tint,
        tile: tuple[float, float],
        **options: Any,
    ) -> None:
        """Add a box with four walls and a lid, on a parallelogram on the ground."""
        a, b, c, d = corner, corner + along, corner + along + away, corner + away
        # Seen from outside, each wall runs from left to right.
        if np.cross(along, away)[1] > 0:
            a, b, c, d = b, a, d, c
        for left, right in ((a, b), (b, c), (c, d), (d, a)):
            self.panel(left, right, height, texture, label, tint, tile, **options)
        lid = d + UP * height
        self.quads.add(lid, c - d, a - d, texture, label, tint, **options)

    def house(
        self,
        front: tuple[np.ndarray, np.ndarray],
        away: np.ndarray,
        floors: int,
        tint: Tint,
        gabled: bool,
    ) -> None:
        """Add a house with a front segment (viewer's left, right), `away` deep.

        The ground floor is a shop or plain, the upper floors a facade, the roof flat or
        a saddle roof along the street.
        """
        rng, atlas = self.rng, self.atlas
        floor, ground = float(rng.uniform(2.8, 3.3)), float(rng.uniform(3.0, 3.9))
        left, right = front
        facade = self.pick('facade')
        bay = float(rng.uniform(2.4, 3.4))
        height = ground + floor * (floors - 1)
        plan = [(left, right), (right, right + away), (left + away, left),
                (right + away, left + away)]  # fmt: skip
        shop = self.pick('shop') if rng.random() < 0.6 else None
        for number, (a, b) in enumerate(plan):
            tile = (4 * bay, 4 * floor)
            if number == 0 and shop is not None:
                size = float(np.linalg.norm(b - a))
                repeats = max(1, round(size / 13.0)) * 1.0
                self.panel(a, b, ground, shop, BUILDING, tint, (size / repeats, ground))
                if floors > 1:
                    upper = height - ground
                    args = (upper, facade, BUILDING, tint, tile, ground)
                    self.panel(a, b, *args)
            else:
                self.panel(a, b, height, facade, BUILDING, tint, tile)
        lift = UP * height
        if not gabled:
            top = left + away + lift
            plaster = atlas['plaster']
            self.quads.add(top, right - left, -away, plaster, BUILDING, tint)
            return
        rise = float(rng.uniform(0.35, 0.7)) * float(np.linalg.norm(away))
        red = rng.uniform(0.8, 1.1) * np.array([0.34, 0.42, 0.75])
        roof = tuple(red.tolist()) if rng.random() < 0.7 else (0.42, 0.42, 0.44)
        eave = 0.3 * away / np.linalg.norm(away)
        ridge = left + away / 2 + lift + UP * rise
        tiles, repeats = atlas['roof'], float(np.linalg.norm(right - left)) / 4.0
        uv = (0.0, 0.0, repeats, 2.0)
        slope = left - eave + lift - ridge
        self.quads.add(ridge, right - left, slope, tiles, BUILDING, roof, uv)
        slope = right + away + eave + lift - (ridge + right - left)
        self.quads.add(
            ridge + right - left, left - right, slope, tiles, BUILDING, roof, uv
        )
        for a, b in (plan[1], plan[2]):
            self.panel(a, b, rise, atlas['gable'], BUILDING, tint, base=height)

    def wall(self, left: np.ndarray, right: np.ndarray, height: float) -> None:
        """Add a free-standing wall."""
        tone = self.rng.uniform(0.55, 0.95)
        tint = tuple((tone * np.array([0.82, 0.92, 1.0])).tolist())
        if self.rng.random() < 0.4:
            tint = (0.4, 0.5, 0.8)
        texture = self.atlas['wall']
        self.panel(left, right, height, texture, WALL, tint, (3.2, 3.2), two_sided=True)

    def fence(self, left: np.ndarray, right: np.ndarray, height: float) -> None:
        """Add a board fence or railing."""
        boards = self.rng.random() < 0.6
        name = 'boards' if boards else 'railing'
        tint = (0.42, 0.58, 0.78) if boards else (0.5, 0.56, 0.5)
        if self.rng.random() < 0.3:
            tint = (0.85, 0.88, 0.9)
        tile = (1.6, height)
        self.panel(
            left, right, height, self.atlas[name], FENCE, tint, tile, two_sided=True
        )

    def hedge(self, corner: np.ndarray, along: np.ndarray, away: np.ndarray) -> None:
        """Add a clipped hedge."""
        height = float(self.rng.uniform(0.8, 2.0))
        tone = float(self.rng.uniform(0.75, 1.1))
        self.box(
            corner,
            along,
            away,
            height,
            self.atlas['leaves'],
            TREE,
            (tone,) * 3,
            (2.5, 2.5),
            detail=0.2,
        )

    def billboard(
        self,
        foot: np.ndarray,
        right: np.ndarray,
        size: tuple[float, float],
        texture: int,
        label: int,
        tint: Tint = (1.0, 1.0, 1.0),
        mirror: bool = False,
        base: float = 0.0,
        instance: int = 0,
        detail: float = 0.08,
    ) -> None:
        """Add an upright cut-out of `size` (width, height), fixed in the world."""
        corner = foot - right * size[0] / 2 + UP * (base + size[1])
        uv = (1.0, 0.0, -1.0, 1.0) if mirror else (0.0, 0.0, 1.0, 1.0)
        self.quads.add(
            corner,
            right * size[0],
            -UP * size[1],
            texture,
            label,
            tint,
            uv,
            instance,
            two_sided=True,
            detail=detail,
        )

    def tree(
        self, foot: np.ndarray, along: np.ndarray, right: np.ndarray, height: float
    ) -> None:
        """Add a tree: a trunk and several crossed, staggered crowns."""
        rng = self.rng
        trunk = height * float(rng.uniform(0.28, 0.4))
        thick = max(0.16, height * 0.035)
        bark = (0.3, 0.38, 0.46)
        plaster = self.atlas['plaster']
        for axis in (right, along):
            self.billboard(
                foot,
                axis,
                (thick, trunk + 0.2 * height),
                plaster,
                TREE,
                bark,
                detail=0.3,
            )
        spread = height * float(rng.uniform(0.42, 0.6))
        size = (spread, height - trunk)
        tone = rng.uniform(0.75, 1.15) * np.array([1.0, 1.0, rng.uniform(0.8, 1.2)])
        for shift in (-0.22, 0.05, 0.28):
            place = foot + along * shift * spread + right * rng.normal(0, 0.08) * spread
            scale = 1.0 - abs(shift) * 0.9
            crown, tint = (
                self.pick('crown'),
                tuple((tone * (0.9 - shift * 0.3)).tolist()),
            )
            extent = (size[0] * scale, size[1] * scale)
            base = trunk + (size[1] - extent[1]) / 2
            mirror = bool(rng.random() < 0.5)
            self.billboard(
                place, right, extent, crown, TREE, tint, mirror, base, detail=0.12
            )
        extent = (size[0] * 0.9, size[1] * 0.92)
        self.billboard(
            foot,
            along,
            extent,
            self.pick('crown'),
            TREE,
            tuple(tone.tolist()),
            base=trunk,
        )

    def post(
        self, foot: np.ndarray, right: np.ndarray, height: float, thick: float
    ) -> None:
        """Add a pole."""
        tone = float(self.rng.uniform(0.35, 0.7))
        tint = (tone, tone, tone * 0.97)
        self.billboard(
            foot, right, (thick, height), self.atlas['plaster'], POLE, tint, detail=0.15
        )

    def lamp(self, foot: np.ndarray, right: np.ndarray, inward: float) -> None:
        """Add a street lamp with an arm reaching over the road (`inward` = +-1)."""
        height = float(self.rng.uniform(5.5, 8.0))
        self.post(foot, right, height, 0.15)
        arm = foot + right * inward * 0.8
        self.billboard(
            arm,
            right,
            (1.7, 0.14),
            self.atlas['plaster'],
            POLE,
            (0.5,) * 3,
            base=height - 0.14,
        )

    def traffic_sign(
        self, foot: np.ndarray, right: np.ndarray, along: np.ndarray
    ) -> None:
        """Add one or two signs on a pole, facing the driver."""
        height = float(self.rng.uniform(2.3, 3.0))
        self.post(foot, right, height + 0.3, 0.1)
        place = foot - along * 0.06
        for k in range(1 + int(self.rng.random() < 0.35)):
            size = float(self.rng.uniform(0.62, 0.85))
            base = height - 0.5 - 0.85 * k
            self.billboard(
                place,
                right,
                (size, size),
                self.pick('sign'),
                SIGN,
                base=base,
                detail=0.03,
            )

    def traffic_light(
        self, foot: np.ndarray, right: np.ndarray, along: np.ndarray
    ) -> None:
        """Add a traffic light on a pole, facing the driver."""
        self.post(foot, right, 3.4, 0.14)
        self.billboard(
            foot - along * 0.12,
            right,
            (0.46, 1.1),
            self.pick('light'),
            LIGHT,
            base=2.5,
            detail=0.02,
        )

    def pedestrian(
        self, foot: np.ndarray, right: np.ndarray, instance: int = 0
    ) -> None:
        """Add a person of random height and clothes."""
        height = float(self.rng.uniform(1.55, 1.9))
        mirror = bool(self.rng.random() < 0.5)
        texture = self.pick('person')
        size = (height / 2, height)
        self.billboard(
            foot, right, size, texture, PERSON, mirror=mirror, instance=instance
        )

    def cyclist(
        self,
        foot: np.ndarray,
        right: np.ndarray,
        along: np.ndarray,
        motor: bool,
        side: bool,
        ridden: bool = True,
        instance: int = 0,
    ) -> None:
        """Add a two-wheeler, seen from the side or from behind, ridden or parked."""
        label = MOTORCYCLE if motor else BICYCLE
        kind = 'motor' if motor else 'bike'
        mirror = bool(self.rng.random() < 0.5)
        if side:
            size = (1.9, 0.95) if not motor else (2.1, 1.05)
            texture = self.pick(kind + '_side')
        else:
            size = (0.6, 1.1) if not motor else (0.8, 1.2)
            texture = self.pick(kind + '_back')
        self.billboard(
            foot, right, size, texture, label, mirror=mirror, instance=instance
        )
        if not ridden:
            return
        texture = self.pick('rider_side' if side else 'rider_back')
        size = (1.45, 1.45) if side else (0.75, 1.45)
        place = foot - along * 0.02
        self.billboard(
            place,
            right,
            size,
            texture,
            RIDER,
            mirror=mirror,
            base=0.38,
            instance=instance,
        )
