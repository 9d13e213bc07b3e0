"""Whole (tiny) data sets: layout, determinism, resuming, errors."""

import json
import multiprocessing
import os

import cv2
import numpy as np
import pytest

from mmdepthseg.cityscapes import TRAIN_IDS, decode_disparity, encode_disparity
from mmdepthseg.registry import DATASETS
from mmdepthseg.streets import (
    Options,
    clip_is_complete,
    render_clip,
    render_dataset,
)
from mmdepthseg.streets.dataset import _run
from mmdepthseg.utils.errors import UserError

TINY = Options(seed=5, clips=2, val_clips=1, frames=3, size=(96, 48), supersample=1)


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob('*')
        if p.is_file()
    }


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp('streets') / 'set'
    calls = []
    manifest = render_dataset(out, TINY, 1, lambda *call: calls.append(call))
    return out, manifest, calls


def test_layout_is_cityscapes(tiny):
    out, manifest, calls = tiny
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert json.loads((out / 'streets.json').read_text()) == manifest
    assert manifest['counts']['train']['frames'] == 6
    assert not (out / 'streets.partial.json').exists()
    images = sorted(p.name for p in (out / 'leftImg8bit').rglob('*.png'))
    assert len(images) == 3
    assert len(list((out / 'leftImg8bit_sequence').rglob('*.png'))) == 9
    for image in (out / 'leftImg8bit').rglob('*.png'):
        split, city = image.parts[-3:-1]
        stem = image.name.removesuffix('_leftImg8bit.png')
        assert stem.startswith(f'{city}_000000_000019')
        label = cv2.imread(
            str(out / 'gtFine' / split / city / f'{stem}_gtFine_labelIds.png'), -1
        )
        train = cv2.imread(
            str(out / 'gtFine' / split / city / f'{stem}_gtFine_labelTrainIds.png'), -1
        )
        assert label.shape == (48, 96) and label.dtype == np.uint8
        assert set(np.unique(label)) <= {0, 4, *TRAIN_IDS}
        expected = np.vectorize(lambda v: TRAIN_IDS.get(int(v), 255))(label)
        np.testing.assert_array_equal(train, expected)
        camera = json.loads(
            (out / 'camera' / split / city / f'{stem}_camera.json').read_text()
        )
        assert {'baseline', 'pitch', 'roll', 'yaw', 'x', 'y', 'z'} == set(
            camera['extrinsic']
        )
        assert {'fx', 'fy', 'u0', 'v0'} == set(camera['intrinsic'])
        code = cv2.imread(
            str(out / 'disparity' / split / city / f'{stem}_disparity.png'), -1
        )
        assert code.dtype == np.uint16
        np.testing.assert_array_equal(code == 0, label == 23)
        sequence = out / 'leftImg8bit_sequence' / split / city / image.name
        assert sequence.read_bytes() == image.read_bytes()
        poses = np.loadtxt(out / 'poses' / split / city / f'{city}_000000_poses.txt')
        assert poses.shape == (3, 12)
        np.testing.assert_allclose(poses[0], np.eye(4)[:3].ravel(), atol=1e-8)
        assert (np.diff(poses[:, 11]) > 0.1).all()  # forward is +z


def test_same_bytes_with_two_workers(tiny, tmp_path):
    render_dataset(tmp_path / 'again', TINY, 2)
    assert contents(tmp_path / 'again') == contents(tiny[0])


def test_other_seed_gives_other_images(tiny):
    one = render_clip(TINY, 'train', 0).frames[0].image
    options = Options(**{**TINY.as_json(), 'seed': 6})
    other = render_clip(options, 'train', 0).frames[0].image
    assert (one != other).mean() > 0.3


def test_resumes_after_interruption(tiny, tmp_path):
    out = tmp_path / 'resumed'
    expected = contents(tiny[0])
    clips = []

    def interrupt(done, total):
        clips.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_dataset(out, TINY, 1, interrupt)
    assert (out / 'streets.partial.json').exists()
    assert not (out / 'streets.json').exists()
    assert [clip_is_complete(out, TINY, *job) for job in TINY.jobs()] == [1, 1, 0]
    # One file lost, one cut off; half a temporary file does not count.
    images = sorted((out / 'leftImg8bit').rglob('*.png'))
    half = images[0].with_name(images[0].name + '.tmp-99')
    half.write_bytes(b'half')
    os.utime(half, (0, 0))
    images[0].unlink()
    label = next((out / 'gtFine' / 'train').rglob('*labelIds.png'))
    label.write_bytes(label.read_bytes()[:-7])
    fresh = []
    render_dataset(out, TINY, 1, lambda done, total: fresh.append(done))
    assert contents(out) == expected
    assert fresh[-1] == 3


