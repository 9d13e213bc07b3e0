"""The one progress line."""

import pytest

from mmdepthseg.utils import progress
from mmdepthseg.utils.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


def test_a_log_gets_a_line_per_tenth(clock, capsys):
    show = Progress('streets', 'clips')
    for done in range(101):
        clock[0] = float(done)
        show(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 and '\r' not in ''.join(lines)
    assert lines[5] == f'streets [{"#" * 15:<30}] 50/100 clips, 50 s, 50 s left'


def test_a_terminal_keeps_one_line(clock, capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, 'isatty', lambda: True)
    show = Progress('streets')
    for done in range(1001):
        clock[0] = done / 100
        show(done, 1000)
    drawn = capsys.readouterr().err
    assert drawn.count('\n') == 1 and drawn.endswith('\n')
    assert 10 < drawn.count('\r') < 102


def test_what_was_there_does_not_make_it_look_fast(clock, capsys):
    show = Progress('streets')
    show(90, 100)
    clock[0] = 5.0
    show(95, 100)
    show(100, 100)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert 'left' not in first and '100/100 frames, 5 s, 0 s left' in last


def test_nothing_to_do(capsys):
    Progress('streets')(0, 0)
    assert '0/0 frames' in capsys.readouterr().err
