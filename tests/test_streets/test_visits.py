from collections import Counter
from itertools import islice

import numpy as np
import pytest

from mmdepthseg.streets import Options, render_clip
from mmdepthseg.streets.cities import city_of
from mmdepthseg.streets.visits import FLEET_CITIES, fleet_visits, visit_of
from mmdepthseg.utils.errors import UserError


def test_an_even_pool_shows_every_place_once():
    visits = [visit_of(3, 'train', clip) for clip in range(50)]
    assert [(v.city, v.sequence) for v in visits] == [
        city_of('train', clip) for clip in range(50)
    ]
    assert len({v.place for v in visits}) == 50
    assert not any(v.waits or v.start or v.visit for v in visits)


def test_a_fleet_drives_where_it_is_said_to():
    visits = list(islice(fleet_visits(0), 20_000))
    drives = {v.visit: v for v in visits}.values()
    cities = Counter(v.city for v in drives)
    for city, share in FLEET_CITIES.items():
        # four standard errors
        error = 4 * (share * (1 - share) / len(drives)) ** 0.5
        assert cities[city] / len(drives) == pytest.approx(share, abs=error)
    places = Counter(v.place for v in visits)
    assert places.most_common(1)[0][1] > 0.15 * len(visits)
    assert sum(v.waits for v in visits) > 0.3 * len(visits)
    names = [(v.city, v.sequence) for v in visits]
    assert len(set(names)) == len(names)


def test_each_visit_is_drawn_once(monkeypatch):
    """Else the time grows with the square of their number."""
    drawn = []

    def visits(seed):
        for visit in fleet_visits(seed):
            drawn.append(visit)
            yield visit

    monkeypatch.setattr('mmdepthseg.streets.visits.fleet_visits', visits)
    for clip in (*range(50), 3, 49):
        visit_of(987, 'train', clip, 'fleet')
    assert len(drawn) == 50


def test_a_clip_does_not_depend_on_how_many_there_are():
    visits = list(islice(fleet_visits(5), 40))
    assert [visit_of(5, 'train', clip, 'fleet') for clip in (39, 0, 7)] == [
        visits[39],
        visits[0],
        visits[7],
    ]
    assert visit_of(5, 'val', 1, 'fleet') == visit_of(5, 'val', 1)
    assert list(islice(fleet_visits(6), 40)) != visits


def test_a_stop_shows_one_place_with_other_people():
    options = Options(seed=1, size=(64, 32), supersample=1, pool='fleet')
    visits = [visit_of(1, 'train', clip, 'fleet') for clip in range(60)]
    first = next(i for i, v in enumerate(visits) if v.waits)
    assert visits[first + 1].visit == visits[first].visit
    one, two = (render_clip(options, 'train', first + k) for k in range(2))
    assert (one.poses == one.poses[0]).all() and (two.poses == one.poses[0]).all()
    still = (one.frames[0].moving == 0) & (two.frames[0].moving == 0)
    assert 0.5 < still.mean() < 1
    np.testing.assert_array_equal(
        one.frames[0].label[still], two.frames[0].label[still]
    )
    np.testing.assert_allclose(one.frames[0].depth[still], two.frames[0].depth[still])


def test_pools_are_named():
    with pytest.raises(UserError, match='fleets'):
        Options(pool='fleets')
    # a manifest of an even pool stays what it was
    assert 'pool' not in Options().as_json()
    assert Options(pool='fleet').as_json()['pool'] == 'fleet'
