"""What one rank does for all."""

from collections.abc import Callable
from typing import Any


def from_main(function: Callable[[], Any]) -> Any:
    """Call a function on rank 0, and return what it returns, or raise, on all ranks.

    An error is handed on, for the others wait.

    Args:
        function: What it returns, and what it raises, is pickled.
    """
    from mmengine.dist import broadcast_object_list, get_dist_info

    box: list[Any] = [None, None]
    if get_dist_info()[0] == 0:
        try:
            box[0] = function()
        except Exception as error:
            box[1] = error
    broadcast_object_list(box)
    if box[1] is not None:
        raise box[1]
    return box[0]
