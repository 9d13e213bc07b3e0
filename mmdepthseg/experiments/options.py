"""Options of a table: dotted keys, and values with `{names}` as placeholders."""

import argparse
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdepthseg.launch.options import OptionsAction
from mmdepthseg.utils.configs import walk

ROOT = Path(__file__).resolve().parents[2]
FIELD = re.compile(r'\{([A-Za-z0-9][A-Za-z0-9_.-]*)\}')


def find(path: str) -> str:
    """Return the path of a file here or, if there is none, in the repository."""
    path = os.path.expanduser(path)
    return (
        path if os.path.exists(path) or not (ROOT / path).exists() else str(ROOT / path)
    )


def find_subsets(config: Config) -> Iterator[tuple[str, Mapping]]:
    """Yield dotted key and content of each `labeled_subset` of the training data."""
    loader = config.get('train_dataloader') or {}
    for place, value in walk(loader, 'train_dataloader'):
        if place.endswith('.labeled_subset') and isinstance(value, Mapping):
            yield place, value


def pairs(options: Mapping | None) -> list[str]:
    """Write options as `KEY=VALUE`, as the tools take them."""
    return [f'{key}={value}' for key, value in (options or {}).items()]


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """Read `KEY=VALUE` as the tools do."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=OptionsAction)
    return parser.parse_args(['--cfg-options', *options]).cfg_options or {}


def filled(texts: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Replace `{name}` in texts by values; unknown names stay as they are."""
    return [FIELD.sub(lambda m: str(values.get(m[1], m[0])), text) for text in texts]


def fields_of(node: Any) -> list[str]:
    """Find all `{name}` in the strings of a config."""
    if isinstance(node, str):
        return FIELD.findall(node)
    if isinstance(node, Mapping):
        node = list(node.values())
    if isinstance(node, list | tuple):
        return [field for value in node for field in fields_of(value)]
    return []
