"""A network over a pool of images, in parts."""

import functools
import os
import resource

import cv2
import numpy as np
import pytest
import torch
from helpers.tiny_models import DEPTH_HEAD, build
from helpers.tiny_selection import NAMES, load, make_pool

from mmdepthseg.apis import pool as pool_module
from mmdepthseg.apis.pool import ImagePool, compute_in_parts, image_shape, is_ready
from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.launch.errors import describe_error
from mmdepthseg.registry import DATASETS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


@pytest.fixture(scope='module')
def model():
    return build(depth_head=DEPTH_HEAD).eval()


def build_pool(folder):
    cfg = load(folder)
    dataset = DATASETS.build(
        dict(cfg.predict_dataloader.dataset, pipeline=cfg.predict_pipeline)
    )
    return ImagePool(dataset, batch_size=2)


@pytest.fixture
def pool(tmp_path, model):
    make_pool(tmp_path)
    return build_pool(tmp_path)


def mean_of(batch):
    return FrameBatch.of(batch['inputs']).img.mean((1, 2, 3)).numpy()


def alone(pool, row, model):
    """What `mean_of` is for one image."""
    (((_, batch),),) = pool.load([[row]], model)
    return mean_of(batch)[0]


def test_an_image_beside_a_larger_one(tmp_path, model):
    """It is not padded to its size, which networks would see."""
    clip = make_pool(tmp_path) / 'drive 1/frames'
    image = cv2.imread(str(clip / '1.png'))
    cv2.imwrite(str(clip / '1.png'), np.hstack([image, image[:, ::-1]]))
    pool, found = build_pool(tmp_path), {}

    def disparity(batch):
        values = model.predict_disparity(FrameBatch.of(batch['inputs']).img)
        return values.flatten(1)[:, :100].numpy()

    for pool.batch_size in (1, 4):
        out = tmp_path / f'{pool.batch_size}.npy'
        compute_in_parts(pool, range(6), model, disparity, tmp_path / 'p', out, 'x')
        found[pool.batch_size] = np.load(out)
    assert len({image_shape(pool.dataset[row]) for row in range(6)}) == 2
    np.testing.assert_allclose(found[4], found[1], atol=1e-5)
    assert not np.allclose(found[1][0], found[1][1], atol=1e-4)


