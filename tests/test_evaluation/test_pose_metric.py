import logging

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmseg.structures import SegDataSample

from mmdepthseg.evaluation import PoseMetric, pose_metric
from mmdepthseg.evaluation.pose_errors import snippet_ate
from mmdepthseg.evaluation.pose_metric import Pair, snippets
from mmdepthseg.registry import DATASETS


def trajectory(count, seed=0, step=1.0):
    """Camera-to-world poses of a car that drives ahead and turns a little."""
    rng = np.random.default_rng(seed)
    poses = [np.eye(4)]
    for _ in range(count - 1):
        angle = rng.uniform(-0.1, 0.1)
        turn = np.eye(4)
        turn[[0, 0, 2, 2], [0, 2, 0, 2]] = (
            np.cos(angle),
            np.sin(angle),
            -np.sin(angle),
            np.cos(angle),
        )
        turn[:3, 3] = rng.normal(0, 0.05, 3) + (0, 0, step)
        poses.append(poses[-1] @ turn)
    return np.stack(poses)


def samples(poses, offsets=(1,), clip='a', distort=lambda motion: motion):
    """A sample per frame that has all neighbours; predictions made of the truth."""
    found = []
    for i in range(len(poses)):
        places = [i, *(i + offset for offset in offsets)]
        if all(0 <= place < len(poses) for place in places):
            motions = np.linalg.inv(poses[places[1:]]) @ poses[i]
            sample = SegDataSample(
                metainfo=dict(
                    img_path=f'{clip}/{i}.png',
                    poses_path=clip,
                    pose_lines=places,
                    adjacent_offsets=offsets,
                    gt_poses=poses[places],
                    pred_transforms=np.stack([distort(m) for m in motions]),
                )
            )
            found.append(sample)
    return found


@pytest.fixture
def logged(monkeypatch):
    """Warnings of the metric."""
    found = []

    def log(message, logger=None, level=logging.INFO):
        if level == logging.WARNING:
            found.append(message)

    monkeypatch.setattr(pose_metric, 'print_log', log)
    return found


def evaluate(found, **options):
    metric = PoseMetric(**options)
    for sample in found:
        metric.process({}, [sample.to_dict()])
    return metric.evaluate(len(found))


def shrink(factor):
    def distort(motion):
        motion = motion.copy()
        motion[:3, 3] *= factor
        return motion

    return distort


@pytest.mark.parametrize('align', ['median', 'lsqr'])
@pytest.mark.parametrize('offsets', [(1,), (-1,), (-1, 1)])
def test_exact_up_to_scale(align, offsets):
    found = evaluate(samples(trajectory(8), offsets, distort=shrink(0.04)), align=align)
    for name in ('rotation', 'translation', 'relative', 'direction', 'ate', 'ate_std'):
        assert found[name] == pytest.approx(0, abs=1e-5)
    assert found['scale'] == pytest.approx(25)
    assert found['identity/rotation'] > 1 and found['constant/rotation'] > 1
    assert found['identity/relative'] == pytest.approx(100)
    assert found['constant/direction'] < 20 < found['identity/direction']
    assert found['identity/ate'] > found['constant/ate'] > 0


def test_no_alignment():
    found = evaluate(samples(trajectory(8), distort=shrink(0.5)), align='none')
    assert found['relative'] == pytest.approx(50)
    assert found['ate'] == pytest.approx(0, abs=1e-12)  # always fitted per snippet
    assert 'scale' not in found and 'constant/rotation' not in found


def test_a_wrong_rotation_everywhere():
    angle = np.deg2rad(2)
    turn = np.eye(4)
    turn[[0, 0, 1, 1], [0, 1, 0, 1]] = (
        np.cos(angle),
        -np.sin(angle),
        np.sin(angle),
        np.cos(angle),
    )
    found = evaluate(samples(trajectory(8), distort=lambda m: m @ turn))
    assert found['rotation'] == pytest.approx(2)
    assert found['translation'] == pytest.approx(0, abs=1e-12)
    assert found['ate'] > 1e-3


def test_scale_of_a_clip_and_of_all():
    both = samples(trajectory(6), clip='a', distort=shrink(0.5)) + samples(
        trajectory(6, seed=1), clip='b', distort=shrink(0.1)
    )
    each = evaluate(both, scale_over='clip')
    assert each['translation'] == pytest.approx(0, abs=1e-9)
    assert each['scale'] == pytest.approx(6)
    assert each['scale_spread'] == pytest.approx(4 / 6)
    common = evaluate(both, scale_over='all')
    assert common['translation'] > 0.1 and 'scale_spread' not in common


