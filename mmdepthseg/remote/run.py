"""Run tables or a tool with a pack, without network, a few minutes a call."""

import contextlib
import gzip
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mmdepthseg.remote.pack import MANIFEST, MIB, copy_code
from mmdepthseg.utils.errors import UserError, check_keys
from mmdepthseg.utils.files import atomic_path, read_json, read_text
from mmdepthseg.utils.stamp import Stamp

MORE_TO_DO = 75  # EX_TEMPFAIL
#: Seconds for the last checkpoint and table after a table was asked to stop.
GRACE = 20.0
#: Seconds in which a table kills its trainings when it is asked once more.
KILL_GRACE = 2.0
#: Results of finished runs; checkpoints and pictures stay where they are.
SMALL = ('.json', '.md', '.npz', '.log')
#: What tells that pictures or checkpoints are there, which stay: made again elsewhere.
STAYS = ('manifest.json', '.started.json')
SITE = 'import os, site\nsite.addsitedir(os.path.dirname(__file__))\n'


def claim(place: Path) -> None:
    """Make a place ours, whose code and environment are replaced in each call.

    Raises:
        UserError: It holds files, but was not made by this tool.
    """
    taken = [*place.iterdir()] if place.is_dir() else []
    if (place / 'site/wheels.txt').is_file():  # of an earlier version, without a stamp
        taken = []
    made_with = dict(made_by='tools/remote_tables.py')
    Stamp(place / 'place.json', 'the runs of a pack', made_with).begin(taken=taken)


def unpack(pack: Path, content: Mapping, place: Path) -> dict[str, str]:
    """Make or bring up to date the environment; return the variables it needs.

    Raises:
        UserError: The pack is for another Python, or the place is somebody else's.
    """
    own = '.'.join(map(str, sys.version_info[:2]))
    if content['compiled'] and content['python'] != own:
        raise UserError(
            f'{pack} has packages compiled for Python {content["python"]}, this is '
            f'{own}: pack again with --python {own}'
        )
    claim(place)
    site = place / 'site'
    wheels = sorted((pack / 'wheels').glob('*.whl'))
    stamp = site / 'wheels.txt'
    names = '\n'.join(wheel.name for wheel in wheels)
    if not stamp.is_file() or read_text(stamp, tolerant=True) != names:
        shutil.rmtree(site, ignore_errors=True)
        site.mkdir(parents=True)  # also if the machine has all packages
        for wheel in wheels:  # pure files: to unpack is to install
            with zipfile.ZipFile(wheel) as file:
                file.extractall(site)
        # .pth files (setuptools' distutils) are read in such folders only
        (site / 'sitecustomize.py').write_text(SITE)
        stamp.write_text(names)
    code = place / 'code'
    copy_code(pack / 'code', code)
    if (pack / 'code/COMMIT').is_file():
        shutil.copy2(pack / 'code/COMMIT', code / 'COMMIT')
    (code / 'data').mkdir(exist_ok=True)
    for part in (pack / 'data').glob('*'):
        link = code / 'data' / part.name
        if link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(part.resolve())
    paths = [str(code), str(site), *filter(None, [os.environ.get('PYTHONPATH')])]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(paths), PYTHONUNBUFFERED='1')


def run_for(
    command: Sequence[str], seconds: float, cwd: Path, env: Mapping[str, str]
) -> int | None:
    """Run a command for at most so long; return its exit code, None if stopped."""
    process = subprocess.Popen(command, cwd=cwd, env=env, start_new_session=True)
    try:
        return process.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        return None
    finally:  # also after Ctrl-C
        stop(process)


def stop(process: subprocess.Popen) -> None:
    """Let a command stop its trainings (SIGTERM); kill what does not.

    Trainings have sessions of their own: a table that is asked twice kills them.
    """
    for seconds in (GRACE, KILL_GRACE):
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):  # none is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_all(
    tables: Sequence[str],
    start: Callable[[str, float], int | None],
    end: float,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, int | None]:
    """Run tables one after the other until the time is over.

    Args:
        tables: Their files.
        start: Runs a table for so many seconds; its exit code, None if stopped.
        end: When to stop, by the clock.
        clock: The time, in seconds.

    Returns:
        Exit code of each table; None if there is more to do.
    """
    codes: dict[str, int | None] = dict.fromkeys(tables)
    for table in tables:
        left = end - clock() - GRACE - KILL_GRACE
        if left <= 0:
            break
        codes[table] = start(table, left)
    return codes


