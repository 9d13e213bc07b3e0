import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdepthseg.evaluation import DEPTH_ERRORS, DepthMetric, RowMeanDepth, depth_errors
from mmdepthseg.evaluation.depth_metric import resize_depth


def sample(prediction, target, **meta):
    data = SegDataSample(metainfo=dict(img_path='a.png', **meta))
    for key, array in (('pred_depth_map', prediction), ('gt_depth_map', target)):
        if array is not None:
            array = torch.as_tensor(np.asarray(array, dtype=np.float32))[None]
            data.set_data({key: PixelData(data=array)})
    return data


def scene(seed, size=(10, 14)):
    rng = np.random.default_rng(seed)
    target = rng.uniform(2, 70, size)
    target[0, :5] = 0  # not measured
    target[1, 0] = 200  # too far
    return target * np.exp(rng.normal(0, 0.2, size)), target


def evaluate(samples, **options):
    metric = DepthMetric(**options)
    for item in samples:
        metric.process({}, [item.to_dict()])
    return metric.evaluate(len(samples))


def test_mean_over_images_of_aligned_errors():
    scenes = [scene(0), scene(1)]
    found = evaluate([sample(3 * p, g) for p, g in scenes])
    expected, scales = [], []
    for prediction, target in scenes:
        mask = (target > 1e-3) & (target < 80)
        p, g = 3 * prediction[mask].astype(np.float32), target[mask].astype(np.float32)
        scales.append(np.median(g) / np.median(p))
        p = np.clip(p * scales[-1], 1e-3, 80)
        expected.append(depth_errors(torch.tensor(p), torch.tensor(g)).numpy())
    assert [found[n] for n in DEPTH_ERRORS] == pytest.approx(
        np.mean(expected, 0).tolist(), rel=1e-4
    )
    assert found['scale'] == pytest.approx(np.mean(scales), rel=1e-5)
    assert found['scale_spread'] == pytest.approx(
        np.std(scales) / np.mean(scales), rel=1e-3
    )


@pytest.mark.parametrize('align', ['median', 'lsqr', 'affine'])
def test_scale_does_not_matter_when_aligned(align):
    p, g = scene(0)
    one = evaluate([sample(p, g)], align=align)
    two = evaluate([sample(9 * p, g)], align=align)
    for name in DEPTH_ERRORS:
        assert one[name] == pytest.approx(two[name], rel=1e-3)
    assert evaluate([sample(g + (g == 0), g)], align=align)['abs_rel'] < 1e-4


def test_no_alignment_and_clamping():
    g = np.full((4, 4), 40.0)
    found = evaluate([sample(np.full((4, 4), 1e6), g)], align='none')
    assert found['abs_rel'] == pytest.approx(1.0)  # clamped to 80
    found = evaluate([sample(np.zeros((4, 4)), g)], align='none')
    assert math.isfinite(found['rmse_log'])
    assert 'scale' not in found and 'constant/a1' not in found


def test_errors_by_distance():
    """Aligned by the whole image; images without a pixel in a range do not count."""
    scenes = [scene(0), scene(1)]
    near = scenes[1][1] > 40  # the second image has nothing beyond 40 m
    scenes[1][1][near] = 0
    samples = [sample(3 * p, g) for p, g in scenes]
    found = evaluate(samples, ranges=(0, 20, 40, 80))
    expected: dict[str, list[float]] = {}
    for p, g in scenes:
        mask = (g > 0) & (g < 80)
        p = p * np.median(g[mask]) / np.median(p[mask])
        p = p.clip(max=80)
        for low, high in ((0, 20), (20, 40), (40, 80)):
            inside = mask & (g > low) & (g <= high)
            if not inside.any():
                continue
            error = (np.abs(p - g) / np.where(mask, g, 1))[inside].mean()
            ratio = np.maximum(p, g)[inside] / np.minimum(p, g)[inside]
            expected.setdefault(f'{low}-{high}m/abs_rel', []).append(error)
            expected.setdefault(f'{low}-{high}m/a1', []).append((ratio < 1.25).mean())
    assert [len(v) for v in expected.values()] == [2, 2, 2, 2, 1, 1]
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values), rel=1e-4)
    names = DepthMetric(ranges=(0, 20, 40, 80)).figure_names()
    assert {*expected} <= {*names} and {*found} == {*names}
    plain = evaluate(samples)
    assert plain == {name: found[name] for name in plain}


def test_a_range_that_no_image_has():
    p, g = scene(0)
    found = evaluate([sample(p, g)], ranges=[70, 79])
    assert math.isnan(found['70-79m/a1']) and math.isfinite(found['a1'])