def test_poses_of_another_convention_are_doubted(logged):
    poses = trajectory(8)
    evaluate(samples(poses))
    evaluate(samples(trajectory(20)[::3]))
    stands = np.repeat(poses[:1], 6, axis=0) + 0.0
    stands[:, 0, 3] += 0.01 * np.arange(6)
    evaluate(samples(np.concatenate([stands, poses])), min_motion=0.005)
    assert not logged
    ros = np.eye(4)[[2, 0, 1, 3]] * [[1], [-1], [-1], [1]]  # x ahead, y left, z up
    for wrong in (np.linalg.inv(poses), ros @ poses @ np.linalg.inv(ros), poses[::-1]):
        evaluate(samples(wrong))
        assert 'camera to world, x right, y down, z forward' in logged.pop()
    assert not logged


def test_clips_that_stand(logged):
    poses = trajectory(8)
    waits = np.concatenate([np.repeat(poses[:1], 20, axis=0), poses])
    found = samples(waits, distort=shrink(0.04))
    figures = evaluate(found)
    assert figures['scale'] == pytest.approx(25)
    assert figures['translation'] == pytest.approx(0, abs=1e-9)
    assert not logged
    still = samples(
        np.repeat(poses[:1], 5, axis=0), clip='b', distort=lambda m: m + 0.01
    )
    both = evaluate(found + still)
    assert both['scale'] == pytest.approx(25) and np.isnan(both['scale_spread'])
    assert both['translation'] == pytest.approx(0, abs=1e-9)
    assert 'no frames of b are 0.05 m' in logged.pop()
    assert 'scale' in evaluate(found + still, scale_over='all') and not logged
    for scale_over in ('clip', 'all'):
        alone = evaluate(still, scale_over=scale_over)
        assert np.isnan([alone['scale'], alone['translation']]).all()
        assert 'no frames of b' in logged.pop()
    assert evaluate(still, align='none')['translation'] > 0 and not logged


def test_snippets_overlap_and_stay_in_their_clip():
    poses = trajectory(7)

    def distort(motion):
        motion = motion.copy()
        motion[:3, 3] += (0.1, 0, 0)
        return motion

    found = samples(poses, distort=distort) + samples(trajectory(3, seed=1), clip='b')
    motions = [s.pred_transforms[0] for s in found[:6]]
    truth = [np.linalg.inv(b) @ a for a, b in zip(poses, poses[1:])]
    ates = [snippet_ate(motions[i : i + 4], truth[i : i + 4]) for i in range(3)]
    figures = evaluate(found)
    assert figures['ate'] == pytest.approx(np.mean(ates))
    assert figures['ate_std'] == pytest.approx(np.std(ates))
    assert 'ate' not in evaluate(found, snippet=8)
    pairs = [Pair('a', i, i + 2, None, None) for i in (0, 1, 2, 3)]
    assert [[p.first for p in chain] for chain in snippets(pairs, 3)] == [
        [0, 2],
        [1, 3],
    ]


def test_a_pair_counts_once():
    poses = trajectory(6)
    one, two = samples(poses, (1,)), samples(poses, (-1, 1))
    assert len(two) == 4
    repeated = evaluate(one + one[:2], align='none')
    assert repeated == pytest.approx(evaluate(one, align='none'), nan_ok=True)


def test_training_mean(monkeypatch):
    training = [
        dict(s.to_dict(), branch='x') for s in samples(trajectory(30, seed=3, step=2.0))
    ]
    for sample in training:
        del sample['pred_transforms']
    built = []
    monkeypatch.setattr(DATASETS, 'build', lambda cfg: built.append(cfg) or training)
    found = evaluate(
        samples(trajectory(8, step=2.0)),
        align='none',
        baseline=dict(dataset=dict(type='X')),
    )
    assert built == [dict(type='X', pipeline=[dict(type='LoadPoses')])]
    assert found['constant/relative'] < 10 < found['identity/relative']
    # its motion is a step of one frame
    with pytest.raises(ValueError, match=r'baseline\.dataset .*\[1, 2\]'):
        evaluate(samples(trajectory(8), (2,)), baseline=dict(dataset=dict(type='X')))


def test_missing_items_and_options():
    sample = samples(trajectory(3))[0].to_dict()
    for key, cure in (('gt_poses', 'LoadPoses'), ('pred_transforms', 'test_pose.py')):
        with pytest.raises(ValueError, match=f'a/0.png.*{key}.*{cure}'):
            PoseMetric().process({}, [{k: v for k, v in sample.items() if k != key}])
    for options in (
        dict(align='mean'),
        dict(scale_over='image'),
        dict(snippet=1),
        dict(baseline=dict(data='x')),
    ):
        with pytest.raises(ValueError):
            PoseMetric(**options)
    assert PoseMetric().compute_metrics([]) == {}


def test_in_an_evaluator():
    with DefaultScope.overwrite_default_scope('mmdepthseg'):
        evaluator = Evaluator([dict(type='PoseMetric', prefix='pose')])
    found = samples(trajectory(6))
    evaluator.process(found)
    assert evaluator.evaluate(len(found))['pose/ate'] == pytest.approx(0, abs=1e-12)
