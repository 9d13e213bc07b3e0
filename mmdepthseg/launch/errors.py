"""What the command line shows of an error.

An expected one is one message and exit code 2: a `UserError`, raised on purpose in this
process or in a worker of a data loader; a file that is missing, not readable or not
writable, a full disk; a device without memory; a config entry that names an unknown
class or argument. Everything else is a defect and keeps its traceback. `--debug`, or
`MMDEPTHSEG_DEBUG=1` in the environment, shows the traceback always.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

from mmdepthseg.utils.errors import UserError

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
DEBUG_VARIABLE = 'MMDEPTHSEG_DEBUG'

_FILE_ERRORS = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
)
_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextlib.contextmanager
def friendly_errors(debug: bool = False) -> Iterator[None]:
    """Turn expected errors into one message on stderr and exit code 2.

    Args:
        debug: Show every traceback.

    Raises:
        SystemExit: 2 after an expected error, 130 after Ctrl-C.
    """
    debug = debug or os.environ.get(DEBUG_VARIABLE, '') not in ('', '0')
    try:
        yield
    except KeyboardInterrupt:
        if debug:
            raise
        print('\ninterrupted', file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except Exception as error:
        message = None if debug else describe_error(error)
        if message is None:
            raise
        print(f'{_rank_prefix()}error: {message}', file=sys.stderr, flush=True)
        raise SystemExit(EXIT_USER_ERROR) from None


def describe_error(error: BaseException) -> str | None:
    """Return one message for an expected error; None when it is not one."""
    if isinstance(error, UserError):
        return _own_text(error)
    if isinstance(error, OSError):
        if not isinstance(error, _FILE_ERRORS) and error.errno not in _DISK_ERRNOS:
            return None
        if error.filename is not None and error.strerror:
            return f'{error.filename}: {error.strerror}'
        return _own_text(error)
    if type(error).__name__ == 'OutOfMemoryError':
        return (
            'the device ran out of memory; lower train_dataloader.batch_size or the '
            f'crop size ({str(error).splitlines()[0]})'
        )
    # here, as it needs MMEngine, which `select_samples.py --features` does without
    from mmdepthseg.launch.build_errors import describe_build_error

    return describe_build_error(error)


def _own_text(error: BaseException) -> str:
    """Return the message, also of an error in a worker of a data loader.

    torch raises it again with the worker's whole traceback as the text.
    """
    text = str(error)
    if text.startswith('Caught ') and 'Original Traceback' in text:
        text = text.rpartition(f'{type(error).__name__}: ')[-1].strip()
    return text


def _rank_prefix() -> str:
    if int(os.environ.get('WORLD_SIZE', '1') or 1) > 1:
        return f'[rank {os.environ.get("RANK", "?")}] '
    return ''
