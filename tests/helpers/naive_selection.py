"""Farthest point from the formula: what the fast routes must equal."""

import numpy as np


def naive_farthest_point(
    features, budget, first=None, initial=(), exclude=(), bias=None
) -> list[int]:
    """Whole distance matrix in float64, minimum redone for each pick."""
    rows = np.asarray(features).reshape(len(features), -1).astype(np.float64)
    bias = np.zeros(len(rows)) if bias is None else bias
    distances = np.stack([np.sqrt(np.square(rows - row).sum(axis=1)) for row in rows])
    order = list(initial) if len(initial) else [first]
    while len(order) < budget:
        nearest = distances[order].min(axis=0) + bias
        nearest[order] = -np.inf
        nearest[list(exclude)] = -np.inf
        order.append(int(nearest.argmax()))
    return order
