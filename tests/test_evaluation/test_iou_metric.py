"""One label map per image, whatever the images are called."""

import mmseg.evaluation
import numpy as np
import pytest
import torch
from PIL import Image

from mmdepthseg.evaluation import IoUMetric
from mmdepthseg.evaluation.bootstrap import mean_iou, read_areas
from mmdepthseg.utils.errors import UserError

META = dict(classes=('road', 'car', 'sky'))


def make(kind=IoUMetric, **options):
    metric = kind(**options)
    metric.dataset_meta = META
    return metric


def samples(*names, labelled=True, **meta):
    """Predictions that differ by name, and labels."""
    generator = torch.Generator().manual_seed(len(meta))
    for name in names:
        maps = torch.randint(0, 3, (2, 1, 4, 6), generator=generator)
        sample = dict(img_id=name, img_path=f'/data/{name}.jpg', **meta)
        sample['pred_sem_seg'] = dict(data=maps[0])
        if labelled:
            sample['gt_sem_seg'] = dict(data=maps[1].to(torch.uint8))
        yield sample


def written(folder):
    return {
        str(p.relative_to(folder)): np.asarray(Image.open(p)).tolist()
        for p in folder.rglob('*.png')
    }


def test_same_names_in_two_clips_and_two_networks(tmp_path):
    metric = make(output_dir=str(tmp_path))
    given = [
        *samples('a/001', 'a/002', 'b/001', 'b/002'),
        *samples('a/001', network='teacher'),
    ]
    metric.process({}, given)
    names = ['a/001', 'a/002', 'b/001', 'b/002', 'teacher/a/001']
    assert written(tmp_path) == {
        f'{name}.png': sample['pred_sem_seg']['data'][0].tolist()
        for name, sample in zip(names, given, strict=True)
    }


def test_numbered_maps_are_in_one_folder_for_each_network(tmp_path):
    """Whose order as text is that of the data set, for confusion_matrix.py."""
    metric = make(output_dir=str(tmp_path), numbered=True)
    given = [
        *samples('a/2', sample_idx=0),
        *samples('a/10', sample_idx=1),
        *samples('aachen/aachen_0', network='teacher', sample_idx=12),
    ]
    metric.process({}, given)
    names = '000000_a_2', '000001_a_10', 'teacher/000012_aachen_aachen_0'
    assert sorted(written(tmp_path)) == [f'{name}.png' for name in names]
    with pytest.raises(UserError, match='numbered.*PackDepthSegInputs'):
        metric.process({}, list(samples('a/3')))


def test_figures_are_those_of_mmsegmentation(tmp_path):
    given = list(samples('a/1', 'b/1', 'c/1'))
    found = []
    for metric in (
        make(output_dir=str(tmp_path)),
        make(mmseg.evaluation.IoUMetric),
    ):
        metric.process({}, given[:2])
        metric.process({}, given[2:])
        found.append(metric.evaluate(3))
    assert found[0] == found[1] and found[0]['mIoU'] > 0


def test_images_of_other_data_sets_that_share_a_name(tmp_path):
    metric = make(output_dir=str(tmp_path))
    first, second = samples('a/1', 'b/1')
    del first['img_id'], second['img_id']
    metric.process({}, [first, first])
    with pytest.raises(UserError, match='/data/a/1.jpg and /data/b/1.jpg'):
        metric.process({}, [second])
    assert [*written(tmp_path)] == ['1.png']


@pytest.mark.parametrize('format_only', [False, True])
def test_images_without_labels_get_their_maps(format_only, tmp_path):
    metric = make(output_dir=str(tmp_path), format_only=format_only)
    metric.process({}, [*samples('a/1', 'b/1', labelled=False)])
    assert metric.evaluate(2) == {}
    assert {*written(tmp_path)} == {'a/1.png', 'b/1.png'}


