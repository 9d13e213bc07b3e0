"""A checkpoint of another model stops the run; a new head does not."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from mmdepthseg.checkpoints.matching import match_checkpoint
from mmdepthseg.engine.hooks import CheckCheckpointHook
from mmdepthseg.utils import UserError


class TrainLoop(BaseLoop):
    def __init__(self, classes=()) -> None:
        dataset = SimpleNamespace(metainfo=dict(classes=classes))
        self.dataloader = SimpleNamespace(dataset=dataset)

    def run(self) -> None:
        pass


def make_model(classes: int = 3) -> nn.Module:
    model = nn.Sequential()
    model.add_module('body', nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    model.add_module('head', nn.Conv2d(4, classes, 1))
    return model


def make_runner(model: nn.Module, train: bool, resume: bool) -> SimpleNamespace:
    return SimpleNamespace(
        model=model,
        logger=logging.getLogger('test'),
        _train_loop=TrainLoop() if train else dict(type='IterBasedTrainLoop'),
        _resume=resume,
        _load_from='some.pth',
        _has_loaded=True,
    )


def check(model, checkpoint, train=False, resume=False, **options) -> None:
    hook = CheckCheckpointHook(**options)
    hook.after_load_checkpoint(make_runner(model, train, resume), checkpoint)


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('nested', [True, False])
def test_own_checkpoint_passes(prefix, nested, caplog):
    state = {prefix + k: v for k, v in make_model().state_dict().items()}
    del state[prefix + 'body.1.num_batches_tracked']  # as in old checkpoints
    check(make_model(), {'state_dict': state} if nested else state)
    assert not caplog.text


def test_new_head_is_fine_for_training_only(caplog):
    checkpoint = {'state_dict': make_model(19).state_dict()}
    check(make_model(), checkpoint, train=True)
    assert 'head.weight (3, 4, 1, 1) != (19, 4, 1, 1)' in caplog.text
    check(make_model(), checkpoint, allow_partial=True)
    for train, resume in ((False, False), (True, True)):
        with pytest.raises(UserError, match=r'75%.*100%.*head\.weight'):
            check(make_model(), checkpoint, train, resume)


def test_another_model_is_refused_for_training_too():
    with pytest.raises(UserError, match=r'some\.pth.*0%.*min_share'):
        check(make_model(), {'state_dict': nn.Linear(2, 2).state_dict()}, train=True)


def test_more_than_needed_is_only_logged(caplog):
    state = {**make_model().state_dict(), 'teacher.weight': torch.zeros(1)}
    check(make_model(), {'state_dict': state})
    assert 'teacher.weight' in caplog.text


def test_share_counts_entries():
    match = match_checkpoint(make_model(), {'body.0.weight': torch.zeros(4, 3, 3, 3)})
    assert match.share == pytest.approx(1 / 8)
    assert match.matched == ['body.0.weight']
    assert 'and 3 more' in match.describe()


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(4, 2, 1)


TRAINED = ('road', 'sky')


def check_classes(classes, train=False, resume=False, **options):
    runner = make_runner(Head(), train, resume)
    loop = TrainLoop(classes)
    runner._train_loop, runner._test_loop = (loop, None) if train else (None, loop)
    meta = dict(dataset_meta=dict(classes=TRAINED))
    checkpoint = dict(meta=meta, state_dict=Head().state_dict())
    CheckCheckpointHook(**options).after_load_checkpoint(runner, checkpoint)


@pytest.mark.parametrize('train', [True, False])
def test_classes_in_another_order(train, caplog):
    check_classes([*TRAINED], train)
    check_classes(('Road', 'SKY'), train)
    check_classes((), train)
    check_classes(TRAINED[::-1], train, check_classes=False)
    with pytest.raises(
        UserError, match='some.pth.*road, sky.*sky, road.*another order'
    ):
        check_classes(TRAINED[::-1], train)
    assert not caplog.text


def test_classes_of_other_names(caplog):
    for train, resume in ((False, False), (True, True)):
        with pytest.raises(UserError, match='road, sky; those .* are lane, sky'):
            check_classes(('lane', 'sky'), train, resume=resume)
    assert not caplog.text
    check_classes(('lane', 'sky'), train=True)  # load_from
    assert 'road, sky; those of the data set are lane, sky' in caplog.text


def test_classes_of_a_new_classifier():
    model = nn.Sequential()
    model.add_module('conv_seg', nn.Conv2d(5, 2, 1))  # of more channels
    model.add_module('body', nn.Conv2d(4, 2, 1))
    runner = make_runner(model, True, False)
    runner._train_loop = TrainLoop(TRAINED[::-1])
    state = {**Head().state_dict(), 'body.weight': torch.zeros(2, 4, 1, 1)}
    meta = dict(dataset_meta=dict(classes=TRAINED))
    hook = CheckCheckpointHook(min_share=0.2)
    hook.after_load_checkpoint(runner, dict(meta=meta, state_dict=state))


def test_classes_of_weights_from_init_cfg(caplog):
    runner = make_runner(nn.Sequential(Head()), True, resume=True)
    runner._has_loaded = False  # `--resume` in an empty folder
    vars(runner.model[0])['filled_classifier'] = ('init_cfg: a.pth', TRAINED)
    hook = CheckCheckpointHook()
    runner._train_loop = TrainLoop(('lane', 'sky'))
    hook.before_train(runner)
    assert 'a.pth: it was trained with the classes road, sky' in caplog.text
    runner._train_loop = TrainLoop(TRAINED[::-1])
    with pytest.raises(UserError, match='a.pth.*another order'):
        hook.before_train(runner)
    CheckCheckpointHook(check_classes=False).before_train(runner)
    runner._has_loaded = True  # other weights in their place
    hook.before_train(runner)