def test_a_killed_worker_ends_the_rendering(tmp_path):
    """As for want of memory; a Pool would wait for its task for ever."""
    options = Options(**{**TINY.as_json(), 'clips': 6})

    def kill(done, total):
        if done == 1:
            for process in multiprocessing.active_children():
                process.kill()

    with pytest.raises(UserError, match=r'signal 9.*fewer --workers'):
        render_dataset(tmp_path, options, 2, kill)
    assert (tmp_path / 'streets.partial.json').exists()
    assert multiprocessing.active_children() == []


def test_an_error_in_a_worker_is_that_of_the_rendering(tmp_path):
    (tmp_path / 'out').mkdir()
    tasks = [(str(tmp_path / 'out'), TINY.as_json(), 'test', n) for n in range(2)]
    with pytest.raises(UserError, match="split must be one of .* got 'test'"):
        list(_run(tasks, 2))


def test_a_bug_in_a_worker_is_shown_where_it_is(tmp_path):
    tasks = [(str(tmp_path / 'out'), {'odd': 1}, 'train', n) for n in range(2)]
    with pytest.raises(RuntimeError, match=r'(?s)in _job.*TypeError.*odd'):
        list(_run(tasks, 2))


def test_half_a_set_is_not_read_as_the_whole(tmp_path, our_scope):
    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path, TINY, 1, interrupt)
    settings = dict(type='CityscapesSequenceDataset', data_root=str(tmp_path))
    with pytest.raises(UserError, match='is not finished .streets.partial.json.: run'):
        DATASETS.build(dict(settings, pipeline=[]))
    render_dataset(tmp_path, TINY, 1)
    assert len(DATASETS.build(dict(settings, pipeline=[]))) == 2


def test_finished_set_is_not_rendered_again(tiny, monkeypatch):
    monkeypatch.setattr('mmdepthseg.streets.dataset.render_clip', None)
    before = contents(tiny[0])
    render_dataset(tiny[0], TINY, 1)
    assert contents(tiny[0]) == before


def test_refuses_other_options_and_foreign_folders(tiny, tmp_path):
    options = Options(**{**TINY.as_json(), 'seed': 6})
    with pytest.raises(ValueError, match=r'options\.seed .* 5, .* 6'):
        render_dataset(tiny[0], options, 1)
    (tmp_path / 'leftImg8bit').mkdir()
    with pytest.raises(ValueError, match='leftImg8bit, without streets.json'):
        render_dataset(tmp_path, TINY, 1)
    (tmp_path / 'other/gtFine').mkdir(parents=True)
    with pytest.raises(ValueError, match='gtFine, without streets.json'):
        render_dataset(tmp_path / 'other', TINY, 1)
    broken = tmp_path / 'broken'
    broken.mkdir()
    (broken / 'streets.json').write_text('{')
    with pytest.raises(ValueError, match='streets.json: damaged'):
        render_dataset(broken, TINY, 1)


def test_unwritable_folder(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='file/set'):
        render_dataset(tmp_path / 'file' / 'set', TINY, 1)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'size': (8, 8)}, '8x8'),
        ({'size': (2048, 128)}, 'height / width'),
        ({'frames': 4}, 'frames.* 4 '),
        ({'val_frames': 0}, 'val_frames.* 0'),
        ({'clips': -1}, 'val_clips'),
        ({'clips': 0, 'val_clips': 0}, 'not both 0'),
        ({'supersample': 9}, 'supersample.*9'),
        ({'seed': -1}, 'seed'),
        ({'pool': 'fleet', 'frames': 35}, 'frames must be at most 33.*35'),
    ],
)
def test_silly_options(change, message):
    with pytest.raises(ValueError, match=message):
        Options(**change)


def test_unknown_split():
    with pytest.raises(ValueError, match='split'):
        render_clip(TINY, 'test', 0)


def test_no_process_at_all(tmp_path):
    with pytest.raises(UserError, match='workers must be at least 1, got 0'):
        render_dataset(tmp_path / 'out', TINY, 0)


def test_what_is_too_near_for_16_bits_is_no_depth():
    depth = np.array([[1.0, 4.0, 4.2, 80.0, 0.0]])
    code = encode_disparity(depth, 0.22, 4800.0)  # 4.13 m
    assert (code[0] > 0).tolist() == [False, False, True, True, False]
    back = decode_disparity(code, 0.22, 4800.0)
    np.testing.assert_allclose(back[0, 2:], depth[0, 2:], rtol=0.01)


def test_disparity_round_trip_of_a_scene():
    clip = render_clip(TINY, 'train', 0, colour=False)
    depth = clip.frames[1].depth
    pair = clip.camera.baseline, clip.camera.fx
    back = decode_disparity(encode_disparity(depth, *pair), *pair)
    near = (depth > 0) & (depth < 30)
    assert np.abs(back[near] / depth[near] - 1).max() < 0.01
    assert (back[depth == 0] == 0).all()
