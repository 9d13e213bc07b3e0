import numpy as np
import pytest
from helpers.images import write_image

from mmdepthseg.datasets import ConcatDataset
from mmdepthseg.datasets.class_pixels import class_pixels
from mmdepthseg.datasets.samplers import MultiSourceSampler
from mmdepthseg.utils.errors import UserError

LABELS = dict(a=[[0, 0, 1], [2, 255, 255]], b=[[2, 2, 2], [2, 2, 2]])


@pytest.fixture
def parts(tmp_path):
    for name, label in LABELS.items():
        write_image(tmp_path / f'clip/frames/{name}.png', np.zeros((2, 3, 3), np.uint8))
        write_image(tmp_path / f'clip/labels/{name}.png', np.array(label, np.uint8))
    return dict(
        type='ClipDataset',
        data_root=str(tmp_path),
        clips=['clip'],
        metainfo=dict(classes=('road', 'car', 'sky')),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')],
    )


def test_pixels_of_each_class(parts):
    dataset = ConcatDataset([parts]).datasets[0]
    assert class_pixels(dataset).tolist() == [[2, 1, 1], [0, 0, 6]]


@pytest.mark.parametrize('size', ['image', 'label'])
def test_labels_of_another_size_are_counted_in_their_files(parts, tmp_path, size):
    write_image(tmp_path / 'clip/frames/a.png', np.zeros((4, 6, 3), np.uint8))
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadSegLabel', evaluate_at=size),
    ]
    dataset = ConcatDataset([dict(parts, pipeline=pipeline)]).datasets[0]
    assert class_pixels(dataset).tolist() == [[2, 1, 1], [0, 0, 6]]
    # its own step is as before
    shape = (4, 6) if size == 'image' else (2, 3)
    assert dataset[0]['gt_seg_map'].shape == shape


def test_rare_classes_are_drawn_more_often(parts):
    dataset = ConcatDataset(sources=dict(labeled={}, mix={}), shared=parts)
    sampler = MultiSourceSampler(
        dataset, dict(labeled=3, mix=1), seed=5, rare_classes=dict(labeled=0.05)
    )
    stream = iter(sampler)
    drawn = [next(stream) for _ in range(400)]
    assert all((index >= 2) == (place % 4 == 3) for place, index in enumerate(drawn))
    # only image 0 shows the classes 0 and 1
    assert np.mean([index == 0 for index in drawn if index < 2]) > 0.95
    sampler.skip(137)
    assert next(iter(sampler)) == drawn[137]


@pytest.mark.parametrize('change, named', [(dict(pipeline=[]), 'LoadSegLabel')])
def test_labels_are_needed(parts, change, named):
    dataset = ConcatDataset([dict(parts, **change)]).datasets[0]
    with pytest.raises(UserError, match=named):
        class_pixels(dataset)


def test_unlabelled_samples_are_named(parts, tmp_path):
    (tmp_path / 'clip/labels/b.png').unlink()
    dataset = ConcatDataset([parts]).datasets[0]
    with pytest.raises(UserError, match='clip/b'):
        class_pixels(dataset)


def test_names_and_temperatures_are_checked(parts):
    dataset = ConcatDataset(sources=dict(labeled={}), shared=parts)
    for rare, named in ((dict(mix=0.1), 'mix'), (dict(labeled=0), 'positive')):
        with pytest.raises(UserError, match=named):
            MultiSourceSampler(dataset, dict(labeled=1), seed=0, rare_classes=rare)
