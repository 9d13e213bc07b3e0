"""Command-line behaviour shared by all tools: one clear message for an expected error.

What counts as expected, and so is shown without a traceback (exit code 2):

- `UserError` and `FrameworkImportError`;
- a file that is missing, not readable or not writable, a full disk;
- a config entry naming an unknown class or argument;
- anything this package raises itself with a `raise` statement, in this process or in
  a data loader's worker: such a message was written for the user.

Everything else is a defect somewhere and keeps its traceback. `--debug`, or
`MMDEPTHSEG_DEBUG=1` in the environment, shows the traceback always.
"""

import contextlib
import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from mmdepthseg.launch.build_errors import describe_build_error
from mmdepthseg.utils.compat import FrameworkImportError
from mmdepthseg.utils.errors import UserError

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
DEBUG_VARIABLE = 'MMDEPTHSEG_DEBUG'

_PACKAGE_DIR = str(Path(__file__).resolve().parents[1]) + os.sep
_FILE_ERRORS = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
)
_WORKER_HEAD = re.compile(r'Caught (\w+) in DataLoader worker process \d+\.\nOriginal ')
_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def debug_wanted() -> bool:
    """Whether tracebacks were asked for in the environment."""
    return os.environ.get(DEBUG_VARIABLE, '') not in ('', '0')


@contextlib.contextmanager
def friendly_errors(debug: bool = False) -> Iterator[None]:
    """Turn expected errors into one message on stderr and exit code 2.

    Args:
        debug: Show every traceback.

    Raises:
        SystemExit: 2 after an expected error, 130 after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        if debug or debug_wanted():
            raise
        print('\ninterrupted', file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except Exception as error:
        message = None if debug or debug_wanted() else describe_error(error)
        if message is None:
            raise
        print(f'{_rank_prefix()}error: {message}', file=sys.stderr, flush=True)
        raise SystemExit(EXIT_USER_ERROR) from None


def describe_error(error: BaseException) -> str | None:
    """One message for an expected error; None when it is not one."""
    if _WORKER_HEAD.match(_message(error)):
        return _worker_error(_message(error))
    if isinstance(error, UserError | FrameworkImportError):
        return str(error)
    if isinstance(error, OSError):
        return _describe_os_error(error)
    if type(error).__name__ == 'OutOfMemoryError':
        return (
            'the device ran out of memory; lower train_dataloader.batch_size or the '
            f'crop size ({_message(error).splitlines()[0]})'
        )
    return describe_build_error(error) or _deliberate_message(error)


def _message(error: BaseException) -> str:
    """Text of an exception; `str` of a KeyError would add quotes."""
    if isinstance(error, KeyError) and len(error.args) == 1:
        return str(error.args[0])
    return str(error) or type(error).__name__


def _describe_os_error(error: OSError) -> str | None:
    expected = isinstance(error, _FILE_ERRORS) or error.errno in _DISK_ERRNOS
    if not expected:
        return _deliberate_message(error)
    if error.filename is not None and error.strerror:
        return f'{error.filename}: {error.strerror}'
    return _message(error)


def _deliberate_message(error: BaseException) -> str | None:
    """The message of an exception that this package raised itself."""
    frames = traceback.extract_tb(error.__traceback__)
    if frames and _is_deliberate(frames[-1].filename, frames[-1].line or ''):
        return _message(error)
    return None


def _is_deliberate(filename: str, line: str) -> bool:
    ours = os.path.realpath(filename).startswith(_PACKAGE_DIR)
    return ours and re.match(r'raise\b', line.strip()) is not None


def _worker_error(report: str) -> str | None:
    """The message of an expected error in a data loader's worker process.

    torch re-raises it with the worker's traceback as text, which is taken apart.
    """
    head = _WORKER_HEAD.match(report)
    name, text = head.group(1), report[head.end() :]
    frames = re.findall(r'File "(.+)", line \d+, in .*\n(?: +(\S.*))?', text)
    parts = re.split(rf'^(?:[\w.]+\.)?{name}: ', text, flags=re.MULTILINE)
    if not frames or len(parts) < 2:
        return None
    file_error = name in {kind.__name__ for kind in _FILE_ERRORS}
    if name == 'UserError' or file_error or _is_deliberate(*frames[-1]):
        message = parts[-1].strip()
        return message.strip('\'"') if name == 'KeyError' else message
    return None


def _rank_prefix() -> str:
    if int(os.environ.get('WORLD_SIZE', '1') or 1) > 1:
        return f'[rank {os.environ.get("RANK", "?")}] '
    return ''
