"""What cannot go well is refused before the first iteration."""

from types import SimpleNamespace

import mmseg.evaluation
import pytest
import torch
from helpers import tiny_models
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.optim.scheduler import ReduceOnPlateauLR
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from mmdepthseg.datasets import ConcatDataset
from mmdepthseg.engine.hooks import CheckpointHook, EarlyStoppingHook
from mmdepthseg.engine.hooks import check_start_hook as checks
from mmdepthseg.evaluation import DepthMetric, IoUMetric
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')
FIVE = tuple('abcde')


def data_set(classes):
    return SimpleNamespace(metainfo=dict(classes=classes))


def model(**changes):
    head = dict(tiny_models.SEG_HEAD, **changes)
    segmentor = dict(
        type='DepthSegmentor', backbone=tiny_models.BACKBONE, decode_head=head
    )
    return MODELS.build(segmentor)


def ce(**options):
    return dict(type='CrossEntropyLoss', avg_non_ignore=True, **options)


def test_heads_and_weights_that_fit():
    checks.check_classes('x', data_set(FIVE), model(loss_decode=ce()))
    weighted = model(loss_decode=[ce(class_weight=[1.0] * 5), ce()])
    checks.check_classes('x', data_set(FIVE), weighted)
    checks.check_classes('x', data_set(None), model(num_classes=3))
    checks.check_classes('x', [1, 2], model(num_classes=3))
    checks.check_classes('test_dataloader', data_set(()), model())
    with pytest.raises(UserError, match='0 classes'):
        checks.check_classes('train_dataloader', data_set(()), model())


@pytest.mark.parametrize('count', [4, 6])
def test_number_of_classes(count):
    with pytest.raises(UserError, match=f'decode_head.num_classes is {count}.*= *5'):
        checks.check_classes(
            'train_dataloader', data_set(FIVE), model(num_classes=count)
        )


def test_heads_of_a_student_are_checked_and_those_for_depth_are_not():
    student = dict(
        type='DepthSegmentor',
        backbone=tiny_models.BACKBONE,
        decode_head=tiny_models.SEG_HEAD,
        depth_head=dict(
            type='DecodeDepthHead',
            decode_head=dict(
                type='FCNHead', in_channels=64, in_index=-1, channels=8, num_convs=1
            ),
        ),
    )
    teacher = MODELS.build(
        dict(type='MeanTeacher', segmentor=student, mixing=dict(type='ClassMix'))
    )
    checks.check_classes('x', data_set(FIVE), teacher)
    with pytest.raises(UserError, match='student.decode_head.num_classes'):
        checks.check_classes('x', data_set(FIVE[:3]), teacher)


def test_class_weights():
    with pytest.raises(UserError, match='class_weight has 3'):
        weighted = model(loss_decode=ce(class_weight=[1.0] * 3))
        checks.check_classes('x', data_set(FIVE), weighted)


def test_a_single_class():
    with pytest.raises(UserError, match='single class.*road'):
        checks.check_classes('x', data_set(['road']), model(num_classes=1))
    checks.check_classes(
        'x',
        data_set(['road']),
        model(
            num_classes=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)
        ),
    )


def test_classes_that_are_a_text(labelled_clip):
    with pytest.raises(UserError, match=r"classes='road'.*\('road',\)"):
        checks.check_classes('x', data_set('road'), model())
    with pytest.raises(UserError, match=r"classes='road'.*\('road',\)"):
        labelled_clip(metainfo=dict(classes='road'))


class Validation(BaseLoop):
    """A validation that is never run."""

    def __init__(self, *metrics, networks=None):
        self.evaluator = SimpleNamespace(metrics=metrics)
        if networks:
            self.networks = networks

    def run(self):
        raise AssertionError


@pytest.mark.parametrize(
    ('hook', 'loop', 'message'),
    [
        (CheckpointHook(save_best='mIoU'), Validation(IoUMetric()), None),
        (CheckpointHook(save_best='auto'), Validation(IoUMetric()), None),
        (
            CheckpointHook(save_best='mIoU'),
            Validation(IoUMetric(), networks=('student', 'teacher')),
            "save_best.*'mIoU'.*teacher/mIoU",
        ),
        (
            CheckpointHook(save_best=['abs_rel', 'mIoU']),
            Validation(DepthMetric()),
            "save_best.*'mIoU'.*abs_rel",
        ),
        (
            EarlyStoppingHook(monitor='mIoU'),
            Validation(DepthMetric(prefix='depth')),
            "monitor.*'mIoU'.*depth/abs_rel",
        ),
        (EarlyStoppingHook(monitor='abs_rel'), Validation(DepthMetric()), None),
        (EarlyStoppingHook(monitor='mIoU'), None, 'monitor.*mIoU.*val_dataloader'),
    ],
)
def test_figures_that_are_watched(hook, loop, message):
    run = SimpleNamespace(_val_loop=loop, model=SimpleNamespace(), hooks=[Hook(), hook])
    if message is None:
        checks.check_monitors(run)
    else:
        with pytest.raises(UserError, match=message):
            checks.check_monitors(run)


def test_the_best_checkpoint_of_no_validation():
    hooks = [CheckpointHook(save_best='mIoU')]
    run = SimpleNamespace(_val_loop=None, model=SimpleNamespace(), hooks=hooks)
    (doubt,) = checks.check_monitors(run)
    assert 'save_best' in doubt and 'val_dataloader' in doubt


