import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdepthseg.evaluation import PseudoLabelMetric
from mmdepthseg.utils.errors import UserError

CLASSES = ('road', 'car', 'sky')


def sample(labels, confidence, truth):
    """Return a sample whose softmax has these winners with this confidence."""
    labels, confidence = torch.tensor(labels), torch.tensor(confidence)
    scores = ((1 - confidence) / 2).expand(3, *labels.shape).clone()
    scores.scatter_(0, labels[None], confidence[None])
    made = SegDataSample(metainfo=dict(img_path='a.png'))
    made.seg_logits = PixelData(data=scores.log() + 3)
    made.gt_sem_seg = PixelData(data=torch.tensor(truth)[None])
    return made.to_dict()


def evaluate(*samples, **options):
    metric = PseudoLabelMetric(**options)
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_figures_by_hand():
    first = sample(
        [[0, 0, 0], [1, 1, 0]], [[0.9, 0.9, 0.5], [0.9, 0.9, 0.9]],
        [[0, 0, 0], [1, 0, 255]],
    )  # fmt: skip
    second = sample([[0, 1]], [[0.95, 0.6]], [[1, 1]])
    figures = evaluate(first, second, threshold=0.8)
    # road: 4 pixels, 3 sure; given to 3 sure ones, 2 of them road
    assert figures['coverage.road'] == 75 and figures['precision.road'] == 66.67
    # car: 3 pixels, 2 sure; given to 2, 1 of them car
    assert figures['coverage.car'] == 66.67 and figures['precision.car'] == 50
    assert 'coverage.sky' not in figures and 'precision.sky' not in figures
    assert figures['coverage'] == 71.43 and figures['precision'] == 60
    assert figures['mCoverage'] == 70.83 and figures['mPrecision'] == 58.33


def test_a_class_that_is_never_given():
    figures = evaluate(sample([[0, 0]], [[0.9, 0.5]], [[0, 1]]), threshold=0.8)
    assert figures['coverage.car'] == 0 and 'precision.car' not in figures
    assert figures['mPrecision'] == 50


def test_refusals():
    with pytest.raises(UserError, match='threshold'):
        PseudoLabelMetric(threshold=2)
    unlabelled = sample([[0]], [[0.9]], [[0]])
    del unlabelled['gt_sem_seg']
    with pytest.raises(UserError, match=r'a\.png.*gt_sem_seg'):
        evaluate(unlabelled)
    single = sample([[0]], [[0.9]], [[0]])
    single['seg_logits']['data'] = single['seg_logits']['data'][:1]
    with pytest.raises(UserError, match='single channel'):
        evaluate(single)
