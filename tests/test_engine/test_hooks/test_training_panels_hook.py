"""Panels of a training: what they show, and that they change nothing."""

import copy
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.tiny_models import (
    DEPTH_HEAD,
    POSE_NET,
    SEG_HEAD,
    build,
    build_multi_task_teacher,
    build_teacher,
    packed_batch,
    teacher_batch,
)

from mmdepthseg.engine.hooks import TrainingPanelsHook
from mmdepthseg.engine.hooks.training_panels_hook import draw
from mmdepthseg.structures import Panel
from mmdepthseg.utils.errors import UserError

MODELS = {
    'depth': lambda: build(depth_head=DEPTH_HEAD, pose_net=POSE_NET),
    'segmentation': lambda: build(decode_head=SEG_HEAD),
    'teacher': build_teacher,
    'multi-task': build_multi_task_teacher,
}
CAPTIONS = {
    'depth': dict(batch='image disparity neighbour -1 warped error'),
    'segmentation': dict(batch='image label prediction'),
    'teacher': dict(
        labelled='image label student teacher',
        mixed='image mask mixed disparity pseudo-label confidence',
    ),
}
CAPTIONS['multi-task'] = CAPTIONS['teacher']


def batch_for(name):
    if name in ('teacher', 'multi-task'):
        return teacher_batch(neighbours=name == 'multi-task')
    return packed_batch()


def runner_of(model, iteration=0):
    pictures = {}
    visualizer = SimpleNamespace(
        dataset_meta=dict(palette=[[i, i, i] for i in range(5)]),
        add_image=lambda name, image, step: pictures.update({(name, step): image}),
    )
    wrapper = SimpleNamespace(optim_context=lambda model: nullcontext())
    return SimpleNamespace(
        model=model,
        iter=iteration,
        visualizer=visualizer,
        optim_wrapper=wrapper,
        pictures=pictures,
    )


@pytest.mark.parametrize('name', MODELS)
def test_pictures_of_each_training(name):
    torch.manual_seed(0)
    model = MODELS[name]().train()
    data = model.data_preprocessor(batch_for(name), True)
    model.eval()
    with torch.no_grad():
        found = model.panels(**data)
    model.train()
    for place, captions in CAPTIONS[name].items():
        row = found[place][0]
        text = ' '.join(panel.caption for panel in row)
        assert text == captions
        assert all(torch.isfinite(panel.data.float()).all() for panel in row)
    runner = runner_of(model)
    TrainingPanelsHook(samples=1).before_train(runner)
    TrainingPanelsHook(samples=1).before_train_iter(runner, 0, batch_for(name))
    assert {key for key, _ in runner.pictures} == {
        f'training/{place}' for place in CAPTIONS[name]
    }
    for image in runner.pictures.values():
        assert image.dtype == np.uint8 and image.shape[2] == 3 and image.std() > 1


@pytest.mark.parametrize('name', MODELS)
def test_the_training_is_not_changed(name):
    model = MODELS[name]().train()
    student = getattr(model, 'student', model)
    student.backbone.layer1.eval()  # as frozen parts are
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    data = batch_for(name)
    images = copy.deepcopy(data['inputs'])
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    TrainingPanelsHook().before_train_iter(runner_of(model), 0, data)
    assert torch.equal(torch.rand(3), wanted)
    assert [module.training for module in model.modules()] == modes
    after = model.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert all(p.grad is None for p in model.parameters())
    for now, then in zip(data['inputs'], images, strict=True):
        assert torch.equal(now['img'], then['img'])
    assert 'padding_size' not in data['data_samples'][0].metainfo


def test_only_when_due():
    runner = runner_of(build(decode_head=SEG_HEAD), iteration=3)
    hook = TrainingPanelsHook(interval=2)
    hook.before_train_iter(runner, 3, packed_batch())
    assert not runner.pictures
    runner.iter = 4
    hook.before_train_iter(runner, 4, packed_batch())
    assert [step for _, step in runner.pictures] == [4]


@pytest.mark.parametrize('kind', ['labels', 'share', 'disparity', 'image'])
def test_panels_are_drawn_by_their_kind(kind):
    data = torch.zeros(3, 4, 6) if kind == 'image' else torch.zeros(4, 6)
    data[..., 3:] = 1.0
    image = draw(Panel('x', kind, data.long() if kind == 'labels' else data), [[9] * 3])
    assert image.shape[:2] == (4, 6) and image.dtype == np.uint8
    values = image if image.ndim == 3 else image[..., None]
    assert (values[:, 0] != values[:, -1]).any()


def test_refused():
    with pytest.raises(UserError, match='interval'):
        TrainingPanelsHook(interval=0)
    with pytest.raises(UserError, match='Linear'):
        TrainingPanelsHook().before_train(runner_of(torch.nn.Linear(1, 1)))
