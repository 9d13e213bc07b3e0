"""The command line of tools/remote_tables.py; tests/test_remote has the rest."""

from pathlib import Path

import pytest
from helpers.tools import load_tool


@pytest.fixture
def tool(monkeypatch):
    """The tool, noting its calls; `run` has more to do."""
    module, calls = load_tool('remote_tables'), []
    monkeypatch.setattr(module, 'make_pack', lambda *given: calls.append(given))
    monkeypatch.setattr(module, 'run_pack', lambda *given: calls.append(given) or 75)
    monkeypatch.setattr(module, 'run_command', lambda *given: calls.append(given))
    return module, calls


def test_pack(tool):
    module, calls = tool
    command = 'pack P --python 3.12 --have numpy scipy --data d camvid --limit 10'
    module.main(command.split())
    assert calls == [(Path('P'), '3.12', ['numpy', 'scipy'], ['d', 'camvid'], 10.0)]


def test_run(tool):
    module, calls = tool
    command = 'run P --gpus 0 0 --out R --tables a.py b.py --more --seeds 7 --methods x'
    with pytest.raises(SystemExit) as left:
        module.main(command.split())
    assert left.value.code == 75
    options = ['--gpus', '0', '0', '--seeds', '7', '--methods', 'x']
    assert calls == [(Path('P'), ['a.py', 'b.py'], options, 9.5, None, Path('R'), None)]


def test_another_tool(tool, capsys):
    module, calls = tool
    module.main('tool P --minutes 3 --run tools/train.py C --work-dir W'.split())
    assert calls == [(Path('P'), ['tools/train.py', 'C', '--work-dir', 'W'], 3.0, None)]
    with pytest.raises(SystemExit):
        module.main(['tool', 'P', '--run'])
    assert 'name a tool' in capsys.readouterr().err
