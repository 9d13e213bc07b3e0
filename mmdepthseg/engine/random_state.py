"""States of a process's random generators: read, restored, kept."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

State = dict[str, Any]


def get_random_state() -> State:
    """Return the states of this process's Python, NumPy and torch generators.

    Returns:
        Only plain numbers and tensors, so that `torch.load(weights_only=True)` can read
        them: python (words (625,) int64, spare Gaussian sample or None), numpy (words
        (624,) int64, position, has_gauss, cached_gaussian), torch (bytes), cuda (bytes
        per device; empty if CUDA is not in use).
    """
    _, words, spare = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    assert isinstance(keys, np.ndarray), name
    state: State = {
        'python': (torch.tensor(words, dtype=torch.int64), spare),
        'numpy': (
            torch.from_numpy(keys.astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ),
        'torch': torch.get_rng_state(),
        'cuda': [],
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: State) -> None:
    """Restore what `get_random_state` returned; tensors may be on any device."""
    words, spare = state['python']
    random.setstate((3, tuple(words.tolist()), spare))
    keys, position, has_gauss, cached = state['numpy']
    keys = keys.cpu().numpy().astype(np.uint32)
    np.random.set_state(('MT19937', keys, position, has_gauss, cached))
    torch.set_rng_state(state['torch'].cpu())
    # The number of GPUs may have changed: restore those that both runs have.
    if torch.cuda.is_available():
        for device, bits in enumerate(state['cuda'][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(bits.cpu(), device)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore at the end the state from before."""
    state = get_random_state()
    try:
        yield
    finally:
        set_random_state(state)
