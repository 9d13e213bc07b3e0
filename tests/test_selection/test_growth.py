"""Growing subsets, with scorers that are plain functions."""

import numpy as np
import pytest
from helpers import REPO
from helpers.golden import FOLDER

from mmdepthseg.selection import farthest_point, select
from mmdepthseg.selection.growth import grow, needs_scores

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.standard_normal((60, 8)).astype(np.float32)
SPLITS = REPO / 'configs/_base_/splits/cityscapes'


class Scorer:
    """Scores that depend on what is chosen; remembers the calls."""

    def __init__(self, size=60):
        self.size, self.calls = size, []

    def __call__(self, chosen):
        self.calls.append(chosen.tolist())
        scores = np.random.default_rng(len(chosen)).random(self.size)
        scores[chosen] = np.nan
        return scores


def published(method, seed):
    lines = (SPLITS / f'{method}_seed{seed}.txt').read_text().splitlines()
    return [line for line in lines if not line.startswith('#')]


@pytest.mark.parametrize('seed', [42, 43, 44])
def test_published_lists_begin_without_a_student(seed):
    """What the rule of the first step is read from."""
    train = (SPLITS / 'train.txt').read_text().splitlines()[1:]
    order = np.random.RandomState(seed).permutation(len(train))
    first = [train[row] for row in order[:25]]
    assert published('us', seed)[:25] == published('ent', seed)[:25] == first
    assert published('ds_us', seed)[:25] == published('ds', seed)[:25] != first
    assert published('ds', seed)[0] == first[0]
    assert published('us', seed)[25] != published('ent', seed)[25] or seed == 44


def test_first_step_does_without_scores_as_published():
    scorer = Scorer()
    for method, plain in (('us', 'random'), ('entropy', 'random'), ('ds_us', 'ds')):
        chosen, steps = grow(FEATURES, method, 5, scorer, seed=42)
        expected = select(FEATURES, plain, 5, seed=42)
        assert chosen.order.tolist() == expected.order.tolist()
        assert [(s.known, s.budget, s.method) for s in steps] == [(0, 5, plain)]
        assert chosen.score is None and not scorer.calls


@pytest.mark.parametrize('method', ['us', 'ds_us', 'entropy'])
def test_steps(method):
    scorer = Scorer()
    chosen, steps = grow(
        FEATURES, method, [20, 5, 10], scorer, seed=3, exclude=[1], bias=2.0
    )
    assert [(s.known, s.budget) for s in steps] == [(0, 5), (5, 10), (10, 20)]
    order, scores = chosen.order, Scorer()
    assert scorer.calls == [order[:5].tolist(), order[:10].tolist()]
    plain = 'ds' if method == 'ds_us' else 'random'
    known = select(FEATURES, plain, 5, seed=3, exclude=[1]).order
    for budget in (10, 20):
        part = select(
            FEATURES,
            method,
            budget,
            scores=np.nan_to_num(scores(known)),
            bias=2.0,
            initial=known,
            exclude=[1],
        )
        assert order[:budget].tolist() == part.order.tolist()
        new = slice(len(known), budget)
        assert chosen.score[new].tolist() == part.score[new].tolist()
        np.testing.assert_array_equal(chosen.min_distance[new], part.min_distance[new])
        assert chosen.nearest[new].tolist() == part.nearest[new].tolist()
        known = part.order
    assert np.isnan(chosen.score[:5]).all()
    if method == 'ds_us':
        assert np.isfinite(chosen.min_distance[1:]).all()


def test_a_method_without_scores_takes_one_step():
    chosen, steps = grow(FEATURES, 'ds', [5, 20], seed=1)
    assert chosen.order.tolist() == farthest_point(FEATURES, 20, seed=1).order.tolist()
    assert [(s.known, s.budget) for s in steps] == [(0, 20)]


def test_labelled_frames_have_a_student_in_the_first_step():
    scorer = Scorer()
    whole, _ = grow(FEATURES, 'us', [5, 10, 20], scorer, seed=3)
    rest, steps = grow(
        FEATURES, 'us', [10, 20], Scorer(), seed=99, initial=whole.order[:5]
    )
    assert rest.order.tolist() == whole.order.tolist()
    assert rest.initial == 5 and np.isnan(rest.score[:5]).all()
    assert [s.known for s in steps] == [5, 10]
    # nothing new is asked for: nothing is trained
    scorer = Scorer()
    same, _ = grow(FEATURES, 'us', 5, scorer, initial=whole.order[:5])
    assert same.order.tolist() == whole.order[:5].tolist() and not scorer.calls


def test_golden_bias():
    """The published ds_us step, as a step of the growth."""
    with np.load(FOLDER / 'd1_farthest_point.npz') as arrays:
        golden = dict(arrays)
    row_of = {index: row for row, index in enumerate(golden['image_index'].tolist())}
    error = golden['student_error'].astype(np.float64)
    chosen, _ = grow(
        golden['features'],
        'ds_us',
        22,
        lambda rows: error,
        initial=[row_of[i] for i in golden['start_image_index'].tolist()],
    )
    order = golden['image_index'][chosen.order[2:]]
    assert order.tolist() == golden['order_bias1000'].tolist()


def test_minimum_distance_ends_all_steps():
    scorer = Scorer()
    chosen, steps = grow(
        FEATURES, 'ds_us', [5, 30, 60], scorer, min_distance=3.0, bias=1.0
    )
    assert chosen.stopped and len(chosen.order) < 60
    assert [s.budget for s in steps] == [5, 30]
    assert np.nanmin(chosen.min_distance) >= 3.0


def test_preselection_needs_a_student():
    scorer = Scorer()
    chosen, steps = grow(FEATURES, 'ds', [5, 15], scorer, seed=2, preselect=2)
    assert [s.method for s in steps] == ['ds', 'ds'] and len(scorer.calls) == 1
    scores = Scorer()(chosen.order[:5])
    best = set(np.argsort(-np.nan_to_num(scores, nan=-1))[:20].tolist())
    assert set(chosen.order[5:].tolist()) <= best
    assert chosen.preselected == 20
    assert needs_scores('ds', 2) and not needs_scores('ds')


@pytest.mark.parametrize(
    ('method', 'options', 'message'),
    [
        ('us', dict(budgets=[5, 61]), 'budget=61'),
        ('us', dict(budgets=[1, 5], initial=[2, 3]), 'budget=1'),
        ('us', dict(scorer=None), "'us'.*scorer"),
        ('uss', {}, "method='uss'"),
    ],
)
def test_errors_come_before_any_scoring(method, options, message):
    scorer = Scorer()
    with pytest.raises(ValueError, match=message):
        grow(FEATURES, method, **{'budgets': 5, 'scorer': scorer, **options})
    assert not scorer.calls
