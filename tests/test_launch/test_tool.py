"""How a tool ends: exit codes, and the process group."""

import argparse
import os
import sys

import pytest

from mmdepthseg.launch import setup
from mmdepthseg.launch.tool import add_debug, add_launcher, run_tool
from mmdepthseg.utils.errors import UserError


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_launcher(parser)
    add_debug(parser)
    return parser.parse_args(argv)


def fail(args: argparse.Namespace) -> None:
    raise UserError('sky: too blue')


@pytest.fixture
def left(monkeypatch) -> list:
    """Calls of `leave_distributed`; a command line without options."""
    calls = []
    monkeypatch.setattr(setup, 'leave_distributed', lambda: calls.append(1))
    monkeypatch.setattr(sys, 'argv', ['tool'])
    monkeypatch.setenv('LOCAL_RANK', '0')  # so that it is put back
    monkeypatch.delenv('LOCAL_RANK')
    return calls


@pytest.mark.parametrize(('job', 'code'), [(lambda args: False, 1), (fail, 2)])
def test_a_failed_job_ends_the_process_and_waits_for_nobody(left, job, code):
    with pytest.raises(SystemExit) as stop:
        run_tool(parse, job)
    assert stop.value.code == code
    assert not left


def test_the_group_ends_with_the_process_only(left):
    run_tool(parse, lambda args: None, [])
    assert not left  # the caller may go on with the group
    run_tool(parse, lambda args: None)
    assert left == [1]


def test_local_rank_and_debug(left):
    run_tool(parse, lambda args: None, ['--local_rank', '3'])
    assert os.environ['LOCAL_RANK'] == '3'
    with pytest.raises(UserError):
        run_tool(parse, fail, ['--debug'])
