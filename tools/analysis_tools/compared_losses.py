"""How far the losses of trainings are apart; for `benchmark_gpu.py`."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdepthseg.experiments.figures import read_logs

#: Losses are averaged over this share of the iterations before they are compared.
WINDOW = 0.1


def read_losses(folder: Path, iterations: int) -> list[float]:
    """Return the losses of a finished training; none of another one.

    What a continued training did again counts once.
    """
    losses = {row['step']: row['loss'] for row in read_logs(folder) if 'loss' in row}
    return (
        [losses[step] for step in sorted(losses)] if len(losses) == iterations else []
    )


def agreement(name: str, losses: Mapping[tuple[str, int], Sequence[float]]) -> str:
    """Tell how far losses are apart: of AMP and float32, and of two seeds."""
    first, second = seeds = sorted({seed for _, seed in losses})
    forms = [distance(losses['float32', s], losses['amp', s]) for s in seeds]
    apart = distance(losses['float32', first], losses['float32', second])
    return (
        f'{name}, losses of AMP and float32, same seed: '
        f'{" and ".join(f"{d:.2%}" for d in forms)} apart; of seeds {first} and '
        f'{second} in float32: {apart:.2%}'
    )


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how far two trainings' averaged losses are apart, relative to their mean.

    Both have the same number of iterations.
    """
    pairs = list(zip(averaged(first), averaged(second), strict=True))
    apart = statistics.mean(abs(a - b) for a, b in pairs)
    return apart / statistics.mean((a + b) / 2 for a, b in pairs)


def averaged(losses: Sequence[float]) -> list[float]:
    """Return the means of ten parts of a training's losses, and of the remainder."""
    size = max(1, int(len(losses) * WINDOW))
    return [
        statistics.mean(losses[start : start + size])
        for start in range(0, len(losses), size)
    ]
