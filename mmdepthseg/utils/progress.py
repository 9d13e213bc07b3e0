"""A progress line that is fit for logs too."""

import sys
import time


class Progress:
    """Show a progress line on stderr; a line per tenth where that is not a terminal.

    MMEngine's `ProgressBar` redraws its line for each step, terminal or not, which
    fills a log file with copies of it, and needs MMEngine.

    Args:
        title: In front of the bar.
        unit: What is counted.
    """

    def __init__(self, title: str, unit: str = 'frames') -> None:
        self.title, self.unit = title, unit
        self.start, self.shown = time.monotonic(), -1.0
        self.first: int | None = None
        self.tenth = -1

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done.

        What was done at the first call does not count for the time that is left.
        """
        spent = time.monotonic() - self.start
        if self.first is None:
            self.first = done
        fresh, share = done - self.first, done / total if total else 1.0
        left = f', {spent / fresh * (total - done):.0f} s left' if fresh > 0 else ''
        bar = '#' * int(30 * share)
        line = f'{self.title} [{bar:<30}] {done}/{total} {self.unit}, {spent:.0f} s'
        if sys.stderr.isatty():
            if done >= total or spent - self.shown > 0.1:
                self.shown = spent
                end = '\n' if done >= total else ''
                print(f'\r{line + left:<78}', end=end, file=sys.stderr, flush=True)
        elif int(10 * share) > self.tenth:
            self.tenth = int(10 * share)
            print(line + left, file=sys.stderr, flush=True)
