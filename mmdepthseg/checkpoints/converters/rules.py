"""Renaming of a state dict by rules, with an account of every entry."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Rule:
    r"""Rule for the entries whose whole name matches a pattern.

    Attributes:
        pattern: Regular expression for the whole name in the source.
        target: Our name, with the groups of the pattern (`\1`), or a function of the
            match; None: the entries are dropped.
        reason: Why the entries, or their further rows, are dropped.
        rows: Keep only that many leading rows.
    """

    pattern: str
    target: str | Callable[[re.Match], str] | None
    reason: str = ''
    rows: int | None = None


@dataclass
class Conversion:
    """A converted state dict and where each entry of the source went.

    Attributes:
        state_dict: Our name -> tensor.
        sources: Our name -> name in the source.
        dropped: Name in the source -> why it is not needed.
        left_over: Names that no rule knows.
    """

    state_dict: dict[str, Tensor] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    left_over: list[str] = field(default_factory=list)


def rename(state: Mapping[str, Any], rules: Iterable[Rule]) -> Conversion:
    """Give the entries of a source our names; the first matching rule counts.

    Args:
        state: Name -> tensor; other values are left over unless a rule drops them.
        rules: See `Rule`.

    Raises:
        ValueError: Two entries get the same name, which is a mistake in the rules.
    """
    compiled = [(re.compile(rule.pattern), rule) for rule in rules]
    result = Conversion()
    for name, value in state.items():
        found = ((p.fullmatch(name), rule) for p, rule in compiled)
        match, rule = next(((m, r) for m, r in found if m), (None, None))
        if (
            match is None
            or rule is None
            or (rule.target is not None and not isinstance(value, Tensor))
        ):
            result.left_over.append(name)
            continue
        if rule.target is None:
            result.dropped[name] = rule.reason
            continue
        ours = (
            rule.target(match) if callable(rule.target) else match.expand(rule.target)
        )
        if ours in result.state_dict:
            raise ValueError(
                f'{name} and {result.sources[ours]} would both become {ours}'
            )
        if rule.rows is not None and len(value) > rule.rows:
            result.dropped[f'{name}[{rule.rows}:]'] = rule.reason
            value = value[: rule.rows].clone()
        result.state_dict[ours] = value
        result.sources[ours] = name
    return result