def test_constant_baseline():
    p, g = scene(0)
    found = evaluate([sample(p, g)])
    flat = evaluate([sample(np.ones_like(p), g)])
    assert found['constant/abs_rel'] == pytest.approx(flat['abs_rel'])
    assert found['abs_rel'] < found['constant/abs_rel']


def test_row_mean_baseline_is_built_once_when_needed(monkeypatch):
    built = []

    def build(dataset, cache, min_depth, max_depth):
        built.append((dataset, cache, max_depth))
        return RowMeanDepth(np.linspace(60, 5, 10))

    monkeypatch.setattr('mmdepthseg.evaluation.depth_metric.build_row_mean', build)
    target = np.tile(np.linspace(60, 5, 10)[:, None], (1, 14)) * 1.1
    samples = [sample(np.ones((10, 14)), target)] * 2
    metric = dict(baseline=dict(dataset=dict(type='X'), cache='c.npz'))
    found = evaluate(samples, **metric)
    assert built == [(dict(type='X'), 'c.npz', 80.0)]
    assert found['row_mean/abs_rel'] == pytest.approx(0, abs=1e-5)
    assert found['row_mean/a1'] == 1 > found['constant/a1']
    # not aligned: the scale of the training set, 10 % off
    found = evaluate(samples, align='none', **metric)
    assert found['row_mean/abs_rel'] == pytest.approx(0.1 / 1.1, rel=1e-4)
    assert found['constant/abs_rel'] > 0.1


def test_crop_takes_the_part_of_the_row_mean_too(monkeypatch):
    monkeypatch.setattr(
        'mmdepthseg.evaluation.depth_metric.build_row_mean',
        lambda **_: RowMeanDepth(np.array([50.0, 40.0, 20.0, 10.0])),
    )
    target = np.tile(np.array([[50.0], [40], [20], [10]]), (1, 6))
    prediction = target.copy()
    prediction[3] = 1.0  # outside the crop
    found = evaluate(
        [sample(prediction, target)],
        align='none',
        crop=(0.25, 0.75, 0, 1),
        baseline=dict(dataset={}),
    )
    assert found['abs_rel'] == 0 and found['row_mean/abs_rel'] == 0


def test_empty_masks():
    p, g = scene(0)
    found = evaluate([sample(p, g), sample(p, np.zeros_like(g))])
    assert found['a1'] == evaluate([sample(p, g)])['a1']
    assert math.isnan(evaluate([sample(p, np.zeros_like(g))])['abs_rel'])


def test_missing_maps_are_named():
    p, g = scene(0)
    with pytest.raises(
        ValueError,
        match='a.png has no gt_depth_map.*LoadStereoDepth.*'
        'val_dataloader=None val_cfg=None val_evaluator=None',
    ):
        evaluate([sample(p, None)])
    with pytest.raises(ValueError, match='a.png.*pred_depth_map.*depth_head'):
        evaluate([sample(None, g)])


def test_prediction_of_another_size():
    inverse = torch.tensor([[1.0, 0.5], [1.0, 0.5]])
    resized = resize_depth(inverse.reciprocal(), (2, 4))
    assert torch.allclose(
        resized.reciprocal(), torch.tensor([[1, 0.875, 0.625, 0.5]] * 2)
    )
    g = np.full((20, 28), 5.0)
    assert evaluate([sample(np.full((10, 14), 2.0), g)])['abs_rel'] < 1e-6


@pytest.mark.parametrize(
    'options',
    [
        dict(align='mean'),
        dict(min_depth=0),
        dict(min_depth=9, max_depth=3),
        dict(crop='kitti'),
        dict(baseline=dict(cache='x')),
        dict(baseline=dict(dataset={}, cach='x')),
        dict(ranges=[10]),
        dict(ranges=[0, 20, 20]),
        dict(ranges=[20, 0]),
        dict(ranges=[-1, 20]),
        dict(ranges='0-20'),
        dict(ranges=20),
        dict(ranges=[20, 100]),
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError):
        DepthMetric(**options)


def test_results_stay_small_and_prefix():
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        evaluator = Evaluator([dict(type='DepthMetric', prefix='depth')])
    p, g = scene(0)
    evaluator.process([sample(p, g)])
    (result,) = evaluator.metrics[0].results
    assert {name: len(values) for name, values in result.items()} == dict(
        prediction=10, constant=10
    )
    found = evaluator.evaluate(1)
    assert 'depth/a1' in found and 'depth/constant/a1' in found
