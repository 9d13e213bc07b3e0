"""Numbers of the batches of all ranks."""

from mmengine.dist import all_reduce
from torch import Tensor


def mean_over_ranks(value: Tensor) -> Tensor:
    """Return a number averaged over the ranks, as float32 without gradient.

    Losses that divide by a count, or weigh by a share, take it over the batches of all
    ranks: the mean of the ranks' gradients is then that of one large batch.

    Args:
        value: Scalar; of one rank it comes back as it is.
    """
    value = value.detach().float().clone()
    all_reduce(value, op='mean')
    return value
