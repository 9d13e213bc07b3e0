"""Depth maps of another unit, or normalised one by one, are not taken in silence."""

import cv2
import numpy as np
import pytest

from mmdepthseg.datasets.depth_maps import DepthKind
from mmdepthseg.datasets.imported_depth import import_depth
from mmdepthseg.utils.errors import UserError

SIZE = (24, 48)
#: Depth of a street, metres: a road from 4 m on, and what stands beside it.
STREET = np.geomspace(60, 4, SIZE[0])[:, None] * np.linspace(0.7, 1, SIZE[1])


@pytest.fixture
def import_maps(tmp_path):
    """Import such maps as labels of grey images; return the labels."""

    def run(maps, *meaning, **options):
        for folder in ('images', 'maps'):
            (tmp_path / folder).mkdir(exist_ok=True)
        for i, values in enumerate(maps):
            image = np.zeros((*SIZE, 3), np.uint8)
            cv2.imwrite(str(tmp_path / f'images/{i:02d}.png'), image)
            np.save(tmp_path / f'maps/{i:02d}.npy', values)
        kind = DepthKind(*meaning, **options)
        places = [tmp_path / name for name in ('maps', 'images', 'labels')]
        import_depth(*places, kind)
        paths = sorted((tmp_path / 'labels').glob('*.png'))
        return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]

    return run


@pytest.mark.parametrize(
    'values, meaning, named',
    [
        ((STREET * 1000).astype(np.uint16), ('depth',), '--divisor 1000'),
        (STREET * 256, ('depth',), '--divisor 256'),
        (STREET / 80, ('depth',), '--scale'),
        (STREET * 1000, ('depth', None, 1, 20), r'median is \d+,\d+\.\d m'),
        (STREET * 20, ('depth',), '--max-depth'),
        (STREET + 30, ('depth', None, 0.1, 30), '--max-depth'),
        (378 / STREET, ('inverse-depth',), 'fx x baseline'),
        (STREET, ('inverse-depth',), '--kind depth'),
        (1 / STREET, ('disparity', 1e-3), '--scale than 0.001'),
    ],
)
def test_another_unit_is_refused(values, meaning, named, import_maps, tmp_path):
    with pytest.raises(UserError, match=named):
        import_maps([values] * 2, *meaning)
    assert not (tmp_path / 'labels').exists()


def far_sky(values, share=1 / 3, distance=1e10):
    values = values.copy()
    values[: round(SIZE[0] * share)] = distance
    return values


@pytest.mark.parametrize(
    'values, meaning',
    [
        (STREET, ('depth',)),
        ((STREET * 1000).astype(np.uint16), ('depth', 1e-3)),
        (far_sky(STREET), ('depth',)),
        (far_sky(STREET, 0.6, 1e4), ('depth',)),  # as Depth Pro's
        (STREET, ('depth', None, 1, 6)),  # on purpose
        (STREET * 20, ('depth', None, 1, 2000)),
        (np.minimum(STREET, 20), ('depth', None, 1, 20)),
        (378 / STREET, ('inverse-depth', 1 / 378)),
        (1 / STREET, ('inverse-depth',)),
        (np.full(SIZE, 100.0), ('depth',)),
        (1 / STREET, ('disparity',)),
        (1 / STREET, ('disparity', 0.1)),
    ],
)
def test_the_right_unit_is_not(values, meaning, import_maps, user_warnings):
    labels = import_maps([values] * 2, *meaning)
    assert len(labels) == 2 and not user_warnings()


def test_a_stray_value_that_sets_the_scale_is_named(import_maps):
    maps = [1 / STREET * (1 + i / 9) for i in range(4)]
    maps[2][3, 3] = 1e6
    with pytest.raises(UserError, match=r'02\.npy: .*1e\+06'):
        import_maps(maps, 'disparity')
    maps[2][3, 3] = 0
    labels = import_maps(maps, 'disparity')
    assert labels[3].max() == 65535 and labels[2][3, 3] == 0


def normalised(values, top=1.0):
    return (values - values.min()) / np.ptp(values) * top


@pytest.mark.parametrize('scale', [None, 1 / 65535])
def test_maps_normalised_one_by_one_are_doubted(scale, import_maps, user_warnings):
    maps = [1 / (STREET + i) for i in range(4)]
    import_maps(
        [normalised(v, 65535).astype(np.uint16) for v in maps], 'disparity', scale
    )
    (found,) = user_warnings()
    assert '65,535' in found and '4 maps' in found


@pytest.mark.parametrize(
    'maps',
    [
        [1 / (STREET + i) for i in range(4)],
        [normalised(1 / STREET), 1 / STREET, 0.9 / STREET, 0.8 / STREET],
        [normalised(1 / STREET)] * 2,
    ],
)
def test_maps_of_one_scale_are_not(maps, import_maps, user_warnings):
    import_maps(maps, 'disparity')
    assert not user_warnings()
