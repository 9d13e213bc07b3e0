"""Imports run downwards, floor by floor, and the physics knows no framework.

The floors are those of `docs/architecture.md`; `launch` stands above the parts of a
training, for it reads checkpoints and starts what is built of them. `plugin` names the
rooms below it by strings, `registry` is what these share, and `doctor`, which must run
without any framework, stands beside the top.
"""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'mmdepthseg'
#: Rooms from the top floor to the ground.
FLOORS = (
    'doctor', 'remote', 'experiments', 'apis', 'launch', 'plugin',
    'models', 'engine', 'datasets', 'evaluation', 'visualization',
    'checkpoints', 'registry', 'frameworks',
    'selection', 'streets', 'geometry', 'structures', 'camera', 'cityscapes', 'names',
    'name_lists', 'frame_numbers',
    'utils', 'version',
)  # fmt: skip
PLAIN = (
    'selection', 'streets', 'geometry', 'camera', 'cityscapes', 'names', 'name_lists',
    'frame_numbers', 'version',
)  # fmt: skip
FRAMEWORKS = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain')


@functools.lru_cache(maxsize=None)
def module_files():
    """Name of each module -> its file."""
    files = {}
    for path in PACKAGE.rglob('*.py'):
        parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
        files['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return files


def imports_of(path):
    """Names of the modules that a file imports, anywhere in it; '.' if relative."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add('.' * node.level)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f'{node.module}.{alias.name}'
                found.add(full if full in module_files() else node.module)
    return found


def room_of(module):
    """The room of a module of ours, '' for the package itself; None for others."""
    package, *rest = module.split('.')
    return (rest[0] if rest else '') if package == 'mmdepthseg' else None


@functools.lru_cache(maxsize=None)
def edges():
    """Each module of the package -> the modules that it imports."""
    return {module: imports_of(path) for module, path in module_files().items()}


def test_every_room_has_its_floor():
    rooms = {room_of(module) for module in module_files()} - {''}
    assert rooms == set(FLOORS)


def test_imports_are_absolute():
    assert not [module for module, names in edges().items() if {'.', '..'} & names]


def test_imports_run_downwards():
    floors = {room: floor for floor, room in enumerate(FLOORS)}
    upwards = [
        f'{module} imports {name}'
        for module, names in edges().items()
        for name in names
        if room_of(module) and room_of(name) is not None
        if floors.get(room_of(name), -1) < floors[room_of(module)]
    ]
    assert not upwards


def test_no_import_runs_in_a_circle():
    ours = {
        module: {name for name in names if name in module_files()}
        for module, names in edges().items()
    }
    graphlib.TopologicalSorter(ours).prepare()  # raises CycleError, naming the circle


@pytest.mark.parametrize('room', PLAIN)
def test_physics_knows_no_framework(room):
    wrong = [
        f'{module} imports {name}'
        for module, names in edges().items()
        if room_of(module) == room
        for name in names
        if name.split('.')[0] in FRAMEWORKS or room_of(name) == 'registry'
    ]
    assert not wrong
