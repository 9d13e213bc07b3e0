"""`--cfg-options`: read as meant, or refused with the spelling that works."""

import argparse
import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config, DictAction

from mmdepthseg.launch.config_keys import MORE_KEYS, TOP_LEVEL_KEYS
from mmdepthseg.utils.configs import type_name, walk
from mmdepthseg.utils.errors import UserError, check_keys, listed

# A new name at least this similar to a known one is taken for a misspelling.
_OPTION_LIKENESS = 0.8

OPTIONS_HELP = (
    'override settings of the config, KEY=VALUE with dots for nesting '
    '(optim_wrapper.optimizer.lr=0.01). An entry of a list goes by position or type '
    '(train_dataloader.dataset.pipeline.RandomFlip.prob=0). '
    'Lists: KEY="[a,b]" or KEY=a,b; dicts: KEY="dict(type=X)"; text in quotes inside '
    "the value stays text: KEY=\"['09','10']\". A key that looks misspelt is "
    'refused; +KEY=VALUE adds it anyway.'
)


class OptionsAction(DictAction):
    """Argparse action for KEY=VALUE pairs.

    MMEngine's DictAction fails with a traceback if `=` is missing, splits dicts at
    their commas, removes quotes ('09' becomes 9) and removes spaces.
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
            try:
                options[key] = _parse_value(text.strip())
            # MMEngine's parser asserts, and recurses without end
            except (AssertionError, RecursionError, MemoryError, ValueError):
                parser.error(
                    f'the value of {key}={text!r} cannot be read; write a dict as '
                    'dict(type=X, n=1), and put text with brackets, commas or spaces '
                    'in quotes inside the value'
                )
        setattr(namespace, self.dest, options)


def _parse_value(text: str) -> Any:
    if not re.search(r'[\[({\'",]', text):
        return DictAction._parse_int_float_bool(text)
    try:
        return _python_value(text)
    except (SyntaxError, ValueError):
        if re.search(r'\bdict\(|\{[^{}]*:', text):
            raise ValueError(text) from None
    # not Python: paths, {clip}, words
    if ',' not in text and text[0] + text[-1] not in ('[]', '()'):
        return DictAction._parse_int_float_bool(text.strip('\'"'))
    text = re.sub(r'\s*,\s*', ',', text)
    if ' ' in text:  # MMEngine removes spaces
        raise ValueError(text)
    return DictAction._parse_iterable(text)


def option_texts(options: Mapping[str, Any]) -> list[str]:
    """Return options as `KEY=VALUE`, which `OptionsAction` reads as they are."""
    return [f'{key}={_text(value)}' for key, value in options.items()]


def _text(value: Any) -> str:
    """Return a value without quotes around it, where it needs none."""
    try:
        plain = repr(_parse_value(str(value).strip())) == repr(value)
    except (AssertionError, RecursionError, MemoryError, ValueError):
        plain = False
    return str(value) if plain else repr(value)


def _python_value(text: str) -> Any:
    if '#' in re.sub(r"'[^']*'|\"[^\"]*\"", '', text):
        raise ValueError(text)  # Python drops what follows
    source = text.replace('\\', '\\\\')  # a backslash is a backslash, as for MMEngine
    value = _literal(ast.parse(source, mode='eval').body, source)
    # MMEngine's rules: (x) is a tuple of one, x,y a list
    if text.startswith('('):
        return value if isinstance(value, tuple) else (value,)
    return list(value) if isinstance(value, tuple) else value


def _literal(node: ast.expr, source: str) -> Any:
    """Read Python in which `dict(a=1)` is a dict and a bare word is text."""
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return ast.literal_eval(node)
        case ast.Name() | ast.Attribute():
            # the source, because Python normalises names
            word = ast.get_source_segment(source, node) or ''
            return DictAction._parse_int_float_bool(word)
        case ast.List(elts=parts):
            return [_literal(part, source) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_literal(part, source) for part in parts)
        case ast.Dict(keys=keys, values=values):
            if all(isinstance(key, ast.Constant) for key in keys):  # with quotes
                pairs = zip(keys, values)
                return {_literal(k, source): _literal(v, source) for k, v in pairs if k}
        case ast.Call(func=ast.Name(id='dict'), args=[], keywords=words):
            if all(word.arg for word in words):  # no **
                return {str(w.arg): _literal(w.value, source) for w in words}
    raise ValueError(ast.unparse(node))


def apply_options(config: Config, options: Mapping[str, Any]) -> None:
    """Merge dotted options into `config`, in place.

    A key that the config does not have is added with a warning, as MMSegmentation's
    users expect. But if it resembles a key at the same place, it is taken for a
    misspelling, unless it is written with a leading `+`. A list replaces a tuple as a
    tuple. The same holds inside of dicts and lists. A dict is merged with that of the
    config, but replaces None, and a label table another one.

    Raises:
        UserError: A key looks misspelt or does not fit the config's structure, or
            text is given for a number, a truth value, a list or a dict.
    """
    for key, value in options.items():
        name = key.lstrip('+')
        node, found, rest = _follow(config, name)
        if not key.startswith('+'):
            if rest and isinstance(node, Mapping):
                _check_new_key(name, rest[0], '.'.join(found), node)
            _refuse_variable(config, name)
            if not rest:
                _compare(name, value, node)
        try:
            value = value if rest else _with_tuples(value, node)
            if isinstance(value, Mapping) and not rest and _is_whole(value, node):
                value = {**value, '_delete_': True}
            config.merge_from_dict({'.'.join([*found, *rest]): value})
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            raise UserError(f'--cfg-options {name}: {error}') from error


def _follow(config: Config, key: str) -> tuple[Any, list[str], list[str]]:
    """Follow a dotted key as far as the config has it.

    Returns:
        The value there, the parts of the key that lead to it (with positions instead of
        types for entries of lists), and the parts that are left.

    Raises:
        UserError: A list has no such position, or not one entry of that type.
    """
    node: Any = config._cfg_dict
    found: list[str] = []
    rest = key.split('.')
    while rest:
        part: Any = rest[0]
        if isinstance(node, list | tuple):
            types = [e.get('type') if isinstance(e, Mapping) else '' for e in node]
            kinds = [*map(type_name, types)]
            places = [i for i, kind in enumerate(kinds) if part in (str(i), kind)]
            if len(places) != 1:
                raise UserError(
                    f'--cfg-options {key}: {".".join(found)} is a list of {len(node)} '
                    f'({", ".join(kinds)}); {part!r} is neither a position in it nor '
                    'the type of one entry'
                )
            part = places[0]
        elif not isinstance(node, Mapping) or part not in node:
            break
        node = node[part]
        found.append(str(part))
        rest = rest[1:]
    return node, found, rest


def _compare(key: str, value: Any, before: Any) -> None:
    """Refuse an option of another kind than the value that it replaces, at any depth.

    Entries of a dict are compared if both name the same type; those of a list if the
    config has only numbers, or only truth values, or a dict of that type at that place.
    """
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        replaced = value.get('_delete_') or _is_whole(value, before)
        if replaced or not _same_type(value, before):
            return
        for name, part in value.items():
            if name in before:
                _compare(f'{key}.{name}', part, before[name])
            else:
                _check_new_key(f'{key}.{name}', str(name), key, before)
    elif isinstance(value, list | tuple) and isinstance(before, list | tuple):
        kinds = {*map(type, before)}
        alike = bool(kinds) and (kinds <= {int, float} or kinds == {bool})
        for place, part in enumerate(value):
            if alike:
                _check_text(f'{key}.{place}', part, before[0])
            elif place < len(before) and isinstance(before[place], Mapping):
                _compare(f'{key}.{place}', part, before[place])
    else:
        _check_text(key, value, before)


def _is_whole(value: Mapping, before: Any) -> bool:
    """Tell whether a dict stands for itself: nothing, or a label table, was there."""
    of_ids = not any(str(key).isidentifier() for key in value)
    return before is None or (isinstance(before, Mapping) and bool(value) and of_ids)


def _same_type(one: Mapping, other: Mapping) -> bool:
    return one.get('type', other.get('type')) == other.get('type')


def _check_text(key: str, value: Any, before: Any) -> None:
    """Refuse text for a number, a truth value, a list or a dict; a dict for a list.

    `no` would be true, and a list of one name without brackets its letters.
    """
    spellings = {bool: 'True or False', int: 'a number', float: 'a number'}
    spellings |= dict.fromkeys((list, tuple), f'a list: {key}="[\'{value}\']"')
    wanted = spellings.get(type(before)) if isinstance(value, str) else None
    if isinstance(value, Mapping) and isinstance(before, list | tuple):
        # by position is MMEngine's way to change entries
        if not all(str(place).isdigit() for place in value):
            wanted = f'a list: {key}="[dict(...)]"'
    elif isinstance(value, str) and isinstance(before, Mapping):
        wanted = f'a dict: {key}="dict(type=\'{value}\')"'
    if wanted:
        raise UserError(
            f'--cfg-options {key}={value}: the config has {before!r} there; write '
            f'{wanted}, without quotes around numbers (+{key}={value} sets the text '
            'anyway)'
        )


def _with_tuples(value: Any, before: Any) -> Any:
    """Return an option with tuples where the config has tuples."""
    if isinstance(value, list) and isinstance(before, tuple):
        return tuple(value)
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        return {k: _with_tuples(v, before.get(k)) for k, v in value.items()}
    return value


def _check_new_key(key: str, part: str, place: str, node: Mapping) -> None:
    """Refuse a key that looks misspelt; warn that a new one is added."""
    known = {*map(str, node), *(() if place else TOP_LEVEL_KEYS)}
    if part in known:
        return
    # A misspelling changes the length little: `in_channels` beside `channels` is new.
    near = [name for name in known if abs(len(name) - len(part)) <= 2]
    place = f'--cfg-options {key}: {place or "the config"}'
    add = f'to add it as a new key write +{key}=...'
    check_keys([part], near, place, _OPTION_LIKENESS, add)
    warnings.warn(f'{place} had no {part!r}; it is added', stacklevel=3)


def _refuse_variable(config: Config, key: str) -> None:
    """Refuse a variable that the config's file has used for other keys.

    MMEngine has already read the file: a new value would change nothing. Where no such
    place is found, a part of somebody else may read the variable: a warning is enough.
    """
    name = key.split('.')[0]
    known = {*TOP_LEVEL_KEYS, *MORE_KEYS}
    if name not in config or name.rstrip('_0123456789') in known:
        return
    value = config._cfg_dict[name]
    places = [
        place
        for root in sorted(known & set(config))
        for place, found in walk(config._cfg_dict[root], root)
        if _is_used(value, found) and _tells(value, place, name)
    ]
    if places:
        raise UserError(
            f'--cfg-options {key}: {name!r} is a variable of the config file; its '
            'value has already been copied to other keys, so setting it would change '
            f'nothing. Set those, or change the file: {listed(places, 4)} '
            f'(+{key}=... sets it anyway)'
        )
    warnings.warn(
        f'--cfg-options {key}: neither MMEngine nor mmdepthseg reads {name!r}; if it '
        'is a variable of the config file, this changes nothing',
        stacklevel=3,
    )


def _tells(value: Any, place: str, name: str) -> bool:
    """Tell whether an equal value at a place may be that of the variable."""
    if value is None or isinstance(value, bool):  # they are everywhere
        return place.rpartition('.')[2] == name
    # so are empty lists, at the top level by default
    return '.' in place or value not in ([], (), {})


def _is_used(value: Any, found: Any) -> bool:
    """Tell whether a variable stands at a place, as it is or merged with others."""
    if type(found) is not type(value):
        return False
    if not isinstance(value, Mapping) or not value:
        return bool(found == value)
    own = {part: item for part, item in value.items() if part != '_delete_'}
    same = (part in found and found[part] == item for part, item in own.items())
    return bool(own) and all(same)
