"""Labels that a training should not see, or that it sees twice."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.images import write_image
from mmengine.dataset import BaseDataset

from mmdepthseg.datasets import ConcatDataset, ImageLabelDataset
from mmdepthseg.datasets.transforms import (
    LoadImageFromFile,
    LoadSegLabel,
    PackDepthSegInputs,
)
from mmdepthseg.engine.checks import labels as checks
from mmdepthseg.engine.checks.labels import more_labels, shared_images
from mmdepthseg.utils.errors import UserError


class Images(BaseDataset):
    """Images by name; those in capitals have a label, which is loaded or not."""

    def __init__(self, *names, load=True, branch=None):
        self.names, self.branch = names, branch
        super().__init__()
        self.pipeline = [LoadSegLabel()] * load

    def load_data_list(self):
        return [
            dict(
                img_path=f'data/{n.lower()}.png', seg_map_path=n if n.isupper() else ''
            )
            for n in self.names
        ]


def sources(**parts):
    return ConcatDataset(sources=parts)


def test_images_of_training_and_validation():
    train = sources(labeled=Images('A', 'B'), mix=Images('C', 'D', 'e'))
    assert not [*shared_images(train, Images('E', 'F'))]
    (doubt,) = shared_images(train, Images('E', 'D', 'B'))
    assert '2 of the 3 images of the validation' in doubt and 'data/b.png' in doubt
    assert not [*shared_images(Images('a', 'b'), Images('A', 'B'))]
    depth = Images('A', 'B', load=False)
    assert not [*shared_images(depth, Images('A', 'B', load=False))]
    assert not [*shared_images(SimpleNamespace(), Images('A'))]


def test_paths_are_compared_as_places():
    train = Images('A')
    train.full_init()
    train.get_data_info = lambda index: dict(
        img_path='./data/../data/a.png', seg_map_path='A'
    )
    assert [*shared_images(train, Images('A'))]


def branches(*labelled, mix, paste, names=('labeled', 'mix', 'paste')):
    return sources(
        **{
            names[0]: Images(*labelled, branch='labeled'),
            names[1]: Images(*mix, branch='mix'),
            names[2]: Images(*paste, branch='mix'),
        }
    )


@pytest.mark.parametrize('mixing', [True, False])
def test_labels_of_mixed_images_alone(mixing):
    teacher = SimpleNamespace(ground_truth_mixing=mixing)
    same = branches('A', mix=('A', 'b'), paste=('A',))
    assert not [*more_labels(same, teacher)]
    more = branches('A', mix=('A', 'B', 'C'), paste=('a',))
    doubts = [*more_labels(more, teacher)]
    assert len(doubts) == mixing
    if mixing:
        assert 'sources.mix ' in doubts[0] and ' 2 labels' in doubts[0]
        assert 'data/b.png' in doubts[0]
    more.datasets[1].pipeline = []
    assert not [*more_labels(more, teacher)]
    assert not [*more_labels(Images('A'), teacher)]
    assert not [*more_labels(more, SimpleNamespace())]


TEACHER = SimpleNamespace(ground_truth_mixing=True)


def test_the_branch_tells_which_labels_are_mixed():
    for names in (('sup', 'unsup', 'more'), ('mix', 'labeled', 'paste')):
        train = branches('A', mix=('A', 'B'), paste=('a',), names=names)
        (doubt,) = more_labels(train, TEACHER)
        assert f'dataset.sources.{names[1]} ' in doubt and 'data/b.png' in doubt
    unnamed = ConcatDataset([Images('A', branch='labeled'), Images('B', branch='mix')])
    (doubt,) = more_labels(SimpleNamespace(dataset=unnamed), TEACHER)
    assert 'dataset.dataset.datasets.1 ' in doubt


def foreign(folder, branch, *names, labels=True, load='LoadSegLabel'):
    """Config of MMSegmentation's data set of labelled images."""
    for name in names:
        write_image(folder / f'images/{name}.jpg', np.zeros((8, 8, 3), np.uint8))
        write_image(folder / f'labels/{name}.png', np.zeros((8, 8), np.uint8))
    (folder / f'{branch}.txt').write_text('\n'.join(names))
    prefix = dict(img_path='images', **({'seg_map_path': 'labels'} if labels else {}))
    return dict(
        type='mmseg.BaseSegDataset',
        branch=branch,
        data_root=str(folder),
        ann_file=f'{branch}.txt',
        data_prefix=prefix,
        metainfo=dict(classes=('road', 'car')),
        pipeline=[dict(type=s) for s in ('LoadImageFromFile', load) if s]
        + [dict(type='PackDepthSegInputs')],
    )