def test_more_parts_than_files_may_be_open(pool, model, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_module, 'BATCHES_PER_PART', 1)
    pool.batch_size, merge = 1, pool_module._merge
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def with_few_files(paths, *arguments):
        assert len(paths) == 12
        few = len(os.listdir('/proc/self/fd')) + 6
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
        try:
            merge(paths, *arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    monkeypatch.setattr(pool_module, '_merge', with_few_files)
    out = tmp_path / 'x.npy'
    compute_in_parts(pool, range(12), model, mean_of, tmp_path / 'parts', out, 'means')
    expected = [alone(pool, row, model) for row in range(12)]
    np.testing.assert_allclose(np.load(out), expected, rtol=1e-6)


def test_images_that_are_left_out_are_named(tmp_path):
    """Those to predict, and those to choose from."""
    (make_pool(tmp_path) / 'drive 1/frames/9.webp').touch()
    with pytest.warns(UserWarning, match='drive 1.*9.webp'):
        assert build_pool(tmp_path).names == NAMES


def test_names_and_paths(pool, tmp_path):
    assert pool.names == NAMES
    assert pool.paths[0] == str(tmp_path / 'clips/drive 1/frames/0.png')


def test_images_without_or_with_equal_names():
    class Unnamed(torch.utils.data.Dataset):
        infos = [dict(img_path='a')]

        def __len__(self):
            return len(self.infos)

        def get_data_info(self, index):
            return self.infos[index]

    with pytest.raises(UserError, match='Unnamed.*img_id'):
        ImagePool(Unnamed())
    Unnamed.infos = [dict(img_path=path, img_id='x') for path in 'ab']
    with pytest.raises(UserError, match="'x'"):
        ImagePool(Unnamed())


def test_goes_on_with_the_same_batches(pool, model, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_module, 'BATCHES_PER_PART', 2)
    rows, folder, out = [0, 2, 3, 5, 6, 7, 9], tmp_path / 'parts', tmp_path / 'x.npy'
    seen = []

    def compute(batch):
        names = [s.metainfo['img_id'] for s in batch['data_samples']]
        if len(seen) == 3:
            seen.append('stopped')
            raise KeyboardInterrupt
        seen.append(names)
        return mean_of(batch)

    with pytest.raises(KeyboardInterrupt):
        compute_in_parts(pool, rows, model, compute, folder, out, 'means')
    assert [path.name for path in folder.iterdir()] == ['part_0000000-0000004_by_2.npy']
    assert not out.exists()
    compute_in_parts(pool, rows, model, compute, folder, out, 'means')
    wanted = [[NAMES[row] for row in rows[i : i + 2]] for i in (0, 2, 4, 6)]
    assert seen == [*wanted[:3], 'stopped', *wanted[2:]]
    assert not folder.exists()
    expected = [alone(pool, row, model) for row in rows]
    np.testing.assert_allclose(np.load(out), expected, rtol=1e-6)


def test_what_is_not_finite_is_named(pool, model, tmp_path):
    def compute(batch):
        values = mean_of(batch)
        values[1] = np.nan
        return values

    with pytest.raises(UserError, match=f'means.*{NAMES[1]}'):
        compute_in_parts(
            pool, [0, 1], model, compute, tmp_path / 'parts', tmp_path / 'x', 'means'
        )
    assert not (tmp_path / 'x').exists()


def stop_after(calls):
    """A function of batches that is interrupted after some."""

    def compute(batch):
        nonlocal calls
        if not calls:
            raise KeyboardInterrupt
        calls -= 1
        return mean_of(batch)

    return compute


def test_parts_of_other_batches_are_not_taken(pool, model, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_module, 'BATCHES_PER_PART', 2)
    folder, out = tmp_path / 'parts', tmp_path / 'x.npy'
    with pytest.raises(KeyboardInterrupt):
        compute_in_parts(pool, range(12), model, stop_after(4), folder, out, 'means')
    assert len(list(folder.iterdir())) == 2
    pool.batch_size = 3
    compute_in_parts(pool, range(12), model, mean_of, folder, out, 'means')
    expected = [alone(pool, row, model) for row in range(12)]
    np.testing.assert_allclose(np.load(out), expected, rtol=1e-6)
    assert not folder.exists()


def test_a_damaged_part_is_made_again(pool, model, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_module, 'BATCHES_PER_PART', 2)
    folder, out = tmp_path / 'parts', tmp_path / 'x.npy'
    with pytest.raises(KeyboardInterrupt):
        compute_in_parts(pool, range(12), model, stop_after(4), folder, out, 'means')
    part = folder / 'part_0000004-0000008_by_2.npy'
    whole = np.load(part)
    for damage in (lambda: np.save(part, np.zeros(3)), lambda: part.write_bytes(b'x')):
        damage()
        with pytest.raises(KeyboardInterrupt):
            stop = stop_after(3)  # of which two are this part
            compute_in_parts(pool, range(12), model, stop, folder, out, 'means')
        np.testing.assert_array_equal(np.load(part), whole)


@pytest.fixture
def little_space():
    """Files of this process cannot grow beyond 16 KiB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE)
    limit((2**14, before[1]))
    yield functools.partial(limit, before)
    limit(before)


def test_a_full_disk_while_parts_are_merged(
    pool, model, tmp_path, monkeypatch, little_space
):
    monkeypatch.setattr(pool_module, 'BATCHES_PER_PART', 2)
    folder, out = tmp_path / 'parts', tmp_path / 'x.npy'

    def wide(batch):  # a part has 4 * 600 numbers, the whole 12 * 600
        return np.repeat(mean_of(batch)[:, None], 600, 1)

    with pytest.raises(OSError) as caught:
        compute_in_parts(pool, range(12), model, wide, folder, out, 'means')
    assert describe_error(caught.value).startswith(f'{out}: ')
    assert not out.exists()
    assert len([*folder.iterdir()]) == len([*folder.glob('*_by_2.npy')]) == 3
    little_space()

    def again(batch):
        pytest.fail('computed again')

    compute_in_parts(pool, range(12), model, again, folder, out, 'means')
    assert np.load(out).shape == (12, 600) and not folder.exists()


def test_parts_stay_until_the_stamp_is_there(pool, model, tmp_path, monkeypatch):
    """A kill at any moment of the end costs no forward pass, and leaves no files."""
    work = StampedFolder(tmp_path / 'work', 'the means', dict(a=1))
    folder, out = work.folder / 'parts', tmp_path / 'x.npy'

    def killed(*_):
        raise KeyboardInterrupt

    def again(batch):
        pytest.fail('computed again')

    work.begin()

    def run(compute, finish):
        assert not is_ready(work, out, 12, overwrite=False)
        compute_in_parts(pool, range(12), model, compute, folder, out, 'means', finish)

    with monkeypatch.context() as patch:  # in the merge: what os.replace would move
        patch.setattr(pool_module.os, 'replace', killed)
        patch.setattr(
            pool_module,
            'save_array',
            lambda path, array: (
                path.parent.mkdir(parents=True, exist_ok=True),
                np.save(path, array),
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            run(mean_of, work.finish)
    with pytest.raises(KeyboardInterrupt):
        run(again, killed)
    with monkeypatch.context() as patch:
        patch.setattr(pool_module.shutil, 'rmtree', killed)
        with pytest.raises(KeyboardInterrupt):
            run(again, work.finish)
    assert folder.exists()
    assert is_ready(work, out, 12, overwrite=False) and not folder.exists()
    assert {path.name for path in tmp_path.rglob('*') if 'clips' not in str(path)} == {
        'work',
        'stamp.json',
        'x.npy',
        'select.py',
    }
    assert len(np.load(out)) == 12


def test_what_is_finished_must_have_a_row_per_image(tmp_path):
    work = StampedFolder(tmp_path / 'work', 'the means', dict(a=1))
    work.begin()
    work.finish()
    assert not is_ready(work, tmp_path / 'x.npy', 12, overwrite=False)
    np.save(tmp_path / 'x.npy', np.zeros((8, 3)))
    assert not is_ready(work, tmp_path / 'x.npy', 12, overwrite=False)
    np.save(tmp_path / 'x.npy', np.zeros((12, 3)))
    assert is_ready(work, tmp_path / 'x.npy', 12, overwrite=False)
    work.finish(sha256='of another file')
    assert not is_ready(work, tmp_path / 'x.npy', 12, overwrite=False)


@pytest.mark.parametrize('numbers', [(0, 0), (-1, 0), (2, -1)])
def test_numbers_out_of_range(pool, numbers):
    with pytest.raises(UserError, match=f'batch_size={numbers[0]}, num_workers='):
        ImagePool(pool.dataset, *numbers)
