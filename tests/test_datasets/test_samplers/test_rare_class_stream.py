import numpy as np

from mmdepthseg.datasets.samplers.multi_source_sampler import RareClassStream

PIXELS = np.array([[90, 0, 0, 0], [80, 20, 0, 0], [0, 5, 5, 0]])


def test_probabilities_by_the_formula():
    shares = np.array([170, 25, 5]) / 200
    expected = np.exp((1 - shares) / 0.3)
    stream = RareClassStream(PIXELS, 0.3, seed=1, source=0)
    np.testing.assert_allclose(stream.probabilities, expected / expected.sum())


def test_samples_show_the_drawn_class():
    stream = RareClassStream(PIXELS, 0.3, seed=1, source=0)
    drawn = np.bincount([stream[i] for i in range(3000)], minlength=3) / 3000
    first, second, third = stream.probabilities
    expected = [first / 2, first / 2 + second / 2, second / 2 + third]
    np.testing.assert_allclose(drawn, expected, atol=3 * (0.25 / 3000) ** 0.5)


def test_draws_do_not_depend_on_the_past():
    stream = RareClassStream(PIXELS, 0.3, seed=1, source=0)
    whole = [stream[i] for i in range(50)]
    again = RareClassStream(PIXELS, 0.3, seed=1, source=0)
    assert [again[i] for i in reversed(range(50))] == whole[::-1]
    other = RareClassStream(PIXELS, 0.3, seed=1, source=1)
    assert [other[i] for i in range(50)] != whole


def test_a_low_temperature_does_not_overflow():
    stream = RareClassStream(PIXELS, 1e-6, seed=1, source=0)
    assert {stream[i] for i in range(20)} == {2}