@pytest.mark.parametrize('load', ['LoadSegLabel', 'LoadAnnotations'])
def test_labels_of_mixed_images_of_foreign_data_sets(load, tmp_path, our_scope):
    labelled = foreign(tmp_path, 'labeled', 'a', load=load)
    mix = foreign(tmp_path, 'mix', 'a', 'b', load=load)
    train = ConcatDataset(sources=dict(sup=labelled, unsup=mix))
    (doubt,) = more_labels(train, TEACHER)
    assert 'dataset.sources.unsup ' in doubt and 'images/b.jpg' in doubt
    assert 'seg_map_path' in doubt and ('LoadAnnotations' in doubt) == (
        load == 'LoadAnnotations'
    )
    steps = load if load == 'LoadSegLabel' else None
    mix = foreign(tmp_path, 'mix', 'a', 'b', labels=False, load=steps)
    cured = ConcatDataset(sources=dict(sup=labelled, unsup=mix))
    assert not [*more_labels(cured, TEACHER)]
    sample = cured[2]['data_samples']
    assert sample.branch == 'mix' and 'gt_sem_seg' not in sample


def test_classes_without_a_pixel(labelled_clip, monkeypatch):
    dataset = ConcatDataset([labelled_clip('LoadSegLabel')])
    loader = SimpleNamespace(dataset=dataset)
    (warning,) = checks.absent_classes(loader)
    assert 'car' in warning and 'sky' not in warning
    monkeypatch.setattr(checks, 'CHEAP_BYTES', 10)
    assert not [*checks.absent_classes(loader)]


@pytest.mark.parametrize('load', ['LoadSegLabel', 'LoadAnnotations'])
def test_labels_of_foreign_data_sets_that_do_not_exist(load, tmp_path, our_scope):
    part = foreign(tmp_path, 'mix', 'a', 'b', 'c', load=load)
    train = ConcatDataset(sources=dict(labeled=part, mix=part))
    checks.check_label_files('train_dataloader', train)
    slashes = dict(img_path='images', seg_map_path='labels//')
    doubled = ConcatDataset(sources=dict(mix={**part, 'data_prefix': slashes}))
    checks.check_label_files('train_dataloader', doubled)
    (tmp_path / 'labels/b.png').unlink()
    with pytest.raises(
        UserError, match='train_dataloader: 1 of 3 .*labels/b.png.*seg_map_path'
    ):
        checks.check_label_files('train_dataloader', train)
    (tmp_path / 'labels').rename(tmp_path / 'elsewhere')
    with pytest.raises(UserError, match=r'3 of 3 .*labels/a\.png'):
        checks.check_label_files('train_dataloader', train)
    for change in (
        dict(data_prefix=dict(img_path='images')),
        dict(backend_args=dict(backend='local')),
        dict(pipeline=[dict(type='LoadImageFromFile')]),
    ):
        other = ConcatDataset(sources=dict(mix={**part, **change}))
        checks.check_label_files('train_dataloader', other)


@pytest.mark.parametrize('mark', [True, False])
def test_the_cure_of_missing_labels(mark, tmp_path, our_scope):
    """As the message says it: images with and without a label, or those with one."""
    foreign(tmp_path, 'mix', 'a', 'b')
    (tmp_path / 'labels/b.png').unlink()
    dataset = ImageLabelDataset(
        data_root=str(tmp_path),
        metainfo=dict(classes=('road', 'car')),
        labeled_subset=dict(),
        pipeline=[LoadImageFromFile(), LoadSegLabel(), PackDepthSegInputs()],
        **(dict(subset_mode='mark') if mark else {}),
    )
    labels = ['gt_sem_seg' in one['data_samples'] for one in dataset]
    assert labels == ([True, False] if mark else [True])
