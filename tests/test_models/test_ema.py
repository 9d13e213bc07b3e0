import copy

import pytest
import torch
from helpers.golden import assert_golden, load
from torch import nn

from mmdepthseg.models.ema import MeanTeacherEMA
from mmdepthseg.registry import MODELS


class _Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3)
        self.b = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.b(self.a(x)))


def _step(student, seed):
    """A change as an optimiser step and a forward pass make it."""
    generator = torch.Generator().manual_seed(seed)
    student.train()
    student(torch.rand(2, 3, 5, 5, generator=generator))
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))


def test_golden():
    golden = load('f1')
    student = _Net()
    names = ('a.weight', 'a.bias', 'b.weight', 'b.bias')
    student.load_state_dict({n: golden[f'init.{n}'] for n in names}, strict=False)
    teacher = MeanTeacherEMA(student)
    for step in range(1, 6):
        student.load_state_dict(
            {n: golden[f'student{step}.{n}'] for n in names}, strict=False
        )
        teacher.update_parameters(student)
        state = teacher.module.state_dict()
        for name in names:
            assert_golden(state[name], golden[f'teacher{step}.{name}'])
    for step, alpha in golden['alpha_long'].tolist():
        assert MeanTeacherEMA.alpha(step) == pytest.approx(alpha)
    assert teacher.updates == int(teacher.steps) == 5


def test_decay_bounds_the_factor():
    student = _Net()
    teacher = MeanTeacherEMA(student, decay=0.25)
    before = teacher.module.a.weight.clone()
    _step(student, 0)
    teacher.update_parameters(student)
    torch.testing.assert_close(
        teacher.module.a.weight, 0.25 * before + 0.75 * student.a.weight
    )


@pytest.mark.parametrize('buffers', ['copy', 'ema', 'own'])
def test_buffers(buffers):
    student = _Net()
    teacher = MeanTeacherEMA(student, buffers=buffers)
    mean, var = teacher.module.b.running_mean.clone(), student.b.running_var.clone()
    for seed in range(2):
        _step(student, seed)
        teacher.update_parameters(student)
        if seed == 0:
            first = copy.deepcopy(student.b)
    new = student.b
    expected = dict(
        copy=(new.running_mean, new.running_var, 2),
        ema=(
            (mean + first.running_mean) / 3 + new.running_mean / 3,
            (var + first.running_var) / 3 + new.running_var / 3,
            2,
        ),
        own=(mean, var, 0),
    )[buffers]
    got = teacher.module.b
    torch.testing.assert_close(got.running_mean, expected[0])
    torch.testing.assert_close(got.running_var, expected[1])
    assert got.num_batches_tracked == expected[2]


def test_stays_in_eval_mode_and_asks_for_no_gradient():
    parent = nn.Module()
    parent.student = _Net()
    parent.teacher = MeanTeacherEMA(parent.student)
    for mode in (True, False, True):
        parent.train(mode)
        assert not any(m.training for m in parent.teacher.modules())
        assert parent.student.training == mode
    assert not any(p.requires_grad for p in parent.teacher.parameters())
    image = torch.rand(2, 3, 5, 5)
    assert torch.equal(parent.teacher(image), parent.teacher(image))

    legacy = MeanTeacherEMA(parent.student, train_mode=True)
    assert legacy.train().module.drop.training
    assert not legacy.eval().module.drop.training


@pytest.mark.parametrize('buffers', ['copy', 'ema'])
def test_resume_is_exact(buffers):
    student = _Net()
    straight = MeanTeacherEMA(student, buffers=buffers)
    for seed in range(3):
        _step(student, seed)
        straight.update_parameters(student)
    saved = copy.deepcopy(straight.state_dict())
    resumed_student = copy.deepcopy(student)
    resumed = MeanTeacherEMA(_Net(), buffers=buffers)
    resumed.load_state_dict(saved)
    assert resumed.updates == 3
    for seed in range(3, 6):
        for one, teacher in ((student, straight), (resumed_student, resumed)):
            _step(one, seed)
            teacher.update_parameters(one)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_step_counter_also_comes_back_inside_a_parent():
    parent, other = nn.Module(), nn.Module()
    for module in (parent, other):
        module.teacher = MeanTeacherEMA(_Net())
    parent.teacher.update_parameters(_Net())
    other.load_state_dict(parent.state_dict())
    assert other.teacher.updates == 1
    assert 'teacher.module.a.weight' in parent.state_dict()


def test_copy_from():
    student = _Net()
    teacher = MeanTeacherEMA(student)
    _step(student, 0)
    teacher.copy_from(student)
    for name, value in teacher.module.state_dict().items():
        assert torch.equal(value, student.state_dict()[name]), name
    assert teacher.updates == 0


def test_excluded_children_are_the_students_alone():
    student = nn.Module()
    student.net, student.extra = _Net(), nn.BatchNorm2d(4)
    names = [name for name, _ in student.named_parameters()]
    teacher = MeanTeacherEMA(student, exclude=('extra', 'not_there'))
    assert teacher.module.extra is None
    assert not any('extra' in name for name in teacher.state_dict())
    assert [name for name, _ in student.named_parameters()] == names
    assert isinstance(student.extra, nn.BatchNorm2d)
    assert teacher.excludes('extra.weight') and not teacher.excludes('net.a.weight')
    _step(student.net, 0)
    teacher.copy_from(student)
    before = teacher.module.net.a.weight.clone()
    _step(student.net, 1)
    teacher.update_parameters(student)
    torch.testing.assert_close(
        teacher.module.net.a.weight, (before + student.net.a.weight) / 2
    )


def test_bad_arguments():
    with pytest.raises(ValueError, match='decay'):
        MeanTeacherEMA(_Net(), decay=1)
    with pytest.raises(ValueError, match='buffers'):
        MeanTeacherEMA(_Net(), buffers='both')
    teacher = MODELS.build(dict(type='MeanTeacherEMA', model=_Net()))
    with pytest.raises(ValueError, match=r"2 .*'a.bias'"):
        teacher.update_parameters(nn.ModuleDict(dict(b=nn.BatchNorm2d(4))))
