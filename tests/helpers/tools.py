"""The scripts in tools/ as modules."""

import importlib.util
from types import ModuleType

from helpers import REPO


def load_tool(name: str) -> ModuleType:
    """Load tools/<name>.py as a fresh module; its `main` is not run."""
    path = REPO / 'tools' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'tools_{path.stem}', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool
