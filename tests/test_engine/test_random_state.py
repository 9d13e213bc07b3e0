"""All generators of a process go back to where they were."""

import random

import numpy as np
import pytest
from helpers.random_numbers import draw, through_a_file

from mmdepthseg.engine.random_state import (
    get_random_state,
    kept_random_state,
    set_random_state,
)


def test_states_survive_a_safe_load():
    random.gauss(0, 1), np.random.randn()
    state = through_a_file(get_random_state())
    wanted = draw()
    assert draw() != wanted
    set_random_state(state)
    assert draw() == wanted


@pytest.mark.parametrize('fails', [False, True])
def test_a_state_is_kept_whatever_happens(fails):
    state = get_random_state()
    wanted = draw()
    set_random_state(state)
    try:
        with kept_random_state():
            draw()
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert draw() == wanted
