"""Labels with ids of no class, of data sets without a table, end a run by name."""

from types import SimpleNamespace

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from mmdepthseg.engine.checks.label_ids import LabelIds
from mmdepthseg.registry import DATASETS, MODELS
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


class Accuracy(BaseMetric):
    """A metric of others, which may use labels in its own way."""

    def process(self, data_batch, data_samples):
        pass

    def compute_metrics(self, results):
        return {}


FOUR = LabelIds('train_dataloader', 4, frozenset({255}))


def batch(*ids, dtype=torch.uint8, nested=False, **meta):
    sample = SegDataSample(metainfo=dict(seg_map_path='labels/a.png', **meta))
    sample.gt_sem_seg = PixelData(data=torch.tensor([[ids]], dtype=dtype))
    samples = [SegDataSample(), sample]
    return dict(inputs=[], data_samples=[samples] if nested else samples)


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64])
def test_ids_of_classes_and_void_pass(dtype):
    for ids in ((0, 1, 2, 3), (0, 255), (255,), (0,)):
        FOUR.check(batch(*ids, dtype=dtype))
    FOUR.check(batch(0.5, 9, dtype=torch.float32))
    FOUR.check(dict(inputs=[]))
    LabelIds('x', 4, frozenset({255, 200})).check(batch(3, 200, 255, dtype=dtype))


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64])
@pytest.mark.parametrize('nested', [True, False])
def test_other_ids_are_named_as_the_file_stores_them(dtype, nested):
    place = r'train_dataloader: .*labels/a\.png .*'
    with pytest.raises(UserError, match=place + r'4 classes .*: 4, 254 .*0\.\.3'):
        FOUR.check(batch(1, 4, 254, 255, dtype=dtype, nested=nested))
    reduced = batch(4, dtype=dtype, nested=nested, reduce_zero_label=True)
    with pytest.raises(UserError, match=place + r': 5 .*1\.\.4') as caught:
        FOUR.check(reduced)
    assert 'reduce_zero_label' not in str(caught.value)


@pytest.fixture
def built(tiny_config):
    """The tiny config, its model and its data set."""
    cfg = Config.fromfile(tiny_config())
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return MODELS.build(cfg.model), dataset


def loop(dataset, *metrics):
    return SimpleNamespace(
        dataloader=SimpleNamespace(dataset=dataset),
        evaluator=SimpleNamespace(metrics=metrics),
    )


def test_what_a_run_can_use(built, labelled_clip):
    model, dataset = built
    found = LabelIds.of('train', loop(dataset), model)
    assert found == LabelIds('train_dataloader', 3, frozenset({255}))
    model.decode_head.ignore_index = 7
    assert LabelIds.of('train', loop(dataset), model).void == {7, 255}
    found = LabelIds.of('val', loop(dataset, IoUMetric(ignore_index=8)), model)
    assert found == LabelIds('val_dataloader', 3, frozenset({8, 255}))
    for metrics in ((), (Accuracy(),), (IoUMetric(format_only=True),)):
        assert LabelIds.of('test', loop(dataset, *metrics), model) is None
    assert LabelIds.of('train', loop(dataset), torch.nn.ReLU()) is None
    # ours compare labels with their tables
    assert LabelIds.of('train', loop(labelled_clip('LoadSegLabel')), model) is None


@pytest.mark.parametrize('classes', [1, 2])
def test_a_single_channel_tells_two_ids(built, classes):
    model, dataset = built
    model.decode_head.num_classes, model.decode_head.out_channels = classes, 1
    assert LabelIds.of('train', loop(dataset), model).count == 2


@pytest.mark.parametrize('loader', ['LoadAnnotations', 'LoadSegLabel'])
@pytest.mark.parametrize('stage', ['train', 'val'])
@pytest.mark.parametrize('which', [0, -1])
def test_a_run_stops_at_such_a_label(
    tiny_config, tmp_path, plain_layout, loader, stage, which
):
    """At its start, if it is the first; else at its batch."""
    extra = "custom_hooks.append(dict(type='CheckStartHook'))\n"
    cfg = Config.fromfile(tiny_config(extra=extra))
    cfg.work_dir = str(tmp_path / 'run')
    data = cfg[f'{stage}_dataloader'].dataset
    data.pipeline[[s.type for s in data.pipeline].index('LoadAnnotations')] = dict(
        type=loader
    )
    dataset = DATASETS.build(data)
    path = dataset.get_data_info(which % len(dataset))['seg_map_path']
    other = f'{path[: -len(".png")]}_other.png'
    label = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    label[0, 0] = 3
    cv2.imwrite(other, label)
    # the other stage reads the labels as they were
    links = tmp_path / 'links'
    links.mkdir()
    for info in (dataset.get_data_info(i) for i in range(len(dataset))):
        own = info['seg_map_path']
        (links / own.rpartition('/')[2]).symlink_to(other if own == path else own)
    data.data_prefix = dict(img_path='images', seg_map_path=str(links))
    run = Runner.from_cfg(cfg)
    name = path.rpartition('/')[2]
    with pytest.raises(UserError, match=f'{stage}_dataloader: .*links/{name} .*: 3 '):
        run.train()
    if which == 0 or stage == 'val':
        assert run.iter == (0 if which == 0 else cfg.train_cfg.val_interval)


def test_labels_that_fit_train_and_validate(tiny_config, tmp_path, plain_layout):
    extra = "custom_hooks.append(dict(type='CheckStartHook'))\n"
    cfg = Config.fromfile(tiny_config(extra=extra))
    cfg.work_dir = str(tmp_path / 'run')
    run = Runner.from_cfg(cfg)
    run.train()
    assert run.iter == cfg.train_cfg.max_iters


def test_each_id():
    """One maximum clears a label exactly where its ids do."""
    for index in range(256):
        try:
            FOUR.check(batch(0, index, 255))
        except UserError:
            assert 4 <= index < 255
        else:
            assert index < 4 or index == 255
