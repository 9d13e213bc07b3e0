"""Multi-task learning: steps of the optimiser, resumed, by part, clipped."""

import io

import pytest
import torch
from helpers.tiny_models import (
    build_multi_task_teacher,
    teacher_batch,
)
from mmengine.optim import build_optim_wrapper


def train_steps(model, wrapper, first, last):
    """Real steps, with dropout, mixing and strong augmentation at random."""
    for i in range(first, last):
        model.train()
        model.train_step(teacher_batch(mix=2 + i % 2, neighbours=True), wrapper)
        model.update_teacher()


def new_training(**options):
    """A model and its optimiser, with learning rates by part."""
    model = build_multi_task_teacher(**options)
    return model, build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            clip_grad=dict(max_norm=10),
            optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4),
            paramwise_cfg=dict(
                custom_keys={
                    'student.backbone': dict(lr_mult=0.1),
                    'student.pose_net': dict(lr_mult=1e-4),
                }
            ),
        ),
    )


@pytest.mark.parametrize('split', [False, True])
def test_resumed_training_is_the_uninterrupted_one(split):
    model, wrapper = new_training(split_backward=split)
    train_steps(model, wrapper, 0, 2)
    stored = io.BytesIO()
    torch.save(
        dict(
            state_dict=model.state_dict(),
            optimizer=wrapper.state_dict(),
            rng=torch.get_rng_state(),
        ),
        stored,
    )
    train_steps(model, wrapper, 2, 4)

    other, other_wrapper = new_training(split_backward=split)
    stored.seek(0)
    state = torch.load(stored)
    other.load_state_dict(state['state_dict'])
    other_wrapper.load_state_dict(state['optimizer'])
    torch.set_rng_state(state['rng'])
    train_steps(other, other_wrapper, 2, 4)
    found = other.state_dict()
    assert [
        k for k, v in model.state_dict().items() if not torch.equal(v, found[k])
    ] == []


def test_learning_rates_by_part():
    model, wrapper = new_training()
    names = {id(p): n for n, p in model.named_parameters()}
    rates = {
        names[id(p)]: group['lr']
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }
    assert set(rates) == {n for n, p in model.named_parameters() if p.requires_grad}
    for name, rate in rates.items():
        wanted = 1e-2
        if name.startswith('student.backbone.'):
            wanted = 1e-3
        elif name.startswith('student.pose_net.'):
            wanted = 1e-6
        assert rate == pytest.approx(wanted), name
    assert any('pose_net.backbone.' in name for name in rates)


def test_gradients_are_clipped_together():
    norms = []
    for split in (False, True):
        model, wrapper = new_training(split_backward=split)
        wrapper.clip_grad_kwargs = dict(max_norm=1e-3)
        step = wrapper.optimizer.step
        wrapper.optimizer.step = lambda step=step, w=wrapper: (
            norms.append(
                torch.stack(
                    [
                        p.grad.norm()
                        for g in w.optimizer.param_groups
                        for p in g['params']
                    ]
                )
                .norm()
                .item()
            ),
            step(),
        )
        train_steps(model, wrapper, 0, 1)
    assert norms == pytest.approx([1e-3, 1e-3], rel=1e-3)
