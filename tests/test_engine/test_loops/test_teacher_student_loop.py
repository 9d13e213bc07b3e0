"""Loops that evaluate student and teacher."""

from types import SimpleNamespace

import pytest
from mmseg.structures import SegDataSample
from torch import nn
from torch.utils.data import DataLoader

from mmdepthseg.engine.loops import TeacherStudentTestLoop, TeacherStudentValLoop
from mmdepthseg.utils.errors import UserError


class Model(nn.Module):
    """Predicts the name of the network that predicts."""

    predict_with = 'teacher'

    def val_step(self, data):
        return [self.predict_with]

    test_step = val_step


class Evaluator:
    """Counts what it is given."""

    dataset_meta = None

    def __init__(self):
        self.seen = []

    def process(self, data_samples, data_batch):
        self.seen += data_samples

    def evaluate(self, size):
        seen, self.seen = self.seen, []
        return dict(teachers=seen.count('teacher'), students=seen.count('student'))


def make_loop(kind, model=None, **options):
    """A loop over three batches and the hook calls it makes."""
    calls = []
    loop = kind.__new__(kind)
    loop._runner = SimpleNamespace(
        model=model or Model(), call_hook=lambda name, **kw: calls.append((name, kw))
    )
    loop.dataloader = DataLoader([0, 1, 2])
    loop.evaluator = Evaluator()
    loop.fp16, loop.val_loss, loop.test_loss = False, {}, {}
    loop.networks = options.get('networks', ('student', 'teacher'))
    return loop, calls


@pytest.mark.parametrize(
    'kind,stage', [(TeacherStudentValLoop, 'val'), (TeacherStudentTestLoop, 'test')]
)
def test_both_networks_are_evaluated_and_named(kind, stage):
    loop, calls = make_loop(kind)
    metrics = loop.run()
    assert metrics == {
        'student/teachers': 0,
        'student/students': 3,
        'teacher/teachers': 3,
        'teacher/students': 0,
    }
    assert dict(calls)[f'after_{stage}_epoch'] == dict(metrics=metrics)
    assert [name for name, _ in calls].count(f'before_{stage}') == 1
    assert loop.runner.model.predict_with == 'teacher'


def test_samples_carry_the_name_of_the_network():
    loop, _ = make_loop(TeacherStudentTestLoop)
    sample, seen = SegDataSample(), []
    views = [[sample], [SegDataSample()]]  # of test-time augmentation
    loop.dataloader = DataLoader([0], collate_fn=lambda _: dict(data_samples=views))
    loop.evaluator.process = lambda data_samples, data_batch: seen.append(
        (*data_samples, sample.network)
    )
    loop.run()
    assert seen == [('student', 'student'), ('teacher', 'teacher')]


def test_one_network_is_enough():
    loop, _ = make_loop(TeacherStudentValLoop, networks=('teacher',))
    assert set(loop.run()) == {'teacher/teachers', 'teacher/students'}


def test_other_models_are_refused():
    loop, _ = make_loop(TeacherStudentValLoop, model=nn.Identity())
    with pytest.raises(UserError, match='MeanTeacher'):
        loop.run()


@pytest.mark.parametrize('networks', [['techer'], [], 'teacher'])
@pytest.mark.parametrize('kind', [TeacherStudentValLoop, TeacherStudentTestLoop])
def test_other_networks_are_refused(kind, networks):
    loader = DataLoader([0])
    with pytest.raises(UserError, match=f'{kind.__name__}: networks'):
        kind(SimpleNamespace(), loader, Evaluator(), networks=networks)
