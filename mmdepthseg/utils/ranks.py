"""What ranks do for each other."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any


def from_main(function: Callable[[], Any]) -> Any:
    """Call a function on rank 0; return its result, or raise its error, on all ranks.

    Args:
        function: Its result or error is pickled.
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


def end_with_parent() -> None:
    """End this process, which another one has started, when that one ends or is killed.

    Otherwise it would go on alone, beside what a repeated command starts.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
