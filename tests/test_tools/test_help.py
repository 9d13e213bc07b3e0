"""Every option of every tool says what it does."""

import argparse
import sys

import pytest
from helpers import REPO
from helpers.tools import load_tool

TOOLS = sorted(
    str(path.relative_to(REPO / 'tools').with_suffix(''))
    for path in (REPO / 'tools').rglob('*.py')
    if 'def main(' in path.read_text()
)


class Found(Exception):
    """Carries the parser out of a tool."""


@pytest.fixture
def parser_of(monkeypatch):
    def stop(self, *args, **kwargs):
        raise Found(self)

    def find(name):
        monkeypatch.setattr(sys, 'path', [*sys.path])
        tool = load_tool(name)
        monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', stop)
        monkeypatch.setattr(argparse.ArgumentParser, 'parse_known_args', stop)
        with pytest.raises(Found) as found:
            tool.parse_args([])
        return found.value.args[0]

    return find


def actions_of(parser):
    """All options, those of commands included."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from actions_of(part)
        else:
            yield action


@pytest.mark.parametrize('name', TOOLS)
def test_every_option_has_a_text(name, parser_of):
    parser = parser_of(name)
    assert parser.description and parser.format_help()
    without = [a.option_strings or a.dest for a in actions_of(parser) if not a.help]
    assert not without


def test_all_tools_are_looked_at():
    assert {'train', 'predict', 'dataset_converters/streets'} <= set(TOOLS)
