"""The promise the streets must keep, measured on a small sample."""

import numpy as np
import pytest

from mmdepthseg.streets import Options, render_clip, render_dataset
from mmdepthseg.streets.check import (
    _summary,
    check_dataset,
    format_report,
    is_good,
    measure_triplet,
    photometric_error,
    row_baseline,
)
from mmdepthseg.streets.visits import visit_of
from mmdepthseg.utils.errors import UserError

SMALL = Options(seed=0, clips=5, val_clips=2, frames=3, size=(192, 96))


@pytest.fixture(scope='module')
def clips():
    jobs = [('train', 0), ('train', 2), ('val', 1)]
    return [render_clip(SMALL, *job) for job in jobs]


def test_true_warp_is_at_most_a_fifth_of_identity(clips):
    for clip in clips:
        full, half = measure_triplet(clip, 1.0), measure_triplet(clip, 0.5)
        assert full['share'] > 0.3
        assert full['true'] <= 0.2 * full['identity']
        # 96x48: half the size that trainings see, a quarter of the default set's
        assert half['true'] <= 0.3 * half['identity']
        assert 0.05 < full['identity']


def test_wrong_depth_or_pose_is_far_worse(clips):
    clip = clips[0]
    right = measure_triplet(clip, 1.0)
    depths = [f.depth for f in clip.frames]
    poses = clip.poses
    try:
        clip.poses = poses.copy()
        clip.poses[:, :3, 3] *= 1.15
        assert measure_triplet(clip, 1.0)['true'] > 1.5 * right['true']
        # Camera-to-world must not be mixed up with world-to-camera.
        clip.poses = np.linalg.inv(poses)
        wrong = measure_triplet(clip, 1.0)
        assert wrong['share'] < 0.1 or wrong['true'] > 3 * right['true']
    finally:
        clip.poses = poses
        for frame, depth in zip(clip.frames, depths, strict=True):
            frame.depth = depth


def test_flow_is_a_few_percent_of_the_width(clips):
    for clip in clips:
        flow = measure_triplet(clip, 1.0)
        assert 0.003 < flow['flow_median'] < 0.03
        assert 0.015 < flow['flow_95'] < 0.05
        assert flow['flow_max'] < 0.08


def test_classes_and_moving_objects():
    options = Options(seed=0, frames=1, val_frames=1, size=(192, 96), supersample=1)
    labels, moving = set(), 0
    for split, count in (('train', 5), ('val', 2)):
        for number in range(count):
            clip = render_clip(options, split, number, colour=False)
            labels |= set(np.unique(clip.frames[0].label).tolist())
            moving += int((clip.frames[0].moving > 0).any())
    assert len(labels - {0, 4}) >= 12
    assert moving == 7


def test_photometric_error_against_plain_loops():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 6, 7, 3))
    got = photometric_error(a, b)
    padded = [np.pad(x, ((1, 1), (1, 1), (0, 0)), mode='reflect') for x in (a, b)]
    for y, x in ((0, 0), (3, 4), (5, 6)):
        total = 0.0
        for c in range(3):
            p, q = (image[y : y + 3, x : x + 3, c] for image in padded)
            cov = ((p - p.mean()) * (q - q.mean())).mean()
            ssim = (2 * p.mean() * q.mean() + 1e-4) * (2 * cov + 9e-4)
            ssim /= (p.mean() ** 2 + q.mean() ** 2 + 1e-4) * (p.var() + q.var() + 9e-4)
            total += 0.85 * np.clip((1 - ssim) / 2, 0, 1) / 3
            total += 0.15 * abs(a[y, x, c] - b[y, x, c]) / 3
        assert got[y, x] == pytest.approx(total, rel=1e-9)


def test_row_baseline_is_perfect_when_rows_tell_all():
    ramp = np.linspace(60, 4, 24, dtype=np.float32)[:, None].repeat(40, 1)
    result = row_baseline([ramp], [ramp * 0.5])
    assert result == pytest.approx({'abs_rel': 0.0, 'a1': 1.0}, abs=1e-6)


def test_report_of_a_data_set(tmp_path):
    options = Options(clips=1, val_clips=1, frames=3, size=(96, 48), supersample=1)
    render_dataset(tmp_path / 'set', options, 1)
    text = format_report(check_dataset(tmp_path / 'set', options))
    assert 'true warp' in text and 'per-row mean' in text


def test_a_check_without_neighbours(tmp_path):
    with pytest.raises(UserError, match='--frames, --val-frames'):
        check_dataset(tmp_path, Options(frames=1, val_frames=1))


def test_clips_that_stand_do_not_count():
    """Without motion neighbours are alike, however right depth and pose are."""
    some = dict(true=0.01, identity=0.1, true_all=0.01, identity_all=0.1, share=0.5)
    row = _summary([dict(some, flow_median=0.1, flow_95=0.1, flow_max=0.1)])
    part = dict(full=row, half=row, waiting=3, shares={})
    assert is_good(dict(train=part))
    assert 'train not measured: 3 clips that stand' in format_report(dict(train=part))
    part = dict(full={}, half={}, waiting=5, shares={})
    assert not is_good(dict(train=part))
    assert 'no clip of 3 frames moves' in format_report(dict(train=part))


def test_a_fleet_is_measured_where_it_drives(tmp_path):
    waits = {
        seed: [visit_of(seed, 'train', clip, 'fleet').waits for clip in range(4)]
        for seed in range(20)
    }
    seed = next(seed for seed, each in waits.items() if 0 < sum(each) < 4)
    options = Options(
        seed=seed, clips=4, val_clips=0, frames=3, size=(64, 32), pool='fleet'
    )
    render_dataset(tmp_path, options, 1)
    part = check_dataset(tmp_path, options)['train']
    assert part['waiting'] == sum(waits[seed]) and np.isfinite(part['full']['worst'])
