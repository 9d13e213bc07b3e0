"""The log, and the file of a test's figures."""

import mmengine.hooks
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmdepthseg.registry import HOOKS


@HOOKS.register_module()
class LoggerHook(mmengine.hooks.LoggerHook):
    """MMEngine's `LoggerHook`, of whose ranks one writes the figures of a test.

    MMEngine's writes `<time>/<time>.json` on all ranks at a time, into the same file:
    the times in it differ in length, and what is left of the longer text makes it
    unreadable.
    """

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Log the figures, and write them to a file."""
        if is_main_process():
            super().after_test_epoch(runner, metrics)
