"""Load a config for a tool, with errors that name the file or the key."""

import argparse
import ast
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmdepthseg.launch.config_keys import check_nested_keys, walk
from mmdepthseg.utils.errors import UserError, check_keys, did_you_mean
from mmdepthseg.utils.files import check_writable

#: What MMEngine's Runner and our tools read at the top level of a config.
TOP_LEVEL_KEYS = (
    'auto_scale_lr custom_hooks custom_imports default_hooks default_scope env_cfg '
    'experiment_name find_unused_parameters load_from log_level log_processor '
    'model_wrapper_cfg optim_wrapper param_scheduler randomness test_dataloader '
    'test_evaluator train_dataloader val_dataloader val_evaluator visualizer '
    'work_dir'
).split()
# Read too, but too short or too unlike anything to be taken for a misspelt name.
_MORE_KEYS = (
    'activation_checkpointing compile efficient_conv_bn_eval launcher model '
    'predict_dataloader predict_pipeline resume selection sync_bn test_cfg '
    'train_cfg tta_model tta_pipeline val_cfg'
).split()
_PLACES_NAMED = 4
# Above this likeness a new name is taken for a misspelt one. Chosen so that the names
# of MMSegmentation's own configs (`train_pipeline`, `vis_backends`, ...) stay below.
_TOP_LEVEL_LIKENESS = 0.87
_OPTION_LIKENESS = 0.8

OPTIONS_HELP = (
    'override settings of the config, KEY=VALUE with dots for nesting '
    '(optim_wrapper.optimizer.lr=0.01). An entry of a list goes by position or type '
    '(train_dataloader.dataset.pipeline.RandomFlip.prob=0). '
    'Lists: KEY="[a,b]" or KEY=a,b; dicts: KEY="dict(type=X)"; what has quotes within '
    "the value stays text: KEY=\"['09','10']\". A key that looks "
    'like a misspelt one is refused; +KEY=VALUE adds it all the same.'
)


class OptionsAction(DictAction):
    """Argparse action for KEY=VALUE pairs.

    MMEngine's DictAction ends in a traceback when `=` is missing, passes dicts on as
    strings, and takes the quotes off: '09' becomes 9.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the pairs to `namespace`."""
        options = dict(getattr(namespace, self.dest, None) or {})
        for pair in values or ():
            key, equals, text = pair.partition('=')
            if not equals or not key.strip('+'):
                parser.error(f'{option_string} takes KEY=VALUE, not {pair!r}')
            options[key] = _parse_value(parser, key, text)
        setattr(namespace, self.dest, options)


class _Literals(ast.NodeTransformer):
    """`dict(a=1)` becomes `{'a': 1}`, a word without quotes what MMEngine reads."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """true, false: bool; other words: str."""
        return ast.Constant(DictAction._parse_int_float_bool(node.id))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Calls of anything but dict stay calls, and are refused."""
        named = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        if not named or node.args or not all(word.arg for word in node.keywords):
            return node
        self.generic_visit(node)
        return ast.Dict(
            [ast.Constant(word.arg) for word in node.keywords],
            [word.value for word in node.keywords],
        )


def _parse_value(parser: argparse.ArgumentParser, key: str, text: str) -> Any:
    text = text.strip()
    # {clip} and ../{clip}.txt are words
    dicts = text.startswith(('{', '[', '(', 'dict(')) and re.search(
        r"\{\s*['\"\d}({[]|\bdict\(", text
    )
    quoted = text.startswith(('[', '(', "'", '"')) and re.search('[\'"]', text)
    try:
        if dicts or quoted:
            try:
                return _python_value(text)
            except (SyntaxError, TypeError, ValueError):
                if dicts:
                    raise
        return DictAction._parse_iterable(text)
    # MMEngine's parser runs in circles on a comma in inner brackets
    except (AssertionError, RecursionError, SyntaxError, TypeError, ValueError):
        return parser.error(f'the value of {key}={text!r} cannot be read')


def _python_value(text: str) -> Any:
    # a backslash is a backslash, as in what MMEngine reads
    tree = ast.parse(text.replace('\\', '\\\\'), mode='eval')
    value = ast.literal_eval(_Literals().visit(tree))
    # its rules: (x) is a tuple of one, x,y a list
    if text.startswith('('):
        return value if isinstance(value, tuple) else (value,)
    return list(value) if isinstance(value, tuple) else value


def load_config(
    path: str | os.PathLike, options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config file and apply `--cfg-options`.

    Args:
        path: A Python, YAML or JSON config.
        options: Dotted keys to values.

    Raises:
        UserError: The file is missing or cannot be read, or a key looks misspelt.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f'config not found: {path}{_near_files(path, "*.py")}')
    try:
        config = Config.fromfile(str(path))
    except UserError:
        raise
    except Exception as error:
        reason = ' '.join(str(error).split())
        kind = type(error).__name__
        raise UserError(f'config {path} cannot be read: {kind}: {reason}') from error
    apply_options(config, options or {})
    check_top_level_keys(config)
    check_nested_keys(config)
    return config


def _near_files(path: Path, pattern: str) -> str:
    if not path.parent.is_dir():
        return f' (there is no folder {path.parent})'
    names = [found.name for found in path.parent.glob(pattern)]
    return did_you_mean(path.name, names)


