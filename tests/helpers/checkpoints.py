"""Checkpoints of runs, and what must be equal in them."""

from pathlib import Path

import torch


def load(path: Path) -> dict:
    """What a run has saved."""
    return torch.load(path, map_location='cpu', weights_only=False)


def assert_same_states(first: dict, second: dict) -> None:
    """Everything that a run goes on from is equal, bit by bit."""

    def compare(a, b, where):
        if isinstance(a, dict):
            assert a.keys() == b.keys(), where
            for key in a:
                compare(a[key], b[key], f'{where}.{key}')
        elif isinstance(a, list | tuple):
            assert len(a) == len(b), where
            for index, pair in enumerate(zip(a, b, strict=True)):
                compare(*pair, f'{where}.{index}')
        elif isinstance(a, torch.Tensor):
            assert torch.equal(a, b), where
        else:
            assert a == b, where

    for part in ('state_dict', 'optimizer', 'param_schedulers', 'random_states'):
        compare(first[part], second[part], part)
