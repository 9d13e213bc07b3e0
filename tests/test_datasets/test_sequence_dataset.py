import multiprocessing

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmdepthseg.datasets import BrokenFileError, ClipDataset

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAdjacentFrames')]


def build(root, **kwargs):
    return ClipDataset(data_root=str(root), clips=['a'], pipeline=LOAD, **kwargs)


@pytest.fixture
def broken_root(clip_root):
    (clip_root / 'a/frames/001.png').write_bytes(b'no image at all')
    return clip_root


def test_broken_image_stops_with_its_name(broken_root):
    with pytest.raises(BrokenFileError, match='a/frames/001.png'):
        build(broken_root)[1]


def test_broken_image_is_skipped_and_counted(broken_root):
    dataset = build(broken_root, skip_broken=True)
    np.random.seed(0)
    for _ in range(3):
        assert dataset[1]['img'][0, 0, 0] in (0, 20, 30)
    ((message, count),) = dataset.broken_files.items()
    assert '001.png' in message and count >= 3


def test_too_many_broken_files(broken_root):
    (broken_root / 'a/frames/003.png').unlink()
    dataset = build(broken_root, skip_broken=True, max_broken=1, lazy_init=True)
    # the file vanishes after the listing
    (broken_root / 'a/frames/003.png').write_bytes(b'')
    dataset.full_init()
    with pytest.raises(BrokenFileError, match='max_broken=1'):
        for index in range(4):
            dataset[index]


def test_workers_count_broken_files_together(broken_root):
    (broken_root / 'a/frames/003.png').write_bytes(b'')
    dataset = build(broken_root, skip_broken=True, max_broken=1)
    fork = multiprocessing.get_context('fork')
    worker = fork.Process(target=dataset.prepare_data, args=(1,))
    worker.start()
    worker.join()
    assert dataset.prepare_data(1) is None  # the same file
    with pytest.raises(BrokenFileError, match='max_broken=1.*003.png'):
        dataset.prepare_data(3)


@pytest.mark.parametrize('limits, skips', [({}, 100), (dict(max_refetch=5), 6)])
def test_nothing_but_broken_images(broken_root, limits, skips):
    for path in broken_root.glob('a/frames/*.png'):
        path.write_bytes(b'no image')
    dataset = build(broken_root, skip_broken=True, **limits)
    with pytest.raises(
        BrokenFileError,
        match=f' {skips} .*skip_broken=False.*002.png',
    ):
        dataset[2]
    assert sum(dataset.broken_files.values()) == skips


def test_a_good_image_ends_the_row(broken_root):
    dataset = build(broken_root, skip_broken=True, max_refetch=50)
    np.random.seed(0)
    for _ in range(101):
        dataset[1]


def test_a_test_never_skips(broken_root):
    dataset = build(broken_root, skip_broken=True, test_mode=True)
    with pytest.raises(BrokenFileError, match='001.png'):
        dataset[1]


def test_broken_neighbour(broken_root):
    with pytest.raises(BrokenFileError, match='Neighbouring frame .*001.png'):
        build(broken_root, offsets=(-1,))[1]


def test_error_in_a_worker_names_the_file(broken_root):
    loader = DataLoader(build(broken_root), batch_size=None, num_workers=1)
    with pytest.raises(BrokenFileError, match='001.png'):
        list(loader)
