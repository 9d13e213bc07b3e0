"""tools/analysis_tools/benchmark_gpu.py, as far as a CPU can tell."""

import json
import sys
from pathlib import Path

import pytest
import torch
from helpers.tools import load_tool

from mmdepthseg.experiments.stage import StageBook
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.utils.errors import UserError


@pytest.fixture
def tool(monkeypatch):
    """The tool, and the modules beside it that it imports."""
    monkeypatch.setattr(sys, 'path', [*sys.path])
    monkeypatch.chdir(Path.cwd())  # the tool goes elsewhere
    return load_tool('analysis_tools/benchmark_gpu')


def command(out, *more):
    """The tool's options for a trial."""
    return ['--device', 'cpu', '--out', str(out), *more]


def stages_of(tool, out, *more):
    """All stages of a call."""
    args = tool.parse_args(command(out, *more))
    args.gpu = None
    alone, others = tool.all_stages(args)
    return [*alone, *others]


def test_goes_on_where_it_failed(tool, tmp_path, monkeypatch, capsys):
    script, output = tmp_path / 'script.py', tmp_path / 'out/a.json'
    script.write_text('raise SystemExit(3)')
    monkeypatch.setattr(tool, 'measurements', lambda args: [([script], output)])
    monkeypatch.setattr(tool, 'trainings', lambda args: [])
    monkeypatch.setattr(tool, 'report', lambda args: print('| step | form |'))
    with pytest.raises(SystemExit) as left:
        tool.main(command(tmp_path / 'out'))
    shown = capsys.readouterr().out
    assert left.value.code == 1 and '[a] FAILED: exit code 3' in shown
    assert '| step | form |' in shown
    script.write_text(f"open({str(output)!r}, 'a').write('x')")
    for _ in range(2):
        tool.main(command(tmp_path / 'out'))
    assert output.read_text() == 'x'


def test_other_settings_are_measured_again(tool, tmp_path):
    def keys(*more, out=tmp_path):
        return {one.name: one.key({}) for one in stages_of(tool, out, *more)}

    before = keys()
    assert len(before) == 11 + 1 + 1 + 8
    for option, part in (('--size', 'step'), ('--iterations', 'losses')):
        values = ['64', '96'] if option == '--size' else ['7']
        changed = {n for n, key in keys(option, *values).items() if key != before[n]}
        assert changed == {name for name in before if name.startswith(part)}
    assert keys(out=tmp_path / 'moved') == before


def test_without_a_gpu(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit) as left:
        tool.main(['--out', str(tmp_path)])
    assert left.value.code == 2 and '--device cpu' in capsys.readouterr().err


def log(folder, part, losses):
    """Write what a part of a training has logged."""
    file = folder / part / 'vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    rows = [dict(step=step, loss=loss) for step, loss in losses.items()]
    file.write_text('\n'.join(map(json.dumps, [*rows, dict(step=4, mIoU=1.0)])))


def test_losses_of_a_continued_training(tool, tmp_path):
    log(tmp_path, '20260101_000000', {1: 1.0, 2: 2.0, 3: 3.0})
    assert tool.read_losses(tmp_path, 4) == []
    log(tmp_path, '20260101_000001', {3: 13.0, 4: 14.0})
    assert tool.read_losses(tmp_path, 4) == [1, 2, 13, 14]


