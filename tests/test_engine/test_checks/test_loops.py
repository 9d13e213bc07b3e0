"""Loops that do not fit samplers, schedules, hooks or the model are refused."""

import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.hooks import EMAHook
from mmengine.optim.scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolyLR,
    ReduceOnPlateauLR,
)
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, ValLoop
from torch.utils.data import ConcatDataset, DataLoader

from mmdepthseg.datasets.samplers import MultiSourceSampler, ResumableInfiniteSampler
from mmdepthseg.engine.checks import loops as checks
from mmdepthseg.engine.hooks import CheckpointHook, MeanTeacherHook
from mmdepthseg.utils.errors import UserError


@pytest.mark.parametrize('kind', [EpochBasedTrainLoop, IterBasedTrainLoop])
@pytest.mark.parametrize('infinite', [True, False])
def test_epochs_need_a_sampler_that_ends(kind, infinite):
    loop = kind.__new__(kind)
    sampler = ResumableInfiniteSampler if infinite else DefaultSampler
    loop.dataloader = SimpleNamespace(sampler=sampler([1, 2], shuffle=False))
    if kind is EpochBasedTrainLoop and infinite:
        with pytest.raises(UserError, match='ResumableInfiniteSampler.*IterBased'):
            checks.check_train_loop(loop)
    else:
        checks.check_train_loop(loop)


@pytest.mark.parametrize(
    ('kind', 'length'),
    [(EpochBasedTrainLoop, '_max_epochs'), (IterBasedTrainLoop, '_max_iters')],
)
@pytest.mark.parametrize('name', ['length', 'val_interval'])
def test_a_loop_over_nothing(kind, length, name):
    loop = kind.__new__(kind)
    loop.dataloader = SimpleNamespace(sampler=None)
    vars(loop).update({length: 1, 'val_interval': 1})
    checks.check_train_loop(loop)
    name = length if name == 'length' else name
    setattr(loop, name, 0)
    with pytest.raises(UserError, match=rf'train_cfg\.{name.strip("_")}.*got 0'):
        checks.check_train_loop(loop)


@pytest.mark.parametrize('samples', [[], [1, 2]])
@pytest.mark.parametrize('drop_last', [True, False])
def test_a_loader_has_batches(samples, drop_last):
    sampler = DefaultSampler(samples, shuffle=False)
    options = dict(sampler=sampler, batch_size=3, drop_last=drop_last)
    loop = SimpleNamespace(dataloader=DataLoader(samples, **options))
    if samples and not drop_last:
        checks.check_batches('val', loop)
    else:
        with pytest.raises(UserError, match=f'val_dataloader.*{len(samples)} samples'):
            checks.check_batches('val', loop)


@pytest.mark.parametrize('counts', [[1, 2], dict(labeled=1, mix=2)])
def test_groups_are_the_batches(counts):
    data = ConcatDataset([[1, 2], [3]])
    data.source_names = ['labeled', 'mix']
    loader = SimpleNamespace(sampler=MultiSourceSampler(data, counts), batch_size=3)
    checks.check_groups(loader)
    loader.batch_size = 2
    with pytest.raises(UserError, match='batch_size=2.*source_counts.*3'):
        checks.check_groups(loader)


@pytest.mark.parametrize('name', ['val', 'test'])
def test_a_validation_ends(name):
    loop = ValLoop.__new__(ValLoop)
    loop.dataloader = SimpleNamespace(sampler=DefaultSampler([1, 2], shuffle=False))
    checks.check_evaluation_loops({name: loop}, object())
    loop.dataloader.sampler = ResumableInfiniteSampler([1, 2], shuffle=False)
    with pytest.raises(UserError, match=f'{name}_dataloader.sampler=Resumable'):
        checks.check_evaluation_loops({name: loop}, object())


def test_student_and_teacher_are_there_to_be_evaluated():
    loop = SimpleNamespace(dataloader=None, networks=('student', 'teacher'))
    checks.check_evaluation_loops(dict(val=loop), SimpleNamespace(predict_with='x'))
    with pytest.raises(UserError, match='val_cfg: .* needs a MeanTeacher.*got dict'):
        checks.check_evaluation_loops(dict(val=loop), {})


def test_a_teacher_is_updated():
    teacher = SimpleNamespace(update_teacher=None)
    checks.check_teacher(teacher, [MeanTeacherHook()])
    checks.check_teacher(object(), [])
    with pytest.raises(UserError, match='MeanTeacherHook'):
        checks.check_teacher(teacher, [CheckpointHook()])


@pytest.mark.parametrize('by_name', [False, True])
def test_schedules_of_iterations_count_iterations(by_name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    iterations = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    epochs = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)

    def check(loop, *schedulers):
        found = dict(a=[], b=schedulers) if by_name else [*schedulers]
        return checks.check_epochs(loop, [], found)

    fine = LinearLR(optimizer, by_epoch=False), ReduceOnPlateauLR(optimizer, 'mIoU')
    assert check(iterations, *fine) == check(epochs, LinearLR(optimizer)) == []
    assert checks.check_epochs(iterations, [], None) == []
    with pytest.raises(UserError, match='param_scheduler: LinearLR.*by_epoch=False'):
        check(iterations, *fine, LinearLR(optimizer))


def test_checkpoints_of_epochs_that_do_not_come():
    iterations = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    hooks = [CheckpointHook(by_epoch=False), MeanTeacherHook()]
    assert checks.check_epochs(iterations, hooks, []) == []
    (doubt,) = checks.check_epochs(iterations, [*hooks, CheckpointHook()], [])
    assert 'CheckpointHook' in doubt and 'by_epoch=False' in doubt


