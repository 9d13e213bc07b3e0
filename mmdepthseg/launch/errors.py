"""Errors as the command line shows them.

An expected error is one message and exit code 2: a `UserError`, also from a worker of a
data loader; a file that is missing or cannot be read or written, a full disk; a device
or machine without memory, a worker of a data loader that was killed; a config entry
with an unknown class or argument. Any other error is a bug and keeps its traceback.
Output that nobody reads any longer (`| head`) ends a tool quietly.
`--debug`, or `MMDEPTHSEG_DEBUG=1` in the environment, always shows the traceback.
"""

import contextlib
import errno
import io
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator

from mmdepthseg.utils.errors import UserError

_FILE_ERRORS = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
)
#: Exit code of a rank that has lost the connection to another one.
LOST_RANK = 3
_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def friendly_errors(debug: bool = False) -> Iterator[None]:
    """Turn expected errors into one message on stderr and exit code 2.

    Args:
        debug: Show every traceback.

    Raises:
        SystemExit: 2 after an expected error, 130 after Ctrl-C, 141 if nobody reads
            the output any longer (`| head`), `LOST_RANK` after the end of another rank.
    """
    debug = debug or os.environ.get('MMDEPTHSEG_DEBUG', '') not in ('', '0')
    try:
        yield
        if sys.stdout is not None:  # None after `>&-`
            sys.stdout.flush()
    except BrokenPipeError:
        if debug or not _nobody_reads():
            raise
        raise SystemExit(128 + signal.SIGPIPE) from None
    except KeyboardInterrupt:
        if debug:
            raise
        print('\ninterrupted', file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        message = None if debug else describe_error(error)
        if message is None:
            raise
        several = int(os.environ.get('WORLD_SIZE') or 1) > 1
        rank = f'[rank {os.environ.get("RANK", "?")}] ' if several else ''
        sys.stderr.write(f'{rank}error: {message}\n')  # at once: ranks share it
        sys.stderr.flush()
        raise SystemExit(LOST_RANK if several and is_lost_rank(error) else 2) from None
    finally:
        if _nobody_reads():  # Python writes the rest at its end, and would complain
            with open(os.devnull, 'w') as nothing:
                os.dup2(nothing.fileno(), sys.stdout.fileno())


def _nobody_reads() -> bool:
    """Tell whether the output is a pipe that nobody reads any longer."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError, AttributeError):  # not a file, or closed
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _file_written(error: BaseException) -> str | None:
    """Return the file that was open where an error without a name was raised.

    That is, in the innermost function with an open file: what writes MMEngine's logs
    does not say which file has met a full disk.
    """
    for frame, _ in reversed([*traceback.walk_tb(error.__traceback__)]):
        for value in frame.f_locals.values():
            if isinstance(value, io.IOBase) and isinstance(
                getattr(value, 'name', None), str
            ):
                return value.name  # type: ignore[attr-defined]
    return None


def is_lost_rank(error: BaseException) -> bool:
    """Tell whether an error is that of a process group, in which a rank is missing."""
    lost = ('DistBackendError', 'DistNetworkError', 'DistStoreError')
    return isinstance(error, RuntimeError) and (
        type(error).__name__ in lost or 'gloo/transport' in str(error)
    )


def describe_error(error: BaseException) -> str | None:
    """Return the message of an expected error; None for any other error."""
    file_error = isinstance(error, OSError) and (
        isinstance(error, _FILE_ERRORS) or error.errno in _DISK_ERRNOS
    )
    if isinstance(error, OSError) and file_error and error.filename and error.strerror:
        return f'{error.filename}: {error.strerror}'
    if file_error and (name := _file_written(error)):
        return f'{name}: {error.strerror}'  # type: ignore[attr-defined]
    if type(error) is UserError and not str(error).startswith('Caught '):
        return str(error)  # without MMEngine: some tools do without
    # here, because it imports MMEngine
    from mmdepthseg.launch.build_errors import (
        describe_build_error,
        describe_lack,
        message_of,
    )

    if file_error or isinstance(error, UserError):
        return message_of(error)
    if is_lost_rank(error):
        return (
            'lost another rank: it has ended (see its message) or does not answer '
            f'({str(error).splitlines()[0]})'
        )
    if type(error).__name__ == 'OutOfMemoryError':
        return (
            'the device ran out of memory; lower train_dataloader.batch_size or the '
            f'crop size ({str(error).splitlines()[0]})'
        )
    return describe_lack(error) or describe_build_error(error)
