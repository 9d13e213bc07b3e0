"""Labels that a training should not see, or that it sees twice."""

from types import SimpleNamespace

import pytest
from mmengine.dataset import BaseDataset

from mmdepthseg.datasets import ConcatDataset
from mmdepthseg.datasets.transforms import LoadSegLabel
from mmdepthseg.engine.checks import labels as checks
from mmdepthseg.engine.checks.labels import more_labels, shared_images


class Images(BaseDataset):
    """Images by name; those in capitals have a label, which is loaded or not."""

    def __init__(self, *names, load=True):
        self.names = names
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
    return SimpleNamespace(source_names=[*parts], datasets=[*parts.values()])


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


@pytest.mark.parametrize('mixing', [True, False])
def test_labels_of_mixed_images_alone(mixing):
    teacher = SimpleNamespace(ground_truth_mixing=mixing)
    same = sources(labeled=Images('A'), mix=Images('A', 'b'), paste=Images('A'))
    assert not [*more_labels(same, teacher)]
    more = sources(labeled=Images('A'), mix=Images('A', 'B', 'C'), paste=Images('a'))
    doubts = [*more_labels(more, teacher)]
    assert len(doubts) == mixing
    if mixing:
        assert 'sources.mix has 2 labels' in doubts[0] and 'data/b.png' in doubts[0]
    more.datasets[1].pipeline = []
    assert not [*more_labels(more, teacher)]
    assert not [*more_labels(Images('A'), teacher)]
    assert not [*more_labels(more, SimpleNamespace())]


def test_classes_without_a_pixel(labelled_clip, monkeypatch):
    dataset = ConcatDataset([labelled_clip('LoadSegLabel')])
    loader = SimpleNamespace(dataset=dataset)
    (warning,) = checks.absent_classes(loader)
    assert 'car' in warning and 'sky' not in warning
    monkeypatch.setattr(checks, 'CHEAP_BYTES', 10)
    assert not [*checks.absent_classes(loader)]
