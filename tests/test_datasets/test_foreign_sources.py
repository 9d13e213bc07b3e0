"""MMSegmentation's data sets as sources of ours: labelled, and to be mixed."""

import numpy as np
import pytest
import torch
from helpers.images import write_image
from helpers.tiny_models import CLASSES, HEIGHT, WIDTH, build_teacher
from mmengine.dataset import pseudo_collate
from mmseg.datasets import BaseSegDataset

from mmdepthseg.datasets import ClipDataset, LoadSDEDisparity
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.datasets.samplers import StreamIndex
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError

NAMES = [f'class {index}' for index in range(CLASSES)]
THEIRS = [
    dict(type='mmseg.LoadImageFromFile'),
    dict(type='mmseg.LoadAnnotations'),
    dict(type='mmseg.RandomFlip', prob=0.5),
    dict(type='mmseg.PackSegInputs'),
]
OURS = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadSegLabel'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
#: Ends of images and labels, whether label 0 is void (as with ADE20K), and more.
LAYOUTS = {
    'mmseg.BaseSegDataset': ('.jpg', '.png', 0),
    'mmseg.CityscapesDataset': ('_leftImg8bit.png', '_gtFine_labelTrainIds.png', 0),
    'mmseg.ADE20KDataset': ('.jpg', '.png', 1),
    'mmseg.BDD100KDataset': ('.jpg', '.png', 0),
}


@pytest.fixture
def folder(tmp_path):
    """A function that writes four images with labels in a layout."""
    register_all_modules()

    def write(kind):
        image, label, first = LAYOUTS[kind]
        random = np.random.default_rng(0)
        for index in range(4):
            pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            write_image(tmp_path / f'images/{index}{image}', pixels)
            values = np.full((HEIGHT, WIDTH), index + first, dtype=np.uint8)
            write_image(tmp_path / f'labels/{index}{label}', values)
        return dict(
            type=kind,
            data_root=str(tmp_path),
            data_prefix=dict(img_path='images', seg_map_path='labels'),
            **(dict(metainfo=dict(classes=NAMES)) if 'Base' in kind else {}),
        )

    return write


def concatenated(**sources):
    return DATASETS.build(dict(type='mmdepthseg.ConcatDataset', sources=sources))


@pytest.mark.parametrize('pipeline', [THEIRS, OURS], ids=['theirs', 'ours'])
@pytest.mark.parametrize('kind', LAYOUTS)
def test_every_sample_has_the_branch_of_its_source(kind, pipeline, folder):
    part = dict(folder(kind), pipeline=pipeline)
    dataset = concatenated(
        labeled=dict(part, branch='labeled'), mix=dict(part, branch='mix')
    )
    for index in range(8):
        sample = dataset[StreamIndex(index, pos=index, seed=3)]['data_samples']
        assert sample.branch == ('labeled' if index < 4 else 'mix')
        truth = sample.gt_sem_seg.data
        assert truth.shape == (1, HEIGHT, WIDTH) and (truth == index % 4).all()


@pytest.mark.parametrize('pipeline', [THEIRS, OURS], ids=['theirs', 'ours'])
def test_they_train_beside_ours(pipeline, folder, tmp_path):
    """Labels of theirs, images of our clips to be mixed."""
    part = dict(folder('mmseg.BaseSegDataset'), pipeline=pipeline, branch='labeled')
    for index in range(2):
        pixels = np.full((HEIGHT, WIDTH, 3), 40 * index, dtype=np.uint8)
        write_image(tmp_path / f'clips/a/frames/{index}.png', pixels)
    clips = dict(
        type='ClipDataset',
        data_root=str(tmp_path / 'clips'),
        pipeline=[OURS[1], OURS[-1]],
        branch='mix',
    )
    dataset = concatenated(labeled=part, mix=clips)
    assert isinstance(dataset.datasets[1], ClipDataset)
    data = pseudo_collate([dataset[index] for index in (0, 1, 4, 5)])
    model = build_teacher(mixing=dict(type='ClassMix')).train()
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    assert {'decode.loss_ce', 'mix.loss_pseudo'} <= set(losses)
    assert all(torch.isfinite(value).all() for value in losses.values())


def test_ours_in_front_of_theirs(folder):
    """Samples are collated by the keys of the first."""
    part = folder('mmseg.BaseSegDataset')
    ours = dict(part, type='mmdepthseg.ImageLabelDataset', pipeline=OURS[1:])
    ours.update(img_suffix='.jpg', branch='labeled')
    theirs = dict(part, pipeline=THEIRS, branch='mix')
    dataset = concatenated(labeled=ours, mix=theirs)
    data = pseudo_collate([dataset[index] for index in (0, 1, 4, 5)])
    model = build_teacher(mixing=dict(type='ClassMix')).train()
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    assert {'decode.loss_ce', 'mix.loss_pseudo'} <= set(losses)


def test_classes_as_types(folder):
    """As configs in pure Python have them."""
    part = dict(folder('mmseg.BaseSegDataset'), pipeline=THEIRS, branch='labeled')
    dataset = concatenated(labeled=dict(part, type=BaseSegDataset))
    assert dataset[0]['data_samples'].branch == 'labeled'


def test_other_classes_are_refused(folder):
    part = dict(folder('mmseg.BaseSegDataset'), pipeline=OURS)
    names = [*NAMES[:2], 'tram', *NAMES[3:]]
    other = dict(part, metainfo=dict(classes=names))
    with pytest.raises(UserError, match='class 2.*tram'):
        concatenated(labeled=part, mix=other)
    with pytest.raises(UserError, match='5 and 6'):
        concatenated(labeled=part, mix=dict(part, metainfo=dict(classes=[*NAMES, 'x'])))
    assert len(concatenated(labeled=part, mix=part)) == 8


def test_depth_labels_are_found_by_the_image(folder, tmp_path):
    part = folder('mmseg.BaseSegDataset')
    images = tmp_path / 'images'
    store = DepthLabelStore(tmp_path / 'depth')
    (tmp_path / 'sde.pth').touch()
    store.begin(tmp_path / 'sde.pth', {})
    for index in range(4):
        store.write(
            str(index),
            np.full((HEIGHT, WIDTH), index / 4, np.float32),
            str(images / f'{index}.jpg'),
        )
    store.flush(complete=True)
    load = dict(type='LoadSDEDisparity', root=str(store.root), images=str(images))
    dataset = concatenated(
        mix=dict(part, pipeline=[*OURS[:3], load, OURS[-1]], branch='mix')
    )
    for index in range(4):
        disparity = dataset[index]['data_samples'].disparity_map.data
        assert torch.allclose(disparity, torch.tensor(index / 4), atol=1e-4)


@pytest.mark.parametrize('images', [None, '/elsewhere'])
def test_an_image_without_a_name_is_refused(images, tmp_path):
    loader = LoadSDEDisparity(root=str(tmp_path), images=images)
    with pytest.raises(UserError, match='seen/1.png'):
        loader(dict(img_path=str(tmp_path / 'seen/1.png')))
    with pytest.raises(UserError, match='images'):
        LoadSDEDisparity(images='images')