def test_report(tool, tmp_path, capsys):
    def compared(form, seconds):
        found = dict(
            seconds=dict(sides=[seconds, 0.2], ratio=seconds / 0.2),
            peak=dict(sides=[2048, 4096]),
            waiting=[0.25, 0.5],
        )
        tool.step_file(tmp_path, 'SDE', form).write_text(json.dumps(found))

    compared('float32', 0.16)
    compared('amp', 0.08)
    loaded = {
        f'{kind} jpg': dict(samples_per_second=[40, 20], preprocessor_share=0.2)
        for kind in tool.LOADED
    }
    (tmp_path / 'loaders.json').write_text(json.dumps(loaded))
    for seed, value in ((7, 1.0), (25, 1.2)):
        for form in ('float32', 'amp'):
            folder = tool.training_folder(tmp_path, 'SDE', form, seed)
            log(folder, '20260101_000000', {step: value for step in range(1, 11)})
    settings = ('--iterations', '10')
    tool.main(command(tmp_path, '--print-only', *settings))
    assert '| SDE | plain' not in capsys.readouterr().out  # whose figures are they?
    book = StageBook(stages_of(tool, tmp_path, *settings), tmp_path)
    for name in book.stages:
        if name.startswith(('streets', 'step-SDE', 'loaders', 'losses-SDE')):
            book._stamp(name, book.hashes()[name]).finish(
                seconds=1, versions=[], command_seconds=[1]
            )
    tool.main(command(tmp_path, '--print-only', *settings))
    shown = capsys.readouterr().out
    for line in (
        '| SDE | plain | 200.0 |  | 4.00 | 20.0 | 50% |',
        '| SDE | float32 | 160.0 | 0.80 | 2.00 | 25.0 | 25% |',
        '| SDE | amp | 80.0 | 0.40 | 2.00 | 50.0 | 25% |',
        'loader, mix: 50.0 samples/s a core',
        # four samples in 0.08 s
        'SDE: 1.0 workers keep its quickest step fed',
        'same seed: 0.00% and 0.00% apart; of seeds 7 and 25 in float32: 18.18%',
    ):
        assert line in shown
    table, rest = shown.split('Not finished with these settings: ')
    assert 'DepthMix' not in table and 'mean-teacher' not in table
    assert 'step-DepthMix-amp (missing)' in rest and 'loaders' not in rest
    tool.main(command(tmp_path, '--print-only', '--size', '64', '64', *settings))
    shown = capsys.readouterr().out
    assert '| SDE | plain' not in shown and 'step-SDE-amp (outdated)' in shown


def test_distance_of_losses(tool):
    from compared_losses import distance

    one = [2.0] * 50 + [1.0] * 50
    # noise within a part does not count
    other = [x + (0.5 if i % 2 else -0.5) for i, x in enumerate(one)]
    assert distance(one, other) == pytest.approx(0)
    assert distance(one, [x + 0.3 for x in one]) == pytest.approx(0.3 / 1.65)


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


def test_share_of_waiting(tool):
    from step_worker import waiting_share

    # busy from 0 to 3, 4 to 6, 9 to 10
    kernels = [(4, 5), (0, 2), (1, 3), (4.5, 6), (9, 10)]
    assert waiting_share(kernels) == pytest.approx(4 / 10)
    assert waiting_share([]) is None


def test_forms_are_the_same_step(tool, tmp_path):
    """All but the precision, which is bfloat16 on a CPU."""
    import compare_steps
    from step_worker import build, packed_batch

    register_all_modules()
    args = tool.parse_args(
        command(tmp_path, '--depth', '18', '--size', '64', '64', '--backend', 'eager')
    )
    found = {}
    for (call, *more), _ in tool.measurements(args):
        form = more[more.index('--json') + 1].stem.removeprefix('step-DepthMix-')
        if form not in ('float32', 'compiled', 'compiled-whole'):
            continue
        given = compare_steps.parse_args([str(x) for x in more])
        step, facts = build(dict(compare_steps.descriptions(given)[0], amp=False))
        assert call.endswith('compare_steps.py') and given.amp == ('comp' in form)
        student = step.model.student
        for module in (student.backbone, student.decode_head.decoder):
            assert (module._compiled_call_impl is not None) == ('comp' in form)
        layout = torch.channels_last
        weight = student.backbone.conv1.weight
        assert weight.is_contiguous(memory_format=layout) == ('comp' in form)
        assert step.model.splits(step.wrapper) == ('whole' not in form)
        for layer in step.model.modules():
            if isinstance(layer, torch.nn.Dropout | torch.nn.Dropout2d):
                layer.p = 0.0  # its mask depends on the layout
        batch = packed_batch(facts['kind'], (64, 64), 2)
        torch.manual_seed(0)
        found[form] = step.model.train_step(batch, step.wrapper)
    assert len(found) == 3
    for losses in found.values():
        assert losses.keys() == found['float32'].keys()
        for name, value in found['float32'].items():
            torch.testing.assert_close(losses[name], value, rtol=1e-3, atol=1e-5)
