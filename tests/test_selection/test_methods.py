import numpy as np
import pytest

from mmdepthseg.selection import farthest_point, select

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.standard_normal((60, 8)).astype(np.float32)
SCORES = RANDOM.random(60).round(1)  # with ties


def test_random_is_the_seeded_permutation():
    order = np.random.RandomState(42).permutation(60).tolist()
    chosen = select(FEATURES, 'random', [3, 20], seed=42)
    assert chosen.order.tolist() == order[:20]
    given = [order[0], order[5]]
    chosen = select(FEATURES, 'random', 20, seed=42, initial=given, exclude=[order[1]])
    rest = [row for row in order if row not in (*given, order[1])]
    assert chosen.order.tolist() == (given + rest)[:20]
    assert chosen.initial == 2
    assert np.isnan(chosen.min_distance).all()


def test_us_is_the_highest_scores_lowest_row_on_ties():
    chosen = select(FEATURES, 'us', 15, scores=SCORES, initial=[7], exclude=[8])
    rest = sorted(set(range(60)) - {7, 8}, key=lambda row: (-SCORES[row], row))
    assert chosen.order.tolist() == [7, *rest[:14]]
    assert chosen.score.tolist() == SCORES[chosen.order].tolist()


def test_ds_and_ds_us_are_farthest_point():
    ds = select(FEATURES, 'ds', 15, seed=1, scores=SCORES)
    assert ds.order.tolist() == farthest_point(FEATURES, 15, seed=1).order.tolist()
    both = select(FEATURES, 'ds_us', 15, seed=1, scores=SCORES, bias=3)
    expected = farthest_point(FEATURES, 15, seed=1, bias=3 * SCORES)
    assert both.order.tolist() == expected.order.tolist() != ds.order.tolist()
    # With a large bias the scores alone decide.
    heavy = select(FEATURES, 'ds_us', 15, scores=SCORES, initial=[0], bias=1e9)
    ranking = select(FEATURES, 'us', 15, scores=SCORES, initial=[0])
    assert sorted(SCORES[heavy.order].tolist()) == sorted(
        SCORES[ranking.order].tolist()
    )


def test_preselection_keeps_the_most_uncertain():
    chosen = select(FEATURES, 'ds', 12, scores=SCORES, initial=[0, 1], preselect=2)
    ranking = select(FEATURES, 'us', 22, scores=SCORES, initial=[0, 1]).order
    assert set(chosen.order.tolist()) <= set(ranking.tolist())
    assert len(chosen.order) == 12


def test_a_minimum_distance_among_preselected_frames():
    """Frames that were left out may be far enough."""
    options = dict(scores=SCORES, initial=[0, 1], min_distance=3.0)
    few = select(FEATURES, 'ds', 12, preselect=1.5, **options)
    assert few.stopped and few.preselected == 15
    whole = select(FEATURES, 'ds', 12, preselect=100, **options)
    assert len(whole.order) > len(few.order) and whole.preselected is None
    assert select(FEATURES, 'ds', 12, **options).preselected is None
    assert select(FEATURES, 'us', 12, preselect=2, scores=SCORES).preselected == 24


@pytest.mark.parametrize(
    ('method', 'options', 'message'),
    [
        ('best', {}, "method='best'.*random, ds, us, ds_us"),
        ('us', {}, "'us'.*scores"),
        ('ds_us', {}, "'ds_us'.*scores"),
        ('ds', dict(preselect=2), 'preselect.*scores'),
        ('ds', dict(preselect=0.5, scores=SCORES), 'preselect=0.5'),
        ('ds', dict(preselect=np.inf, scores=SCORES), 'preselect=inf'),
        ('ds_us', dict(bias=np.nan, scores=SCORES), 'bias=nan'),
        ('random', dict(seed=-1), 'seed=-1'),
        ('ds', dict(seed=1.5), 'seed=1.5'),
        ('us', dict(scores=SCORES[:-1]), r'scores: shape \(59,\)'),
        ('random', dict(min_distance=1), 'min_distance'),
        ('random', dict(budget=[3, 61]), 'budget=61'),
        ('random', dict(budget=[1, 5], initial=[3, 4]), 'budget=1'),
        ('random', dict(budget=[]), 'budget'),
    ],
)
def test_errors(method, options, message):
    with pytest.raises(ValueError, match=message):
        select(FEATURES, method, **{'budget': 5, **options})


def test_empty_pool():
    for method in ('random', 'ds'):
        with pytest.raises(ValueError, match='empty'):
            select(np.zeros((0, 3)), method, 1)
