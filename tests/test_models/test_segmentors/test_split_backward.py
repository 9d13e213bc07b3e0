"""Several backward passes a step: the same gradients, fewer activations."""

from types import SimpleNamespace

import pytest
import torch
from helpers import two_ranks
from helpers.tiny_models import build_multi_task_teacher, build_teacher, teacher_batch
from mmengine.logging import MMLogger
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.runner import Runner
from torch import nn

from mmdepthseg.engine.optim import BFloat16OptimWrapper
from mmdepthseg.models.segmentors import MeanTeacher, SplitBackwardDDP, mean_teacher
from mmdepthseg.utils.errors import UserError


def amp_wrapper(**options):
    """MMEngine's mixed precision with a loss scaler, on CPU."""
    wrapper = AmpOptimWrapper(dtype='bfloat16', **options)
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=256.0)
    return wrapper


def train(kind, split, steps=1, **options):
    """Model, wrapper, and the gradients of each optimiser step."""
    torch.manual_seed(0)
    model = build_multi_task_teacher(split_backward=split).train()
    wrapper = kind(
        optimizer=torch.optim.SGD(model.student.parameters(), 1e-2), **options
    )
    wrapper.initialize_count_status(model, 0, steps)
    gradients, logs = [], []
    wrapper.optimizer.register_step_pre_hook(
        lambda *_: gradients.append(
            {n: p.grad.clone() for n, p in model.student.named_parameters()}
        )
    )
    torch.manual_seed(1)
    for step in range(steps):
        logs.append(
            model.train_step(teacher_batch(neighbours=True, first=10 * step), wrapper)
        )
    return model, wrapper, gradients, logs


