"""Names of figures before an evaluation are those after it."""

import mmseg.evaluation
import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric

from mmdepthseg.engine.hooks import CheckpointHook
from mmdepthseg.evaluation import DepthMetric, IoUMetric, PseudoLabelMetric
from mmdepthseg.evaluation.figure_names import GREATER, LESS, figure_names
from mmdepthseg.utils.errors import UserError


@pytest.mark.parametrize('kind', [IoUMetric, mmseg.evaluation.IoUMetric])
@pytest.mark.parametrize('figures', [['mIoU'], ['mDice', 'mIoU'], 'mFscore'])
def test_iou_metric(kind, figures):
    metric = kind(iou_metrics=figures, prefix='x')
    metric.dataset_meta = dict(classes=('a', 'b'))
    areas = tuple(torch.tensor([2.0, 3.0]) for _ in range(4))
    found = metric.compute_metrics([areas])
    names = figure_names(metric)
    assert {*names} == {f'x/{name}' for name in found}
    main = figures if isinstance(figures, str) else figures[0]
    assert names[0] == f'x/{main}'


def test_iou_metric_by_class():
    metric = IoUMetric(iou_metrics=['mIoU'], per_class=True)
    metric.dataset_meta = dict(classes=('a', 'b'))
    areas = tuple(torch.tensor([2.0, 3.0]) for _ in range(4))
    assert {*figure_names(metric)} == {*metric.compute_metrics([areas])}
    hook = CheckpointHook(interval=1, save_best='IoU/b', by_epoch=False)
    assert hook.rules == ['greater']


@pytest.mark.parametrize('kind', [IoUMetric, mmseg.evaluation.IoUMetric])
def test_figures_that_are_unknown(kind):
    with pytest.raises(UserError, match="iou_metrics.*'mIou'.*'mIoU'"):
        figure_names(kind(iou_metrics=['mIou']))


@pytest.mark.parametrize('align', ['median', 'none'])
@pytest.mark.parametrize('constant', [True, False])
def test_depth_metric(align, constant):
    metric = DepthMetric(align=align, constant=constant)
    depth = dict(data=torch.rand(1, 4, 6) + 1)
    metric.process({}, [dict(pred_depth_map=depth, gt_depth_map=depth)])
    assert {*figure_names(metric)} == {*metric.compute_metrics(metric.results)}
    assert figure_names(metric)[0] == 'abs_rel'


def test_depth_metric_of_mmsegmentation():
    metric = mmseg.evaluation.DepthMetric(prefix='x')
    depth = torch.rand(24, dtype=torch.float32) + 1
    found = metric.compute_metrics([(depth, depth + 0.5)])
    assert {*figure_names(metric)} == {f'x/{name}' for name in found}
    assert figure_names(metric)[0] == 'x/abs_rel'
    assert {*found} <= {*GREATER, *LESS}
    metric = mmseg.evaluation.DepthMetric(output_dir=None, format_only=True)
    assert figure_names(metric) == []


def test_pseudo_label_metric():
    metric = PseudoLabelMetric(threshold=0.1)
    metric.dataset_meta = dict(classes=('a', 'b'))
    truth = torch.tensor([[[0, 1]]])
    logits = torch.stack([1.0 - truth[0], truth[0]])
    sample = dict(seg_logits=dict(data=logits), gt_sem_seg=dict(data=truth))
    metric.process({}, [sample])
    assert {*figure_names(metric)} == {*metric.compute_metrics(metric.results)}


def test_unknown_metrics_are_not_guessed():
    class Other(BaseMetric):
        def process(self, data_batch, data_samples):
            pass

        def compute_metrics(self, results):
            return dict(x=np.nan)

    assert figure_names(Other()) is None


def test_a_figure_has_one_direction():
    assert not {*GREATER} & {*LESS}
