import json

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope

from mmdepthseg.evaluation import RowMeanDepth
from mmdepthseg.evaluation.depth_baselines import build_row_mean


@pytest.fixture(autouse=True)
def our_scope():
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        yield


def test_row_means():
    depth = np.array([[0, 90.0, 0], [10, 20, 0], [2, 4, 6], [1, 1, 500]])
    rows = RowMeanDepth.fit([depth, depth + 0], max_depth=80, num_rows=4).rows
    # the first row has no valid pixel and takes its neighbour's value
    assert rows.tolist() == [15, 15, 4, 1]


def test_maps_of_other_sizes_count_by_relative_height():
    small, large = np.full((2, 3), 4.0), np.full((4, 1), 8.0)
    small[1], large[2:] = 1.0, 3.0
    rows = RowMeanDepth.fit([small, large], num_rows=2).rows
    assert np.allclose(rows, [(3 * 4 + 2 * 8) / 5, (3 * 1 + 2 * 3) / 5])


def test_prediction_is_fixed_per_row():
    predictor = RowMeanDepth(np.array([30.0, 10.0, 5.0, 3.0]))
    prediction = predictor.predict(4, 6)
    assert prediction.shape == (4, 6) and prediction[:, 2].tolist() == [30, 10, 5, 3]
    assert predictor.predict(8, 1)[:, 0].tolist() == [
        30,
        25,
        15,
        8.75,
        6.25,
        4.5,
        3.5,
        3,
    ]


def test_nothing_to_fit():
    with pytest.raises(ValueError, match='RowMeanDepth'):
        RowMeanDepth.fit([np.zeros((3, 3))])


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / 'clips/a'
    (root / 'frames').mkdir(parents=True)
    (root / 'depth').mkdir()
    for i in range(3):
        cv2.imwrite(str(root / f'frames/{i}.png'), np.zeros((4, 6, 3), np.uint8))
        depth = np.array([[40], [20], [10], [5]], np.uint16) * 256 * (i + 1) // 2
        cv2.imwrite(str(root / f'depth/{i}.png'), np.tile(depth, (1, 6)))
    return dict(
        type='ClipDataset', data_root=str(tmp_path / 'clips'), depth_dir='{clip}/depth'
    )


def test_fit_over_a_dataset_and_cache(dataset, tmp_path, monkeypatch):
    cache = str(tmp_path / 'work/row_mean.json')
    options = dict(min_depth=1e-3, max_depth=80.0, num_rows=4)
    rows = build_row_mean(dataset, cache, **options).rows
    assert rows.tolist() == [40, 20, 10, 5]

    def fail(*args, **kwargs):
        raise AssertionError('computed again')

    with monkeypatch.context() as patch:
        patch.setattr(RowMeanDepth, 'fit', fail)
        assert build_row_mean(dataset, cache, **options).rows.tolist() == rows.tolist()
        with pytest.raises(AssertionError, match='computed again'):
            build_row_mean(dataset, cache, **{**options, 'max_depth': 30.0})
    other = build_row_mean({**dataset, 'indices': 1}, cache, **options).rows
    assert other.tolist() == [20, 10, 5, 2.5]
    (tmp_path / 'work/row_mean.json').write_bytes(b'damaged')
    assert build_row_mean(dataset, cache, **options).rows.tolist() == rows.tolist()
    assert [p.name for p in (tmp_path / 'work').iterdir()] == ['row_mean.json']


def test_depth_made_again_under_the_same_names_counts(dataset, tmp_path):
    cache = str(tmp_path / 'row_mean.json')
    before = build_row_mean(dataset, cache, 1e-3, 80.0, num_rows=4).rows
    assert before.tolist() == [40, 20, 10, 5]
    for path in (tmp_path / 'clips/a/depth').glob('*.png'):
        cv2.imwrite(str(path), np.full((4, 6), 7 * 256, np.uint16))
    after = build_row_mean(dataset, cache, 1e-3, 80.0, num_rows=4).rows
    assert after.tolist() == [7, 7, 7, 7]


def test_stereo_needs_no_images_to_be_read(tmp_path):
    stem = 'train/aachen/aachen_000000_000002'
    for folder in ('leftImg8bit', 'disparity', 'camera'):
        (tmp_path / folder / 'train/aachen').mkdir(parents=True)
    (tmp_path / f'leftImg8bit/{stem}_leftImg8bit.png').write_bytes(b'not decoded')
    cv2.imwrite(
        str(tmp_path / f'disparity/{stem}_disparity.png'),
        np.full((4, 6), 257, np.uint16),
    )
    camera = dict(
        intrinsic=dict(fx=30.0, fy=30.0, u0=3.0, v0=2.0), extrinsic=dict(baseline=0.2)
    )
    (tmp_path / f'camera/{stem}_camera.json').write_text(json.dumps(camera))
    dataset = dict(type='CityscapesSequenceDataset', data_root=str(tmp_path))
    rows = build_row_mean(dataset, None, 1e-3, 80.0, num_rows=2).rows
    assert np.allclose(rows, 6.0)


def test_dataset_without_depth(dataset):
    dataset.pop('depth_dir')
    with pytest.raises(ValueError, match='a/0 .*gt_depth_map'):
        build_row_mean(dataset, None, 1e-3, 80.0)