@pytest.mark.parametrize(
    'kind,options,tolerance',
    [
        (OptimWrapper, {}, 1e-5),
        (OptimWrapper, dict(accumulative_counts=2), 1e-5),
        # autocast adds up the gradients of its copies of the weights in bfloat16
        (BFloat16OptimWrapper, {}, 2e-2),
        (amp_wrapper, {}, 2e-2),
    ],
)
def test_gradients_are_the_same(kind, options, tolerance, monkeypatch):
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    counts = options.get('accumulative_counts', 1)
    # the last step of three has to make do with one batch
    steps = 1 if counts == 1 else 3
    whole, wrapper, wanted, logs = train(kind, False, steps, **options)
    parts, other, found, other_logs = train(kind, True, steps, **options)
    assert len(wanted) == len(found) == -(-steps // counts)
    assert other.inner_count == wrapper.inner_count == steps
    for expected, actual in zip(wanted, found, strict=True):
        for name, value in expected.items():
            scale = value.abs().max().item()
            torch.testing.assert_close(
                actual[name], value, rtol=0, atol=tolerance * scale + 1e-9, msg=name
            )
    for expected, actual in zip(logs, other_logs, strict=True):
        assert list(actual)[0] == 'loss' and set(actual) == set(expected)
        assert not any(value.requires_grad for value in actual.values())
        for name, value in expected.items():
            torch.testing.assert_close(
                actual[name], value.detach().float(), rtol=tolerance, atol=1e-4
            )
    # gradients were spent, buffers saw the same batches
    assert all(p.grad is None for p in parts.parameters())
    if kind is OptimWrapper:
        for (name, value), (_, mine) in zip(
            whole.named_buffers(), parts.named_buffers(), strict=True
        ):
            torch.testing.assert_close(mine, value, rtol=1e-4, atol=1e-5, msg=name)


def passes(model, kind=OptimWrapper):
    """Forward (f) and backward passes (b) of the backbone in a step."""
    events = []
    model.student.backbone.register_forward_hook(lambda *_: events.append('f'))
    model.student.backbone.conv1.weight.register_post_accumulate_grad_hook(
        lambda *_: events.append('b')
    )
    model.train().train_step(
        teacher_batch(neighbours=True),
        kind(torch.optim.SGD(model.student.parameters(), 1e-2)),
    )
    return ''.join(events)


@pytest.mark.parametrize(
    'split,expected', [(False, 'fffb'), (True, 'fbfbfb'), (None, 'fbfbfb')]
)
def test_each_group_goes_back_before_the_next_goes_forward(split, expected):
    assert passes(build_multi_task_teacher(split_backward=split)) == expected


class Own(OptimWrapper):
    """A wrapper with a backward pass of its own."""

    def backward(self, loss, **kwargs):
        super().backward(loss)


class OwnUpdate(OptimWrapper):
    """A wrapper that looks at the loss."""

    def update_params(self, loss, **kwargs):
        assert loss > 1
        super().update_params(loss, **kwargs)


class OwnLoss(MeanTeacher):
    """A model with one more loss."""

    def loss(self, *args):
        return {**super().loss(*args), 'own.loss': torch.ones((), requires_grad=True)}


def compiled(model):
    """As MMEngine's Runner compiles a model."""
    runner = SimpleNamespace(
        cfg=dict(compile=dict(backend='eager')),
        model=model,
        logger=MMLogger.get_current_instance(),
    )
    Runner._maybe_compile(runner, 'train_step')


def hooked(model):
    """A hook on the model as a whole."""
    model.register_forward_hook(lambda *_: None)


def subclassed(model):
    """The same model, of a subclass."""
    model.__class__ = OwnLoss


@pytest.mark.parametrize(
    'change,kind,named',
    [
        (lambda model: None, Own, 'Own.s own backward'),
        (lambda model: None, OwnUpdate, 'OwnUpdate.s own update_params'),
        (compiled, OptimWrapper, 'compile'),
        (hooked, OptimWrapper, 'hook'),
        (subclassed, OptimWrapper, 'OwnLoss.s own loss'),
    ],
)
def test_what_needs_the_whole_step_gets_it(change, kind, named):
    model = build_multi_task_teacher()
    change(model)
    if change is not compiled:  # which calls no hooks of modules
        assert passes(model, kind) == 'fffb'
    wrapper = kind(torch.optim.SGD(model.student.parameters(), 1e-2))
    assert not model.splits(wrapper)
    model.split_backward = True
    with pytest.raises(UserError, match=f'{named}.* needs the whole step'):
        model.splits(wrapper)
    ranks = SimpleNamespace(module=model)
    with pytest.raises(UserError, match=f'{named}.* needs the whole step'):
        SplitBackwardDDP.train_step(ranks, teacher_batch(), wrapper)


def test_infinite_gradients_of_one_group_skip_the_step(monkeypatch):
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    model = build_multi_task_teacher(
        split_backward=True, pseudo_weight=float('inf'), mixing=dict(type='NoMix')
    )
    model.train()
    wrapper = amp_wrapper(optimizer=torch.optim.SGD(model.student.parameters(), 1e-2))
    before = model.student.backbone.conv1.weight.detach().clone()
    model.train_step(teacher_batch(neighbours=True), wrapper)
    assert torch.equal(model.student.backbone.conv1.weight, before)
    assert wrapper.loss_scaler.get_scale() == 128.0


def test_a_student_without_depth():
    model = build_teacher(split_backward=True).train()
    log = model.train_step(
        teacher_batch(), OptimWrapper(torch.optim.SGD(model.student.parameters(), 1e-2))
    )
    assert {'loss', 'decode.loss_ce', 'mix.loss_pseudo', 'mix.confident'} <= set(log)


def test_what_cannot_be_split_is_refused(monkeypatch):
    model = build_teacher(split_backward=True).train()

    data = model.data_preprocessor(teacher_batch(), True)
    assert 'mix.loss_pseudo' in model.loss(**data)
    monkeypatch.setattr(mean_teacher, 'is_distributed', lambda: True)
    with pytest.raises(UserError, match='mmdepthseg.SplitBackwardDDP'):
        model.loss(**data)
    with pytest.raises(ValueError, match='broadcast_buffers'):
        SplitBackwardDDP(model, broadcast_buffers=True)
    with pytest.raises(ValueError, match='Linear'):
        SplitBackwardDDP(nn.Linear(1, 1))


def test_on_two_ranks(tmp_path):
    """No unused parameters, equal ranks, and the same step whole and in parts."""
    out = tmp_path / 'weights.pth'
    torch.multiprocessing.spawn(
        two_ranks.run, (str(tmp_path / 'rendezvous'), str(out)), nprocs=2
    )
    found = torch.load(out)
    torch.manual_seed(0)
    start = dict(build_multi_task_teacher().named_parameters())
    for name, value in found['whole'].items():
        torch.testing.assert_close(
            found['split'][name], value, rtol=1e-3, atol=1e-5, msg=name
        )
    moved = {
        '.'.join(n.split('.')[:2])
        for n, v in found['whole'].items()
        if n in start and not torch.equal(v, start[n])
    }
    assert moved == {'teacher.module'} | {
        f'student.{part}'
        for part in (
            'backbone',
            'decode_head',
            'depth_head',
            'distillation',
            'pose_net',
        )
    }
