"""tools/analysis_tools/benchmark_gpu.py, as far as a CPU can tell."""

import json
import signal
import subprocess
import sys

import pytest
import torch
from helpers.tools import load_tool

from mmdepthseg.plugin import register_all_modules
from mmdepthseg.utils.errors import UserError

SMALL = ['--device', 'cpu', '--depth', '18', '--size', '64', '64', '--backend', 'eager']
#: Waits until it is stopped.
WAITING = [sys.executable, '-c', 'input()']


@pytest.fixture
def tool(monkeypatch):
    """The tool, and the modules beside it that it imports."""
    monkeypatch.setattr(sys, 'path', [*sys.path])
    return load_tool('analysis_tools/benchmark_gpu')


@pytest.fixture
def jobs(tool, monkeypatch):
    """Two jobs in the place of the steps, of which the second fails at first."""
    calls = []

    def second(session):
        calls.append('second')
        if calls.count('second') == 1:
            raise UserError('no room')
        return dict(left=session.left())

    def first(session):
        calls.append('first')
        return dict(left=session.left())

    monkeypatch.setattr(tool, 'PARTS', dict(steps=lambda a: {'a': first, 'b': second}))
    return calls


def test_goes_on_where_it_stopped(tool, jobs, tmp_path, capsys):
    command = ['--device', 'cpu', '--out', str(tmp_path), '--minutes']
    for minutes, code in (('0', 75), ('1', 1)):  # no time; a job fails
        with pytest.raises(SystemExit) as left:
            tool.main([*command, minutes])
        assert left.value.code == code
    shown = capsys.readouterr().out
    assert 'more to do: a; b' in shown and 'b: failed: no room' in shown
    tool.main([*command, '1'])
    assert jobs == ['first', 'second', 'second']
    kept = json.loads((tmp_path / 'b.json').read_text())
    assert kept['settings']['device'] == 'cpu' and 20 < kept['left'] <= 60


def test_results_of_other_settings(tool, jobs, tmp_path, capsys):
    command = ['--device', 'cpu', '--out', str(tmp_path)]
    with pytest.raises(SystemExit):
        tool.main(command)
    with pytest.raises(SystemExit) as left:
        tool.main([*command, '--size', '64', '64'])
    assert left.value.code == 2 and jobs == ['first', 'second']
    shown = capsys.readouterr().err
    assert 'a.json' in shown and '[64, 64]' in shown and '--out' in shown
    tool.main([*command, '--size', '64', '64', '--print-only'])


def test_a_process_is_stopped_in_time(tool):
    from gpu_jobs import OutOfTime, Session

    session = Session(minutes=0)
    process = subprocess.Popen(WAITING, stdin=subprocess.PIPE)
    with process, pytest.raises(OutOfTime), session.limit(process):
        process.wait()
    assert process.returncode == -signal.SIGTERM and not session.running


def test_all_processes_are_stopped(tool):
    from gpu_jobs import OutOfTime, Session

    session = Session(minutes=60)
    process = subprocess.Popen(WAITING, stdin=subprocess.PIPE)
    with process, pytest.raises(OutOfTime), session.limit(process):
        session.stop()
        process.wait()
    assert process.returncode == -signal.SIGTERM and session.left() == 0
    with subprocess.Popen(WAITING, stdin=subprocess.PIPE) as process:
        with pytest.raises(KeyboardInterrupt), Session(minutes=60).limit(process):
            raise KeyboardInterrupt
        assert process.returncode == -signal.SIGTERM


FAKE_TRAINING = """
import json, pathlib, sys
work = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
for part, steps in (('20260101_000000', (1, 2, 3)), ('20260101_000001', (3, 4))):
    folder = work / part / 'vis_data'
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(dict(step=s, loss=s + 10.0 * (part[-1] == '1'))) for s in steps]
    (folder / 'scalars.json').write_text('\\n'.join(rows))
raise SystemExit(int('randomness.seed=25' in sys.argv))
"""


def test_losses_of_a_continued_training(tool, tmp_path, monkeypatch):
    import gpu_jobs

    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools/train.py').write_text(FAKE_TRAINING)
    monkeypatch.setattr(gpu_jobs, 'ROOT', tmp_path)
    command = ['--out', str(tmp_path), '--device', 'cpu', '--iterations']
    args, session = tool.parse_args([*command, '4']), gpu_jobs.Session(5)
    found = gpu_jobs.train(args, 'SDE', 7, True, session)
    assert found == dict(losses=[1, 2, 13, 14])
    with pytest.raises(UserError, match='exit code 1, see .*SDE_cpu_4_f32_25.txt'):
        gpu_jobs.train(args, 'SDE', 25, False, session)
    args = tool.parse_args([*command, '9'])
    with pytest.raises(UserError, match='4 losses of 9'):
        gpu_jobs.train(args, 'SDE', 7, False, session)


def test_images_that_were_not_finished(tool, tmp_path, monkeypatch):
    import gpu_jobs

    def broken(root, *_):
        (root / 'png').mkdir(parents=True)
        raise KeyboardInterrupt

    args = tool.parse_args(['--out', str(tmp_path)])
    monkeypatch.setattr(gpu_jobs, 'make_images', broken)
    with pytest.raises(KeyboardInterrupt):
        gpu_jobs.images_of(args)
    monkeypatch.setattr(
        gpu_jobs, 'make_images', lambda root, *_: (root / 'jpg').mkdir(parents=True)
    )
    root = gpu_jobs.images_of(args)
    assert [path.name for path in root.iterdir()] == ['jpg']


def test_a_side_finds_packages_by_the_variable(tool, tmp_path, monkeypatch):
    from compare_steps import Side

    (tmp_path / 'carried.py').write_text("name = 'carried'")
    worker = tmp_path / 'worker.py'
    worker.write_text(
        'import carried, json, mmdepthseg\n'
        "print('STEPS ' + json.dumps(dict(name=carried.name)))\n"
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    side = Side('a side', tool.ROOT, str(worker))
    assert side.answer() == dict(name='carried')
    with pytest.raises(UserError, match='a side: its process ended'):
        side.take(1)
    side.end()


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
    import gpu_jobs
    from step_worker import build, packed_batch

    register_all_modules()
    args = tool.parse_args(['--out', str(tmp_path), *SMALL])
    found = {}
    for form in ('float32', 'compiled', 'compiled, whole'):
        side = dict(
            gpu_jobs.step_side(args, 'DepthMix', gpu_jobs.FORMS[form]), amp=False
        )
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