class SilentMetric(BaseMetric):
    """A metric that does not tell its figures."""

    def process(self, data_batch, data_samples):
        raise AssertionError

    def compute_metrics(self, results):
        raise AssertionError


@pytest.mark.parametrize('name', ['mIoX', 'auto'])
def test_figures_of_metrics_that_do_not_tell(name):
    hooks = [CheckpointHook(save_best=name, **({} if name == 'auto' else RULE))]
    loop = Validation(IoUMetric(), SilentMetric())
    run = SimpleNamespace(_val_loop=loop, model=SimpleNamespace(), hooks=hooks)
    (doubt,) = checks.check_monitors(run)
    assert all(part in doubt for part in ('save_best', name, 'SilentMetric', 'mIoU'))
    hooks[:] = [EarlyStoppingHook(monitor='mIoU')]
    assert checks.check_monitors(run) == []


RULE = dict(rule='greater')


@pytest.mark.parametrize(
    ('metric', 'known'),
    [
        (mmseg.evaluation.DepthMetric(), 'abs_rel'),
        (mmseg.evaluation.IoUMetric(), 'mIoU'),
    ],
)
def test_figures_of_mmsegmentations_metrics(metric, known):
    run = SimpleNamespace(_val_loop=Validation(metric), hooks=[])
    run.hooks = [CheckpointHook(save_best=known)]
    assert checks.check_monitors(run) == []
    run.hooks = [EarlyStoppingHook(monitor='a1')]
    with pytest.raises(UserError, match=f"EarlyStopping.*'a1'.*{known}"):
        checks.check_monitors(run)


@pytest.mark.parametrize('by_name', [False, True])
def test_figures_that_a_scheduler_watches(by_name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    found = [ReduceOnPlateauLR(optimizer, monitor=name) for name in ('mIoU', 'loss')]
    run = SimpleNamespace(_val_loop=Validation(IoUMetric()), hooks=[])
    run.param_schedulers = dict(a=found[:1]) if by_name else found[:1]
    assert checks.check_monitors(run) == []
    run.param_schedulers = dict(a=found[:1], b=found[1:]) if by_name else found
    with pytest.raises(UserError, match="ReduceOnPlateauLR: monitor.*'loss'.*mIoU"):
        checks.check_monitors(run)


SLIDE = dict(mode='slide', crop_size=(16, 16), stride=(8, 16))


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (dict(mode='whole'), None),
        ({}, None),
        (SLIDE, None),
        (dict(mode='hole'), 'mode'),
        (dict(mode='slide'), 'crop_size and stride'),
        (dict(SLIDE, stride=(0, 8)), 'stride'),
        (dict(SLIDE, stride=(8, 17)), 'stride'),
        (dict(SLIDE, stride=(8.0, 8)), 'stride'),
        (dict(SLIDE, crop_size=16), 'crop_size'),
    ],
)
def test_how_a_model_predicts(options, named):
    segmentor = model()
    segmentor.test_cfg = options
    if named is None:
        checks.check_inference(segmentor)
    else:
        for one, place in (
            (segmentor, ''),
            (torch.nn.ModuleDict(dict(a=segmentor)), 'a.'),
        ):
            with pytest.raises(UserError, match=rf'model: {place}test_cfg.*{named}'):
                checks.check_inference(one)


def test_classes_without_a_pixel(labelled_clip, monkeypatch):
    dataset = ConcatDataset([labelled_clip('LoadSegLabel')])
    loader = SimpleNamespace(dataset=dataset)
    (warning,) = checks.absent_classes(loader)
    assert 'car' in warning and 'sky' not in warning
    monkeypatch.setattr(checks, 'CHEAP_BYTES', 10)
    assert not [*checks.absent_classes(loader)]


@pytest.mark.parametrize(
    ('extra', 'message'),
    [
        ("default_hooks['checkpoint']['save_best'] = 'mDice'", 'mIoU'),
        ("model['decode_head']['num_classes'] = 7", 'num_classes=3'),
        ("train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)", 'IterBased'),
    ],
)
def test_a_runner_of_mmengine_stops_before_its_first_iteration(
    tiny_config, tmp_path, plain_layout, monkeypatch, extra, message
):
    """As MMSegmentation's tools/train.py makes it."""
    extra += "\ncustom_hooks.append(dict(type='CheckStartHook'))\n"
    config = Config.fromfile(tiny_config(extra=extra))
    config.work_dir = str(tmp_path / 'run')
    for kind in (EpochBasedTrainLoop, IterBasedTrainLoop):
        monkeypatch.setattr(kind, 'run_iter', lambda *_: pytest.fail('it trains'))
    run = Runner.from_cfg(config)
    with pytest.raises(UserError, match=message):
        run.train()


@pytest.mark.parametrize('constructor', ['', 'MergedGroupsConstructor', 'Others'])
def test_rates_of_parameters_that_the_model_does_not_have(constructor):
    keys = {'body': dict(lr_mult=0.1), 'bakbone': dict(lr_mult=0.1)}
    wrapper = dict(paramwise_cfg=dict(custom_keys=keys))
    config = Config(dict(optim_wrapper=wrapper))
    if constructor:
        wrapper['constructor'] = constructor
        config = Config(dict(optim_wrapper=wrapper))
    doubts = [*checks.idle_rates(config, nn.ModuleDict(dict(body=nn.Linear(1, 1))))]
    assert len(doubts) == (constructor != 'Others')
    assert all("custom_keys: 'bakbone'" in doubt for doubt in doubts)
