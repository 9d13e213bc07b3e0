"""Metrics that do not fit the model or the data are refused."""

from pathlib import Path
from types import SimpleNamespace

import mmseg.evaluation
import pytest
import torch
from helpers import tiny_models

from mmdepthseg.cityscapes import CLASSES
from mmdepthseg.datasets import ConcatDataset
from mmdepthseg.engine.checks import metrics as checks
from mmdepthseg.evaluation import DepthMetric, IoUMetric
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


def model(**changes):
    head = dict(tiny_models.SEG_HEAD, **changes)
    segmentor = dict(
        type='DepthSegmentor', backbone=tiny_models.BACKBONE, decode_head=head
    )
    return MODELS.build(segmentor)


def test_truth_that_is_there(labelled_clip):
    dataset = labelled_clip('LoadSegLabel', 'LoadDepthMap')
    checks.check_truth(DepthMetric(), dataset)
    checks.check_truth(IoUMetric(), dataset)


@pytest.mark.parametrize('metric', [DepthMetric, IoUMetric])
def test_truth_that_is_not_loaded(labelled_clip, metric, tmp_path):
    field = dict(DepthMetric='gt_depth_map', IoUMetric='gt_sem_seg')[metric.__name__]
    with pytest.raises(UserError, match=f'a/0 has no {field}'):
        checks.check_truth(metric(), labelled_clip())
    if metric is IoUMetric:  # only writes maps
        checks.check_truth(IoUMetric(output_dir=str(tmp_path)), labelled_clip())


def test_depth_that_a_foreign_metric_needs(labelled_clip):
    metric = mmseg.evaluation.DepthMetric
    checks.check_truth(metric(), labelled_clip('LoadDepthMap'))
    checks.check_truth(metric(output_dir=None, format_only=True), labelled_clip())
    with pytest.raises(UserError, match='DepthMetric: .*a/0 has no gt_depth_map'):
        checks.check_truth(metric(), labelled_clip())


@pytest.mark.parametrize(
    'metric', [DepthMetric(), mmseg.evaluation.DepthMetric(), IoUMetric()]
)
def test_metrics_of_what_the_model_does_not_predict(metric):
    depth = MODELS.build(
        dict(
            type='DepthSegmentor',
            backbone=tiny_models.BACKBONE,
            depth_head=tiny_models.DEPTH_HEAD,
            pose_net=tiny_models.POSE_NET,
        )
    )
    is_depth = not isinstance(metric, IoUMetric)
    fits, other = (depth, model()) if is_depth else (model(), depth)
    checks.check_predictions(metric, fits)
    checks.check_predictions(metric, torch.nn.Identity())
    head = 'depth_head' if is_depth else 'decode_head'
    for wrong in (other, SimpleNamespace(student=other)):
        with pytest.raises(UserError, match=f'{type(metric).__name__} needs.*{head}'):
            checks.check_predictions(metric, wrong)


def test_one_missing_file_is_named(labelled_clip, tmp_path):
    (tmp_path / 'depth/a/1.png').unlink()
    (tmp_path / 'clips/a/labels/1.png').unlink()
    dataset = labelled_clip('LoadSegLabel', 'LoadDepthMap')
    for metric in (DepthMetric(), IoUMetric()):
        with pytest.raises(UserError, match='1 of 2 .*a/1'):
            checks.check_truth(metric, dataset)


def test_depth_of_the_baseline(labelled_clip):
    dataset = labelled_clip('LoadDepthMap')
    root = Path(dataset.data_root)
    config = dict(type='ClipDataset', data_root=str(root))
    with pytest.raises(UserError, match=r'baseline\.dataset.*a/0, a/1'):
        checks.check_truth(DepthMetric(baseline=dict(dataset=config)), dataset)
    config['depth_dir'] = str(root.parent / 'depth/{clip}')
    checks.check_truth(DepthMetric(baseline=dict(dataset=config)), dataset)


def test_a_baseline_reads_depth_as_the_evaluation_does(labelled_clip):
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadDepthMap', divisor=1000)]
    dataset = labelled_clip(pipeline=steps)
    train = dict(type='ClipDataset', data_root=dataset.data_root)
    metric = DepthMetric(baseline=dict(dataset=train))
    with pytest.raises(UserError, match=r'LoadDepthMap\(divisor=1000\), baseline'):
        checks.check_baseline(metric, ConcatDataset([dataset]))
    given = dict(train, pipeline=[dict(type='LoadDepthMap', divisor=256)])
    checks.check_baseline(DepthMetric(baseline=dict(dataset=given)), dataset)
    checks.check_baseline(DepthMetric(), dataset)
    steps[1].update(divisor=256, keep_size=True)
    checks.check_baseline(metric, labelled_clip(pipeline=steps))


class Scored:
    """Labelled images as a data set lists them."""

    def __init__(self, folder, *names, classes=CLASSES, end='_gtFine_labelIds.png'):
        self.metainfo = dict(classes=classes)
        self.infos = []
        for name in names:
            label = folder / 'labels' / f'{name}{end}'
            label.parent.mkdir(parents=True, exist_ok=True)
            label.touch()
            info = dict(img_path=f'{name}.png', seg_map_path=str(label))
            self.infos.append(info)

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def official(folder, **options):
    """A metric whose scripts need not be installed."""
    metric = mmseg.evaluation.CityscapesMetric.__new__(
        mmseg.evaluation.CityscapesMetric
    )
    metric.output_dir = str(folder)
    metric.format_only = options.get('format_only', False)
    metric.keep_results = options.get('keep_results', False)
    return metric


def test_official_scripts_on_what_they_know(tmp_path):
    data = Scored(tmp_path, 'a/a_1', 'b/b_1')
    (tmp_path / 'empty').mkdir()
    checks.check_official_metric(IoUMetric(), object())
    checks.check_official_metric(official(tmp_path / 'empty'), data)
    checks.check_official_metric(official(tmp_path, keep_results=True), data)
    data.infos[0]['seg_map_path'] = None
    test = official(tmp_path, keep_results=True, format_only=True)
    checks.check_official_metric(test, data)


@pytest.mark.parametrize(
    ('change', 'named'),
    [
        (dict(names=('a/1', 'b/1')), r'1\.png'),
        (dict(classes=CLASSES[:18]), '19 of Cityscapes'),
        (dict(end='.png'), 'labelIds.*2 of 2'),
        (dict(networks=('student', 'teacher')), 'student and teacher'),
        (dict(old='mine.png'), 'output_dir .*out.*keep_results'),
    ],
)
def test_official_scripts_on_anything_else(change, named, tmp_path):
    change = dict(change)
    names = change.pop('names', ('a/a_1', 'b/b_1'))
    networks, old = change.pop('networks', None), change.pop('old', None)
    folder = tmp_path / 'out'
    folder.mkdir()
    if old:
        (folder / old).touch()
    metric = official(folder)
    with pytest.raises(UserError, match=f'CityscapesMetric.*{named}.*IoUMetric'):
        checks.check_official_metric(
            metric, Scored(tmp_path, *names, **change), networks
        )
    del metric
    assert folder.is_dir()  # which the metric removes at its end