def collect(code: Path, out: Path, tables: Sequence[str]) -> None:
    """Copy the results of tables, and the small files of what is finished."""
    out.mkdir(parents=True, exist_ok=True)
    work = code / 'work_dirs'
    for name in (Path(table).stem for table in tables):
        for kind in ('json', 'md'):
            found = work / name / f'results.{kind}'
            if found.is_file():
                shutil.copy2(found, out / f'{name}.{kind}')
    with (
        atomic_path(out / 'state.tar.gz') as temporary,
        tarfile.open(temporary, 'w:gz') as archive,
    ):
        for path in _small_files(work):
            archive.add(path, path.relative_to(code))


def _small_files(work: Path) -> Iterator[Path]:
    """Yield the small files of a folder of tables, without those of unfinished runs."""
    paths = sorted(work.rglob('*'))
    begun = {
        path.with_name(path.name.removesuffix('.started.json'))
        for path in paths
        if path.name.endswith('.started.json')
    }
    for path in paths:
        if (
            path.suffix in SMALL
            and not path.name.endswith(STAYS)
            and begun.isdisjoint(path.parents)
            and path.is_file()
            and path.stat().st_size < MIB
        ):
            yield path


def _manifest(pack: Path) -> dict:
    try:
        content = read_json(pack / MANIFEST, dict)
        needed = ('compiled', 'python', 'expected')
        check_keys(content, content, str(pack / MANIFEST), needed=needed)
    except (OSError, ValueError) as error:
        raise UserError(f'{pack} is not a pack of this tool: {error}') from None
    return content


def prepare(pack: Path, place: Path | None = None) -> tuple[dict[str, str], Path]:
    """Make the environment of a pack; return its variables and the code's folder.

    Args:
        pack: Folder of the pack.
        place: Folder of the environment and of all work, kept between calls; None:
            beside the pack.

    Raises:
        UserError: There is no pack, the environment is not complete, or the place has
            other files.
    """
    pack = pack.resolve()
    content = _manifest(pack)
    place = (place or pack.with_name(f'{pack.name}.work')).resolve()
    env, code = unpack(pack, content, place), place / 'code'
    doctor = [sys.executable, '-m', 'mmdepthseg.doctor']
    if subprocess.run(doctor, cwd=code, env=env).returncode:
        raise UserError(
            'the environment is not complete, see above. Expected on this machine: '
            f'{", ".join(content["expected"])}'
        )
    return env, code


def run_command(
    pack: Path, command: Sequence[str], minutes: float, place: Path | None = None
) -> int:
    """Run one of the tools with a pack, in the folder of its code.

    Args:
        pack: Folder of the pack.
        command: The tool's file, below the pack's code, and its arguments.
        minutes: Time for everything.
        place: See `prepare`.

    Returns:
        Exit code of the tool; `MORE_TO_DO` if it was stopped.

    Raises:
        UserError: There is no pack or no such tool, or the environment is not complete.
    """
    end = time.monotonic() + 60 * minutes
    env, code = prepare(pack, place)
    if not (code / command[0]).is_file():
        raise UserError(f'{command[0]} is not in the code of {pack}: tools/NAME.py')
    left = end - time.monotonic() - GRACE - KILL_GRACE
    result = run_for([sys.executable, *command], left, code, env)
    return MORE_TO_DO if result is None else result


def run_pack(
    pack: Path,
    tables: Sequence[str],
    options: Sequence[str],
    minutes: float,
    place: Path | None = None,
    out: Path | None = None,
    state: Path | None = None,
) -> int:
    """Run tables with a pack until the time is over.

    Args:
        pack: Folder of the pack.
        tables: Their files, below the pack's code.
        options: Of tools/run_experiments.py.
        minutes: Time for everything.
        place: Folder of the environment and of all work, kept between calls.
        out: Folder of the results.
        state: `state.tar.gz` of an earlier call on another machine.

    Returns:
        Exit code: 0, 1 if a training failed, `MORE_TO_DO`.

    Raises:
        UserError: There is no pack, or the environment is not complete.
    """
    started = time.monotonic()
    out = (out or Path(os.environ.get('OUT') or f'{pack.resolve()}.out')).resolve()
    env, code = prepare(pack, place)
    if state:
        try:
            with tarfile.open(state) as archive:
                archive.extractall(code, filter='data')
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise UserError(f'{state} is not the state of a call: {error}') from None

    def start(table: str, seconds: float) -> int | None:
        work = f'work_dirs/{Path(table).stem}'
        tool = [sys.executable, 'tools/run_experiments.py', table, '--work-dir', work]
        return run_for([*tool, *options], seconds, code, env)

    try:
        codes = run_all(tables, start, started + 60 * minutes)
    finally:
        collect(code, out, tables)
    for table, result in codes.items():
        print(f'{table}: {"more to do" if result is None else f"exit code {result}"}')
    print(f'{(time.monotonic() - started) / 60:.1f} minutes; results: {out}')
    if any(codes.values()):
        return 1
    return MORE_TO_DO if None in codes.values() else 0