def apply_options(config: Config, options: Mapping[str, Any]) -> None:
    """Merge dotted options into `config`, in place.

    A key that the config does not have is added, as MMSegmentation users expect, with
    a warning; but when it resembles one that stands at the same place it is taken for
    misspelt, unless written with a leading `+`.

    Raises:
        UserError: A key looks misspelt, or does not fit the config's structure.
    """
    for key, value in options.items():
        name = _with_positions(config, key.lstrip('+'))
        if not key.startswith('+'):
            _check_option(config, name)
            _refuse_variable(config, name)
        try:
            config.merge_from_dict({name: value})
        except (TypeError, KeyError, IndexError) as error:
            raise UserError(f'--cfg-options {name}: {error}') from error


def _with_positions(config: Config, key: str) -> str:
    """Replace entries of lists that are named by their type by their positions.

    `pipeline.RandomFlip.prob` is `pipeline.4.prob` if the fifth step has that type.

    Raises:
        UserError: If the list has no entry of that type, or several.
    """
    node: Any = config._cfg_dict
    parts = key.split('.')
    for place, part in enumerate(parts):
        if isinstance(node, list | tuple) and not part.isdigit():
            types = [e.get('type') if isinstance(e, Mapping) else '' for e in node]
            kinds = [str(getattr(t, '__name__', t)).split('.')[-1] for t in types]
            found = [i for i, kind in enumerate(kinds) if kind == part]
            if len(found) != 1:
                raise UserError(
                    f'--cfg-options {key}: {part!r} is the type of {len(found)} '
                    f'entries of {".".join(parts[:place])}, which is a list of '
                    f'{len(node)} ({", ".join(kinds)}): give a type that one entry '
                    'has, or a position'
                )
            part = parts[place] = str(found[0])
        try:
            node = node[int(part) if isinstance(node, list | tuple) else part]
        except (KeyError, IndexError, TypeError):
            break
    return '.'.join(parts)


def _check_option(config: Config, key: str) -> None:
    node: Any = config._cfg_dict
    walked: list[str] = []
    for part in key.split('.'):
        place = '.'.join(walked) or 'the config'
        if isinstance(node, list | tuple):
            if not part.isdigit() or int(part) >= len(node):
                raise UserError(
                    f'--cfg-options {key}: {place} is a list of {len(node)}; {part!r} '
                    'is not an index of it'
                )
            node = node[int(part)]
        elif isinstance(node, Mapping):
            if part not in node:
                known = {str(name) for name in node}
                known.update(() if walked else TOP_LEVEL_KEYS)
                _reject_if_misspelt(key, part, place, known)
                return
            node = node[part]
        else:
            return  # a value is about to be replaced by a dict
        walked.append(part)


def _refuse_variable(config: Config, key: str) -> None:
    """Raise if a key is of a variable that the config's file used for other keys.

    MMEngine has read the file by then: another value would go nowhere, silently.
    """
    name = key.split('.')[0]
    known = {*TOP_LEVEL_KEYS, *_MORE_KEYS}
    if name not in config or name.rstrip('_0123456789') in known:
        return
    value = config._cfg_dict[name]
    places = [
        place
        for root in sorted(known & set(config))
        for place, found in walk(config._cfg_dict[root], root)
        if found == value and type(found) is type(value)
    ]
    if not places:  # perhaps somebody's hook reads it
        return
    more = ', ...' if len(places) > _PLACES_NAMED else ''
    where = ', '.join(places[:_PLACES_NAMED]) + more
    raise UserError(
        f'--cfg-options {key}: {name!r} is a variable of the config file, whose value '
        'has gone to other keys already; setting it would change nothing. The same '
        f'value stands at: {where}. Set those, or change the variable in its file '
        f'(+{key}=... sets it all the same)'
    )


def _reject_if_misspelt(key: str, part: str, place: str, known: set[str]) -> None:
    if part in known:
        return
    # A slip changes the length little; `in_channels` beside `channels` is none.
    near = [name for name in known if abs(len(name) - len(part)) <= 2]
    place = f'--cfg-options {key}: {place}'
    add = f'to add it as a new key write +{key}=...'
    check_keys([part], near, place, _OPTION_LIKENESS, add)
    warnings.warn(f'{place} had no {part!r}; it is added', stacklevel=2)


def check_top_level_keys(config: Config) -> None:
    """Refuse a top-level name that is nearly one the Runner reads.

    MMEngine ignores names it does not know, so `default_hoks` would do nothing.

    Raises:
        UserError: Naming the key and the one probably meant.
    """
    names = [n for n in config if n.rstrip('_0123456789') not in TOP_LEVEL_KEYS]
    source = config.filename or 'config'
    check_keys(names, TOP_LEVEL_KEYS, source, _TOP_LEVEL_LIKENESS)


def prepare_work_dir(
    config: Config, config_path: str | os.PathLike, work_dir: str | None = None
) -> Path:
    """Set `config.work_dir` and make sure that it can be written.

    In this order: the argument, the config's own, `work_dirs/<config name>`.

    Raises:
        UserError: The folder cannot be made or written.
    """
    default = Path('work_dirs') / Path(config_path).stem
    path = Path(work_dir or config.get('work_dir') or default).expanduser()
    check_writable(path, 'work_dir (--work-dir chooses another)')
    config.work_dir = str(path)
    return path


def check_checkpoint_file(path: str, role: str = 'checkpoint') -> str:
    """Make sure that a checkpoint exists and can be read; URLs pass unseen.

    Args:
        path: File or URL.
        role: What it is, for the message.

    Returns:
        `path` with `~` expanded.

    Raises:
        UserError: Missing, a folder, damaged or no checkpoint.
    """
    from mmdepthseg.checkpoints.reading import is_remote, read_checkpoint

    if is_remote(path):
        return path
    read_checkpoint(path, role)
    return str(Path(path).expanduser())
