"""Depth that has nothing to learn from is told in its training, once."""

import logging
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import DEPTH_HEAD, POSE_NET, build, packed_batch

from mmdepthseg.engine.hooks import StandingFramesHook
from mmdepthseg.utils.errors import UserError


def train(shares, caplog, name='depth.warped', **options):
    """The iterations after which the hook warns."""
    hook = StandingFramesHook(**options)
    runner = SimpleNamespace(iter=0, logger=logging.getLogger('test'))
    told = []
    for runner.iter, share in enumerate(shares):
        caplog.clear()
        outputs = {'loss': torch.tensor(1.0), name: torch.tensor(share)}
        hook.after_train_iter(runner, runner.iter, {}, outputs)
        told += [runner.iter + 1] if caplog.text else []
    return told


@pytest.mark.parametrize('name', ['depth.warped', 'mix.depth.warped'])
def test_frames_that_all_stand_are_told_once(name, caplog):
    assert train([0.0001] * 200, caplog, name) == [50]
    assert train([0.5] * 50 + [0.0] * 50, caplog, name) == [100]
    assert train([0.0] * 12, caplog, name, interval=5) == [5]


def test_the_warning_tells_what_to_do(caplog):
    hook, logger = StandingFramesHook(interval=1), logging.getLogger('test')
    outputs = {'depth.warped': torch.tensor(0.0002)}
    hook.after_train_iter(SimpleNamespace(iter=6, logger=logger), 6, {}, outputs)
    assert 'iterations 7 to 7' in caplog.text and '0.02%' in caplog.text
    assert 'offsets' in caplog.text


def test_the_iterations_are_those_that_have_the_figure(caplog):
    """Not every iteration of a training needs to be one of depth."""
    hook, logger = StandingFramesHook(interval=3), logging.getLogger('test')
    for iteration in range(4, 11):
        outputs = {'depth.warped': torch.tensor(0.0)} if iteration % 2 else {}
        runner = SimpleNamespace(iter=iteration, logger=logger)
        hook.after_train_iter(runner, iteration, {}, outputs)
    assert 'iterations 6 to 10:' in caplog.text


@pytest.mark.parametrize(
    'shares',
    [
        [0.5] * 100,
        [0.0] * 49,  # less than a window
        [0.0, 0.0, 0.0, 0.5] * 25,  # a few clips that stand
        [0.0] * 45 + [0.3] * 10 + [0.0] * 45,
        [1.0] * 100,  # without auto-masking
    ],
)
def test_trainings_that_learn_are_left_alone(shares, caplog):
    assert not train(shares, caplog)


def test_trainings_without_depth_from_video(caplog):
    assert not train([0.0] * 100, caplog, name='decode.acc_seg')
    StandingFramesHook().after_train_iter(SimpleNamespace(), 0)


@pytest.mark.parametrize('standing', [True, False])
def test_what_a_network_says_of_frames_that_stand(standing, caplog):
    """Its share is far on either side of the limit."""
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET)
    data = packed_batch()
    if standing:
        for inputs in data['inputs']:
            inputs['adjacent'] = inputs['img'].expand(2, -1, -1, -1)
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    share = float(losses['depth.warped'])
    assert share < 0.003 if standing else share > 0.1


def test_an_interval_is_positive():
    with pytest.raises(UserError, match='interval'):
        StandingFramesHook(interval=0)