def test_some_labels_give_the_figures_of_their_images(tmp_path):
    labelled, other = samples('a/1'), samples('a/2', labelled=False)
    metric, plain = make(output_dir=str(tmp_path)), make()
    metric.process({}, [*labelled, *other])
    plain.process({}, [*samples('a/1')])
    assert metric.evaluate(2) == plain.evaluate(1)


def test_without_maps_labels_are_needed():
    with pytest.raises(UserError, match='b/7'):
        make().process({}, [*samples('b/7', labelled=False)])


def test_reduced_labels_are_written_as_they_were(tmp_path):
    metric = make(output_dir=str(tmp_path))
    (sample,) = samples('a/1', reduce_zero_label=True)
    metric.process({}, [sample])
    expected = sample['pred_sem_seg']['data'][0] + 1
    assert written(tmp_path)['a/1.png'] == expected.tolist()


def test_per_class():
    """Their mean is the mIoU; a class that nobody shows has none."""
    metric = make(per_class=True)
    metric.dataset_meta = dict(classes=('road', 'car', 'sky', 'bus'))
    metric.process({}, list(samples('a/1', 'b/1')))
    found = metric.evaluate(2)
    shown = [found[f'IoU/{name}'] for name in META['classes']]
    assert np.mean(shown) == pytest.approx(found['mIoU'], abs=0.01)
    assert 'IoU/bus' not in found and len({*shown}) > 1


def test_maps_without_their_citys_folder_do_not_overwrite_each_other(tmp_path):
    metric = make(output_dir=str(tmp_path))
    metric.process({}, [*samples('aachen/aachen_1')])
    assert {*written(tmp_path)} == {'aachen_1.png'}
    with pytest.raises(UserError, match='x/a/a_1.jpg and .*x/a_1.jpg'):
        metric.process({}, [*samples('x/a/a_1', 'x/a_1')])


def test_areas_of_each_image(tmp_path):
    """From them the mIoU can be computed again, for each network."""
    metric = make(areas_file=str(tmp_path / 'new' / 'areas'))
    for network in ('student', 'teacher'):
        metric.process({}, list(samples('a/1', 'b/1', network=network)))
        found = metric.evaluate(2)
        path = tmp_path / 'new' / f'areas_{network}.npz'
        (areas,) = read_areas([path])
        assert areas.shape == (2, 2, 3)
        assert np.load(path)['names'].tolist() == ['a/1', 'b/1']
        assert mean_iou(areas) == pytest.approx(found['mIoU'], abs=0.01)


def test_maps_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(*paths):
        raise OSError(28, 'No space left on device')

    metric = make(output_dir=str(tmp_path))
    metric.process({}, [*samples('a/1')])
    before = (tmp_path / 'a/1.png').read_bytes()
    monkeypatch.setattr('os.replace', full)
    with pytest.raises(OSError, match='a/1.png'):
        metric.process({}, [*samples('a/1', other=1)])
    assert (tmp_path / 'a/1.png').read_bytes() == before
    assert len([*tmp_path.rglob('*')]) == 2


@pytest.mark.parametrize('ignored', [255, 254, 0])
def test_void_counts_nowhere_whatever_is_ignored_besides(ignored):
    (sample,) = samples('a')
    truth = sample['gt_sem_seg']['data']
    sample['pred_sem_seg']['data'] = truth.long().clone()
    sample['pred_sem_seg']['data'][..., :2] = 1
    truth[..., :2] = 255
    metric = make(ignore_index=ignored)
    metric.process({}, [sample])
    assert metric.evaluate(1)['mIoU'] == 100


def test_maps_of_more_classes_than_a_byte_has(tmp_path):
    metric = make(output_dir=str(tmp_path), format_only=True)
    (sample,) = samples('a', labelled=False)
    sample['pred_sem_seg']['data'][0, 0, 0] = 300
    metric.process({}, [sample])
    assert written(tmp_path)['a.png'][0][0] == 300
