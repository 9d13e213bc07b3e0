"""Static surroundings of a road: lots, street furniture, background."""

import numpy as np

from mmdepthseg.streets.cities import CityStyle
from mmdepthseg.streets.furniture import STATIC, TREE, Builder
from mmdepthseg.streets.road import KERB_HEIGHT, Road, SideStreet
from mmdepthseg.streets.shading import Shadow

_START, _END = -14.0, 190.0


class Lots:
    """Lots and furniture on both sides of a road.

    Args:
        builder: Adds the quads.
        road: The road.
        style: Style of the city.
        shadows: List to append ambient shadows to.
    """

    def __init__(
        self, builder: Builder, road: Road, style: CityStyle, shadows: list[Shadow]
    ) -> None:
        self.b, self.road, self.style, self.shadows = builder, road, style, shadows
        self.rng = builder.rng

    def build(self) -> None:
        """Add all objects."""
        for side in (-1, 1):
            self._row(side)
            self._pavement(side)
        for street in self.road.side_streets:
            self._side_street(street)
            self._junction(street)
        self._skyline()

    def _edge(self, side: int) -> float:
        """Return the distance of the sidewalk's outer border from the centre line."""
        index = (side + 1) // 2
        return self.road.half_width[index] + self.road.sidewalk[index]

    def _tint(self) -> tuple[float, float, float]:
        palette = self.style.palette
        colour = np.asarray(palette[int(self.rng.integers(len(palette)))])
        colour = colour * self.rng.uniform(0.8, 1.1) + self.rng.normal(0, 0.02, 3)
        return tuple(np.clip(colour, 0.1, 1.1).tolist())

    def _front(
        self, side: int, s0: float, s1: float, n: float, height: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of a front along the road, left and right as seen from it."""
        a = self.road.point(s0, side * n, height)
        b = self.road.point(s1, side * n, height)
        return (a, b) if side < 0 else (b, a)

    def _row(self, side: int) -> None:
        """Add lots along one side: houses, or gaps with walls, fences or trees."""
        rng, style = self.rng, self.style
        base = float(rng.uniform(*style.setback))
        s = _START
        while s < _END:
            size = float(rng.uniform(8.0, 22.0))
            if self.road.crossing(s + 0.5, 2.6, side):
                s += 1.0
                continue
            end = s + size
            while end > s + 4.0 and self._blocked(s, end, side):
                end -= 1.0
            setback = float(np.clip(base + rng.normal(0, 0.8), *style.setback))
            if end - s < 6.0 or rng.random() < style.gaps:
                self._gap(side, s, end, setback)
            else:
                self._house(side, s, end, setback)
            s = end + float(rng.choice([0.0, 0.0, 1.5, 4.0]))

    def _blocked(self, s: float, end: float, side: int) -> bool:
        for street in self.road.side_streets:
            exists = street.left if side < 0 else street.right
            low, high = street.s - street.half_width, street.s + street.half_width
            if exists and end > low - 2.6 and s < high + 2.6:
                return True
        return False

    def _house(self, side: int, s: float, end: float, setback: float) -> None:
        rng, style = self.rng, self.style
        front = self._front(side, s, end, self._edge(side) + setback)
        _, right = self.road.axes((s + end) / 2)
        away = right * side * float(rng.uniform(9.0, 13.0))
        floors = int(rng.integers(style.floors[0], style.floors[1] + 1))
        self.b.house(front, away, floors, self._tint(), rng.random() < style.gabled)
        if setback > 2.0 and rng.random() < 0.6:
            self._border(side, s, end, self._edge(side) + 0.2)
        if setback > 2.5 and rng.random() < style.trees:
            middle = float(rng.uniform(s + 1, end - 1))
            self._tree(middle, side * (self._edge(side) + setback * 0.5), 4.0, 7.0)

    def _border(self, side: int, s: float, end: float, n: float) -> None:
        """Add a wall, fence or hedge along a lot."""
        left, right = self._front(side, s, end, n, KERB_HEIGHT)
        kind = self.rng.random()
        if kind < 0.36:
            self.b.wall(left, right, float(self.rng.uniform(0.8, 2.6)))
        elif kind < 0.72:
            self.b.fence(left, right, float(self.rng.uniform(1.0, 2.0)))
        else:
            _, axis = self.road.axes((s + end) / 2)
            self.b.hedge(left, right - left, axis * side * 0.9)

    def _gap(self, side: int, s: float, end: float, setback: float) -> None:
        """Add an open lot: border, trees, a house further back."""
        rng, edge = self.rng, self._edge(side)
        if rng.random() < 0.8:
            self._border(side, s, end, edge + min(setback, 1.0) * float(rng.random()))
        for _ in range(int(rng.integers(0, 2 + 2 * (self.style.trees > 0.3)))):
            place = float(rng.uniform(s, end))
            self._tree(place, side * (edge + rng.uniform(2.0, 9.0)), 4.0, 9.0)
        if rng.random() < 0.65 and end - s > 6.0:
            n = edge + float(rng.uniform(12.0, 26.0))
            front = self._front(side, s - 2, end + 2, n)
            _, right = self.road.axes((s + end) / 2)
            floors = int(rng.integers(*self.style.floors)) + 1
            self.b.house(
                front, right * side * 10.0, floors, self._tint(), rng.random() < 0.5
            )

    def _tree(self, s: float, n: float, low: float, high: float) -> None:
        if self.road.crossing(s, 2.0, int(np.sign(n))):
            return
        along, right = self.road.axes(s)
        foot = self.road.point(s, n, KERB_HEIGHT)
        self.b.tree(foot, along, right, float(self.rng.uniform(low, high)))
        self.shadows.append(Shadow(foot, along, 0.3, 0.3, 0.35))

    def _pavement(self, side: int) -> None:
        """Add street trees, lamps, signs, bins and two-wheelers."""
        rng, index = self.rng, (side + 1) // 2
        kerb, walk = self.road.half_width[index], self.road.sidewalk[index]
        if rng.random() < self.style.trees:
            step = float(rng.uniform(8.0, 15.0))
            for s in np.arange(rng.uniform(3, 12), 150.0, step):
                self._tree(float(s), side * (kerb + 0.7), 5.0, 8.5)
        step = float(rng.uniform(16.0, 26.0))
        for s in np.arange(rng.uniform(4, 16), 140.0, step):
            foot, along, right = self._spot(float(s), side * (kerb + 0.5))
            if foot is not None:
                self.b.lamp(foot, right, -side)
        for s in np.arange(rng.uniform(6, 18), 100.0, rng.uniform(12.0, 24.0)):
            foot, along, right = self._spot(float(s), side * (kerb + 0.45))
            if foot is not None and rng.random() < 0.8:
                self.b.traffic_sign(foot, right, along)
        for _ in range(int(rng.integers(2, 7))):
            s, n = float(rng.uniform(5.0, 35.0)), kerb + walk - 0.4
            foot, along, right = self._spot(s, side * n)
            if foot is None:
                continue
            motor = rng.random() < 0.45
            self.b.cyclist(foot, along, right, motor, side=True, ridden=False)
        for _ in range(int(rng.integers(0, 3))):
            s = float(rng.uniform(6.0, 60.0))
            foot, along, right = self._spot(s, side * (kerb + 0.8))
            if foot is not None:
                corner = foot - along * 0.3 - right * 0.3
                tile, tint = (1.5, 1.5), (0.35, 0.4, 0.3)
                plaster = self.b.atlas['plaster']
                args = (corner, along * 0.6, right * 0.6, 1.05, plaster, STATIC, tint)
                self.b.box(*args, tile)

    def _spot(self, s: float, n: float) -> tuple:
        """Return foot and axes of a place on the sidewalk; None within a crossing."""
        if self.road.crossing(s, 0.5, int(np.sign(n))):
            return None, None, None
        return self.road.point(s, n, KERB_HEIGHT), *self.road.axes(s)

    def _side_street(self, street: SideStreet) -> None:
        """Add houses along a side street, and one at its end."""
        rng = self.rng
        along, right = self.road.axes(street.s)
        origin = self.road.point(street.s, 0.0)
        for side, exists in ((-1, street.left), (1, street.right)):
            if not exists:
                continue
            edge = self._edge(side) + 14.0
            for sign in (-1, 1):
                n = edge
                while n < 60.0:
                    size = float(rng.uniform(9.0, 16.0))
                    offset = (
                        along * sign * (street.half_width + float(rng.uniform(2.5, 5)))
                    )
                    a = origin + offset + right * side * n
                    b = a + right * side * size
                    # Left and right as seen from the side street.
                    front = (a, b) if sign * side > 0 else (b, a)
                    floors = int(rng.integers(*self.style.floors)) + 1
                    gabled = rng.random() < self.style.gabled
                    away = along * sign * 10.0
                    self.b.house(front, away, floors, self._tint(), gabled)
                    n += size + float(rng.choice([0.0, 3.0]))
            end = origin + right * side * float(rng.uniform(62.0, 75.0))
            front = (end - along * 10.0, end + along * 10.0)
            front = front if side < 0 else front[::-1]
            away = right * side * 10.0
            self.b.house(front, away, int(rng.integers(2, 5)), self._tint(), True)

    def _junction(self, street: SideStreet) -> None:
        """Add traffic lights (or signs) before a crossing."""
        if street.s < 10.0 or self.rng.random() < 0.3:
            return
        for side in (-1, 1):
            for sign in (-1, 1):
                s = street.s + sign * (street.half_width + 1.0)
                n = side * (self.road.half_width[(side + 1) // 2] + 0.6)
                along, right = self.road.axes(s)
                if self.road.kerb_distance(np.array([n]), np.array([s]))[0] < 0.2:
                    continue
                foot = self.road.point(s, n, KERB_HEIGHT)
                self.b.traffic_light(foot, right, along)

    def _skyline(self) -> None:
        """Add distant houses and woods around the street."""
        rng = self.rng
        for angle in np.arange(-1.5, 1.5, 0.07):
            radius = float(rng.uniform(120.0, 170.0))
            across = np.array([np.cos(angle), 0.0, -np.sin(angle)])
            middle = radius * np.array([np.sin(angle), 0.0, np.cos(angle)])
            half = across * radius * 0.045
            height = float(rng.uniform(7.0, 22.0))
            if rng.random() < 0.55:
                facade, tile = self.b.pick('facade'), (12.0, 12.0)
                self.b.panel(
                    middle - half, middle + half, height, facade, 11, self._tint(), tile
                )
            else:
                tone = float(rng.uniform(0.7, 1.0))
                leaves, tile = self.b.atlas['leaves'], (9.0, 9.0)
                args = (height * 0.8, leaves, TREE, (tone,) * 3, tile)
                self.b.panel(middle - half, middle + half, *args)
