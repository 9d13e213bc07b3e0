"""The samples that the configs of the paper's experiments give, on tiny images."""

import cv2
import numpy as np
import pytest
from helpers.paper_configs import change, load

from mmdepthseg.datasets.subset import random_subset
from mmdepthseg.registry import DATASETS
from mmdepthseg.streets import Options, render_dataset

pytestmark = pytest.mark.usefixtures('at_home')


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Five tiny clips in the layout of Cityscapes, with depth labels of noise."""
    root = tmp_path_factory.mktemp('cityscapes')
    render_dataset(
        root,
        Options(clips=5, val_clips=1, frames=3, size=(96, 48), supersample=1),
        workers=1,
    )
    rng = np.random.default_rng(0)
    for image in (root / 'leftImg8bit_sequence/train').rglob('*.png'):
        name = image.name.replace('_leftImg8bit', '')
        path = root / 'depth_labels' / image.parent.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 65536, (48, 96)).astype(np.uint16)
        assert cv2.imwrite(str(path), noise)
    return root


def parts(cfg, images, n=2):
    """The data sets of a config's training, on the tiny images."""
    change(
        cfg,
        f'train_dataloader.dataset.shared.data_root={images}',
        f'train_dataloader.dataset.shared.labeled_subset.n={n}',
        '+train_dataloader.dataset.shared.check_depth_labels=False',
    )
    return DATASETS.build(cfg.train_dataloader.dataset).datasets


MODE = 'train_dataloader.dataset.sources.mix.subset_mode'


@pytest.mark.parametrize(
    'options, total, with_label',
    [([], 3, 0), ([f'{MODE}=mark'], 5, 2), ([f'{MODE}=keep'], 2, 2)],
)
def test_mix_sources(options, total, with_label, images):
    labeled, mix = parts(load('scratch-classmix', *options), images)
    infos = [mix.get_data_info(i) for i in range(len(mix))]
    assert len(infos) == total
    assert sum(info['is_labeled'] for info in infos) == with_label
    marked = {info['img_id'] for info in infos if info['is_labeled']}
    chosen = {labeled.get_data_info(i)['img_id'] for i in range(len(labeled))}
    assert len(chosen) == 2 and marked <= chosen
    every = sorted({info['img_id'] for info in infos} | chosen)
    if len(every) == 5:
        assert chosen == {every[i] for i in random_subset(5, 2, 7)}


def test_video_mix_images_are_all_frames_without_labels(images):
    _, mix = parts(load('scratch-classmix-video'), images)
    assert len(mix) == 15 and not any(
        mix.get_data_info(i)['is_labeled'] for i in range(len(mix))
    )


@pytest.mark.parametrize(
    'name',
    [
        'scratch-classmix',
        'scratch-classmix-video',
        'transfer-depthmix-gt',
        'pad-transfer-depthmix-gt',
    ],
)
def test_samples_are_what_the_model_wants(name, images):
    for branch, dataset in zip(('labeled', 'mix'), parts(load(name), images)):
        sample = dataset[0]
        data = sample['data_samples']
        assert data.branch == branch
        assert sample['inputs']['img'].shape == (3, 512, 512)
        assert ('gt_sem_seg' in data) == data.is_labeled
        is_triplet = name.startswith('pad')
        assert (sample['inputs'].get('adjacent') is not None) == is_triplet
        assert ('camera' in data) == is_triplet
        stored = branch == 'mix' and name == 'transfer-depthmix-gt'
        assert ('disparity_map' in data) == stored


@pytest.mark.parametrize('stage, size', [('val', (512, 1024)), ('test', (48, 96))])
def test_validation_is_the_papers_and_the_test_is_at_full_size(stage, size, images):
    cfg = load('scratch')
    change(cfg, f'{stage}_dataloader.dataset.data_root={images}')
    if stage == 'test':
        change(
            cfg, f'test_dataloader.dataset.data_prefix.seg_map_path={images}/gtFine/val'
        )
    sample = DATASETS.build(cfg[f'{stage}_dataloader'].dataset)[0]
    assert sample['inputs']['img'].shape == (3, 512, 1024)
    assert sample['data_samples'].gt_sem_seg.data.shape == (1, *size)
    assert sample['data_samples'].ori_shape == size
