"""tools/analysis_tools/benchmark_start.py, with trainings that end at once."""

import json
from pathlib import Path

import pytest
from helpers.tools import load_tool
from mmengine.config import Config

import mmdepthseg.streets


@pytest.fixture
def tool(monkeypatch):
    """The tool, with a script that says how long it took in the place of both."""
    tool = load_tool('analysis_tools/benchmark_start')
    monkeypatch.setattr(mmdepthseg.streets, 'render_dataset', lambda *a, **k: None)
    return tool


def test_pairs(tool, tmp_path, monkeypatch, capsys):
    take = tool.Bench.take
    texts = {}

    def fake(self, side, starter):
        texts[side] = (self.folder / f'{side}.py').read_text()
        script = self.folder / 'script.py'
        seconds = dict(ours=1, plain=4)[side]
        script.write_text(f'print("early")\nprint({tool.MARK!r}, {seconds})')
        self.scripts[side] = script
        return take(self, side, starter)

    monkeypatch.setattr(tool.Bench, 'take', fake)
    tool.main(['--pairs', '2', '--workers', '3', '--json', str(tmp_path / 'out.json')])
    figures = json.loads((tmp_path / 'out.json').read_text())
    assert figures['cpu'] == dict(sides=[[1, 1, 1], [4, 4, 4]], ratio=[0.25] * 3)
    assert figures['wall']['sides'][0][0] > 0
    assert 'ours 1.00 (1.00 - 1.00) s, plain 4.00' in capsys.readouterr().out
    (tmp_path / 'start_clock.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    configs = {}
    for side, text in texts.items():
        (tmp_path / f'{side}.py').write_text(text)
        configs[side] = Config.fromfile(tmp_path / f'{side}.py')
    for key in ('batch_size', 'num_workers'):
        both = {c.train_dataloader[key] for c in configs.values()}
        assert len(both) == 1
    assert {c.custom_hooks[-1].type for c in configs.values()} == {'StartClock'}
    assert {c.optim_wrapper.optimizer.type for c in configs.values()} == {'AdamW'}


def test_a_start_that_fails_shows_why(tool, monkeypatch, capsys):
    def broken(self, *args):
        script = self.scripts['ours'] = self.folder / 'script.py'
        Path(script).write_text('raise SystemExit("no such thing")')
        return take(self, *args)

    take = tool.Bench.take
    monkeypatch.setattr(tool.Bench, 'take', broken)
    with pytest.raises(SystemExit):
        tool.main(['--pairs', '1'])
    assert 'no such thing' in capsys.readouterr().err
