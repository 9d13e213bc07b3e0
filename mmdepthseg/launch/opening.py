"""What the console shows at the start of a run."""

import logging

from mmdepthseg.engine.hooks.training_summary_hook import SUMMARY

#: Beginnings of warnings of MMEngine about itself, which are for the log file.
NOISE = ('The prefix is not set in metric', '"FileClient" will', '"HardDiskBackend" is')


class Opening(logging.Filter):
    """Hold a logger's console back until the summary of the training is logged.

    Then the summary is shown, after it what was held back, and from then on everything.
    Errors are shown at once. Log files get all records, in their order.

    Args:
        logger: With one handler of the console (and those of files).

    Attributes:
        described: Whether MMEngine has described environment, config and hooks. Until
            then only warnings are held back for the console, the rest is left out.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self.described = False
        self._held: list[logging.LogRecord] | None = []
        self._handler = next(
            handler
            for handler in logger.handlers
            if not isinstance(handler, logging.FileHandler)
        )
        self._handler.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the console shows a record now."""
        if self._held is None or record.levelno >= logging.ERROR:
            return True
        if hasattr(record, SUMMARY):
            self._handler.emit(record)
            self.end(record.getMessage())
        elif self.described or record.levelno >= logging.WARNING:
            if not record.getMessage().startswith(NOISE):
                self._held.append(record)
        return False

    def end(self, summary: str = '') -> None:
        """Show what was held back, without what the summary says."""
        held, self._held = self._held or [], None
        for record in held:
            if record.getMessage() not in summary:
                self._handler.emit(record)
