"""tools/analysis_tools/benchmark_gpu.py, as far as a CPU can tell."""

import json
import sys

import pytest
import torch
from helpers.tools import load_tool

from mmdepthseg.plugin import register_all_modules
from mmdepthseg.utils.errors import UserError

SMALL = ['--device', 'cpu', '--depth', '18', '--size', '64', '64', '--backend', 'eager']


@pytest.fixture
def tool(monkeypatch):
    """The tool, and the modules beside it that it imports."""
    monkeypatch.setattr(sys, 'path', [*sys.path])
    return load_tool('analysis_tools/benchmark_gpu')


@pytest.fixture
def jobs(tool, monkeypatch):
    """Two jobs in the place of the steps, of which the second fails at first."""
    calls = []

    def second(left):
        calls.append('second')
        if calls.count('second') == 1:
            raise UserError('no room')
        return dict(left=left)

    def first(left):
        calls.append('first')
        return dict(left=left)

    monkeypatch.setattr(tool, 'PARTS', dict(steps=lambda a: {'a': first, 'b': second}))
    return calls


def test_goes_on_where_it_stopped(tool, jobs, tmp_path, capsys):
    command = ['--device', 'cpu', '--out', str(tmp_path), '--minutes']
    for minutes in ('0', '1'):  # no time; a job fails
        with pytest.raises(SystemExit) as left:
            tool.main([*command, minutes])
        assert left.value.code == 75
    shown = capsys.readouterr().out
    assert 'more to do: a; b' in shown and 'b: no room' in shown
    tool.main([*command, '1'])
    assert jobs == ['first', 'second', 'second']
    kept = json.loads((tmp_path / 'b.json').read_text())
    assert kept['device'] == 'cpu' and 20 < kept['left'] <= 60


def test_without_a_gpu(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit) as left:
        tool.main(['--out', str(tmp_path)])
    assert left.value.code == 2 and '--device cpu' in capsys.readouterr().err


def test_share_of_waiting(tool):
    from step_worker import waiting_share

    # busy from 0 to 3, 4 to 6, 9 to 10
    kernels = [(4, 5), (0, 2), (1, 3), (4.5, 6), (9, 10)]
    assert waiting_share(kernels) == pytest.approx(4 / 10)
    assert waiting_share([]) is None


def test_distance_of_losses(tool):
    one = [2.0] * 50 + [1.0] * 50
    # noise within a part does not count
    other = [x + (0.5 if i % 2 else -0.5) for i, x in enumerate(one)]
    assert tool.distance(one, other) == pytest.approx(0)
    assert tool.distance(one, [x + 0.3 for x in one]) == pytest.approx(0.3 / 1.65)
    with pytest.raises(UserError, match='100 and 99'):
        tool.distance(one, one[1:])


def test_workers(tool):
    results = {
        'step, DepthMix, float32': dict(ms=200),
        'step, DepthMix, amp': dict(ms=100),
        'loader, labelled': dict(samples_per_second=40),
    }
    assert tool.workers('DepthMix', results) is None
    results['loader, mix'] = dict(samples_per_second=20)
    assert tool.workers('DepthMix', results) == pytest.approx((2 / 40 + 2 / 20) / 0.1)


def test_report(tool, capsys):
    step = dict(peak_gib=2, images_per_second=9, waiting=0.25)
    losses = {
        f'losses, SDE, {form}, seed {seed}': dict(losses=[value] * 10)
        for form, seed, value in (
            ('float32', 7, 1.0),
            ('amp', 7, 1.0),
            ('float32', 25, 1.2),
            ('amp', 25, 1.2),
        )
    }
    tool.report(
        {
            'step, SDE, plain': dict(step, ms=200),
            'step, SDE, amp': dict(step, ms=80),
            **losses,
        }
    )
    shown = capsys.readouterr().out
    assert '| SDE | amp | 80.0 | 0.40 | 2.00 | 9.0 | 25% |' in shown
    assert 'same seed: 0.00% and 0.00% apart; of seeds 7 and 25 in float32: 18.18%' in (
        shown
    )


def test_forms_are_the_same_step(tool, tmp_path):
    """All but the precision, which is bfloat16 on a CPU."""
    from step_worker import build, packed_batch

    register_all_modules()
    args = tool.parse_args(['--out', str(tmp_path), *SMALL])
    found = {}
    for form in ('float32', 'compiled', 'compiled, whole'):
        side = dict(tool.step_side(args, 'DepthMix', tool.FORMS[form]), amp=False)
        step, kind = build(side)
        compiled = 'compiled' in form
        names = ['student.backbone', 'student.decode_head.decoder']
        names += [f'teacher.module.{name[8:]}' for name in names]
        assert step.compiled == (names if compiled else [])
        weights = step.model.student.backbone.conv1.weight
        layout = torch.channels_last
        assert weights.is_contiguous(memory_format=layout) == compiled
        assert step.model.splits(step.wrapper) == ('whole' not in form)
        for layer in step.model.modules():
            if isinstance(layer, torch.nn.Dropout | torch.nn.Dropout2d):
                layer.p = 0.0  # its mask depends on the layout
        batch = packed_batch(kind, (64, 64), 2)
        torch.manual_seed(0)
        found[form] = step.model.train_step(batch, step.wrapper)
    for losses in found.values():
        assert losses.keys() == found['float32'].keys()
        for name, value in found['float32'].items():
            torch.testing.assert_close(losses[name], value, rtol=1e-3, atol=1e-5)