def iterations(count):
    loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    loop._max_iters, loop._max_epochs, loop.val_begin = count, 1, 1
    return loop


@pytest.mark.parametrize(('begin', 'end'), [(0, 10**9), (4, 10**9), (0, 7), (2, 7)])
def test_a_cycle_is_as_long_as_the_training(begin, end):
    """`total_steps` is refused exactly if MMEngine stops at it."""
    for total in range(2, 12):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
        options = dict(eta_max=1.0, begin=begin, end=end, by_epoch=False)
        scheduler = OneCycleLR(optimizer, total_steps=total, **options)
        try:
            [*checks.check_lengths(iterations(10), [], [scheduler])]
            fits = True
        except UserError as error:
            assert f'total_steps={total}' in str(error)
            fits = False
        try:
            for _ in range(10):
                scheduler.step()
            steps = True
        except ValueError:
            steps = False
        assert fits == steps, total


def test_what_begins_after_the_end():
    late = dict(begin_iter=11), dict(begin_epoch=2)
    hooks = [EMAHook(begin_iter=10)]
    assert [*checks.check_lengths(iterations(10), hooks, None)] == []
    for options in late:
        with pytest.raises(UserError, match=f'EMAHook: {next(iter(options))}'):
            [*checks.check_lengths(iterations(10), [EMAHook(**options)], None)]
    loop = iterations(10)
    loop.val_begin = 11
    (doubt,) = checks.check_lengths(loop, [], None)
    assert 'val_begin=11' in doubt
    (doubt,) = checks.check_lengths(iterations(10), [MeanTeacherHook(burn_in=10)], None)
    assert 'burn_in=10' in doubt
    assert [*checks.check_lengths(iterations(10), [MeanTeacherHook(9)], None)] == []
    # the teacher is updated once in two iterations
    assert [*checks.check_lengths(iterations(10), [MeanTeacherHook(4)], None, 2)] == []
    (doubt,) = checks.check_lengths(iterations(10), [MeanTeacherHook(5)], None, 2)
    assert 'updates the teacher 5 times' in doubt and 'accumulative_counts=2' in doubt


@pytest.mark.parametrize(
    ('schedules', 'said'),
    [
        ([(PolyLR, dict(end=10))], ''),
        ([(PolyLR, dict(end=11))], ''),  # the last step has a rate
        ([(PolyLR, dict(end=30))], r'0 \(PolyLR\).* 30.* ends at 10'),
        ([(PolyLR, dict(end=5))], r'0 \(PolyLR\).* 0 from step 5 .*end=10'),
        ([(PolyLR, dict(end=5, eta_min=0.01))], ''),
        ([(PolyLR, dict(end=5)), (ConstantLR, dict(factor=1, begin=5, end=10))], ''),
        ([(LinearLR, dict(start_factor=0.1, end=5))], ''),
        (
            [
                (LinearLR, dict(start_factor=0.1, end=2)),
                (CosineAnnealingLR, dict(begin=2, end=6, eta_min=0.0)),
            ],
            r'1 \(CosineAnnealingLR\).* 0 from step 6',
        ),
        ([(MultiStepLR, dict(milestones=[5, 8], end=10))], ''),
        ([(MultiStepLR, dict(milestones=[5, 30], end=10))], r'0 \(MultiStepLR\).* 30'),
    ],
)
def test_schedules_of_another_length_are_told(schedules, said):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    built = [kind(optimizer, by_epoch=False, **options) for kind, options in schedules]
    doubts = ' '.join(checks.check_lengths(iterations(10), [], built))
    assert bool(doubts) == bool(said)
    assert re.search(said, doubts)


def test_a_resumed_training_is_not_told_to_change_its_schedules():
    """`check_resumed` would refuse it."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    poly = PolyLR(optimizer, by_epoch=False, end=4)
    (doubt,) = checks.check_lengths(iterations(10), [], [poly], resumed=True)
    assert ' 0 from step 4 ' in doubt and 'load_from' in doubt and 'end=' not in doubt
    cycle = OneCycleLR(optimizer, eta_max=1.0, total_steps=4, by_epoch=False)
    with pytest.raises(UserError, match='total_steps=4, but 10.*load_from') as caught:
        [*checks.check_lengths(iterations(10), [], [cycle], resumed=True)]
    assert 'total_steps=10' not in str(caught.value)


def test_schedules_with_which_a_finished_training_goes_on():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    for kind, options, goes_on in (
        (LinearLR, dict(end=5), True),  # a warm-up
        (LinearLR, dict(end=10), False),  # its end may be the training's
        (PolyLR, dict(end=5), False),
        (PolyLR, dict(end=5, eta_min=0.01), True),
        (MultiStepLR, dict(milestones=[3]), True),  # without an end
    ):
        schedule = kind(optimizer, by_epoch=False, **options)
        assert checks.may_go_on(iterations(10), [schedule]) == goes_on
    assert checks.may_go_on(iterations(10), None)


@pytest.mark.parametrize(('interval', 'told'), [(4, False), (5, True), (-1, False)])
def test_checkpoints_between_steps_of_the_optimiser(interval, told):
    hooks = [CheckpointHook(interval=interval, by_epoch=False), EMAHook()]
    doubts = [*checks.check_saving(hooks, 2)]
    assert bool(doubts) == told
    assert all('interval=5 ' in d and 'accumulative_counts=2' in d for d in doubts)
    assert not [*checks.check_saving(hooks, 1)]
