"""torchrun, whose end is one line: which rank failed first, and how.

Example:
    python -m mmdepthseg.launch.torchrun --nproc_per_node=2 tools/train.py ...
"""

import signal
import sys
from collections.abc import Mapping, Sequence

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import (
    ChildFailedError,
    ProcessFailure,
)
from torch.distributed.run import parse_args, run

from mmdepthseg.launch.errors import LOST_RANK

#: Ends that follow from another rank's: its connection is lost, NCCL or gloo abort,
#: torchrun sends a SIGTERM.
_FOLLOWING = (LOST_RANK, -signal.SIGABRT, -signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> None:
    """Run torchrun.

    Raises:
        SystemExit: With the exit code of the rank that failed first, 128 + N after
            signal N, which the ranks have been sent, too.
    """
    try:
        run(parse_args(argv))
    except ChildFailedError as error:
        message, code = describe(error.failures)
        print(message, file=sys.stderr, flush=True)
        raise SystemExit(code) from None
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None


def describe(failures: Mapping[int, ProcessFailure]) -> tuple[str, int]:
    """Return what ended the ranks, and the exit code of the whole.

    Args:
        failures: By rank.
    """

    def order(rank: int) -> tuple:
        code = failures[rank].exitcode
        follows = _FOLLOWING.index(code) + 1 if code in _FOLLOWING else 0
        return follows, failures[rank].timestamp, code >= 0, rank

    rank = min(failures, key=order)
    failure = failures[rank]
    code, said = failure.exitcode, 'see its messages above'
    if code < 0:
        how, code = f'was ended by {failure.signal_name()}', 128 - code
        if failure.exitcode == -signal.SIGKILL:
            said = 'usually because the machine ran out of memory'
    elif code - 128 in {*signal.Signals}:
        how = f'ended after {signal.Signals(code - 128).name}'
    else:
        how = f'failed with exit code {code}'
    return f'error: rank {rank} {how}, {said}; so all ranks were ended', code


if __name__ == '__main__':
    main()
