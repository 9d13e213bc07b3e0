"""What tools/train.py and tools/test.py say when something given to them is wrong."""

import os
import shutil
import signal
import sys

import pytest
import torch
from helpers import REPO

from mmdepthseg.registry import TRANSFORMS


def error_of(capsys, run_tool, *arguments) -> str:
    """Message of a tool that has to end with exit code 2 and without a traceback."""
    with pytest.raises(SystemExit) as stop:
        run_tool(*arguments)
    assert stop.value.code == 2
    output = capsys.readouterr().err
    assert 'Traceback' not in output
    (line,) = [line for line in output.splitlines() if line.startswith('error: ')]
    return line


def test_exit_code_and_message_as_a_process(run_process, tmp_path):
    config = tmp_path / 'empty.py'
    config.write_text('model = dict()\n')
    tool = REPO / 'tools/generate_depth.py'
    done = run_process(sys.executable, tool, config, 'x.pth', '--out', tmp_path / 'out')
    assert done.returncode == 2
    message = done.stderr.splitlines()[-1]
    assert message.startswith('error: ') and 'predict_dataloader' in message
    assert 'Traceback' not in done.stderr
    assert 'OneDL' not in done.stdout + done.stderr  # said at import, of no use


def test_misspelt_argument(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(extra="model['decode_head']['dropout_ration'] = 0.1\n")
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert "'FCNHead'" in message and "'dropout_ration'" in message


def test_validation_with_classes_in_another_order(
    tiny_config, run_tool, tmp_path, capsys
):
    config = tiny_config(
        extra="val_dataloader['dataset']['metainfo'] = dict(\n"
        "    classes=('car', 'road', 'sky'))\n"
        "custom_hooks.append(dict(type='CheckStartHook'))\n"
    )
    message = error_of(
        capsys, run_tool, 'train', config, '--work-dir', tmp_path / 'run'
    )
    assert 'val_dataloader' in message and 'in another order' in message


def test_checkpoint_of_another_model(tiny_config, run_tool, tmp_path, capsys):
    weights = tmp_path / 'other.pth'
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3))
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, weights)
    arguments = (tiny_config(), weights, '--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'test', *arguments)
    assert 'other.pth' in message and ' 0% ' in message


@pytest.mark.parametrize('tool', ['resume', 'test', 'generate_depth', 'init_cfg'])
def test_damaged_checkpoint_is_named(tiny_config, run_tool, tmp_path, capsys, tool):
    """What may be wrong with it: test_checkpoints/test_reading.py."""
    weights = tmp_path / 'weights.pth'
    weights.write_text('garbage\n')
    out = ('--work-dir', tmp_path / 'run')
    if tool == 'init_cfg':
        init = f"dict(type='Pretrained', checkpoint={str(weights)!r})"
        extra = f"model['backbone']['init_cfg'] = {init}\n"
        message = error_of(capsys, run_tool, 'train', tiny_config(extra=extra), *out)
        assert 'init_cfg' in message
    elif tool == 'resume':
        arguments = (tiny_config(), *out, '--resume', weights)
        message = error_of(capsys, run_tool, 'train', *arguments)
    elif tool == 'test':
        message = error_of(capsys, run_tool, tool, tiny_config(), weights, *out)
    else:
        extra = 'predict_pipeline = []\npredict_dataloader = test_dataloader\n'
        arguments = (tiny_config(extra=extra), weights, '--out', tmp_path / 'out')
        message = error_of(capsys, run_tool, tool, *arguments)
    assert str(weights) in message


def test_out_that_cannot_be_written(
    tiny_config, run_tool, run_process, tmp_path, capsys
):
    blocker = tmp_path / 'file'
    blocker.write_text('')
    extra = 'predict_pipeline = []\npredict_dataloader = test_dataloader\n'
    arguments = (tiny_config(extra=extra), 'x.pth', '--out', blocker / 'labels')
    message = error_of(capsys, run_tool, 'generate_depth', *arguments)
    assert f'{blocker}/labels' in message and '--out' in message

    tool = REPO / 'tools/dataset_converters/streets.py'
    small = ('--clips', 1, '--val-clips', 1, '--frames', 3, '--size', 96, 48)
    done = run_process(
        sys.executable, tool, '--out', blocker / 'set', *small, '--workers', 1
    )
    assert done.returncode == 2
    assert str(blocker) in done.stderr and 'Traceback' not in done.stderr


def test_json_that_cannot_be_written(tiny_config, run_tool, tmp_path, capsys):
    tool, config = 'analysis_tools/benchmark_step', tiny_config()
    blocker = tmp_path / 'file'
    blocker.write_text('')
    # this model cannot be built: the path is looked at first
    config.write_text(config.read_text() + "model['backbone']['depth'] = 17\n")
    for path, problem in (
        (blocker / 'x.json', f'cannot write to {blocker}'),
        (tmp_path, f'{tmp_path} is a folder: name a file in it'),
    ):
        with pytest.raises(SystemExit) as stop:
            run_tool(tool, config, '--json', path)
        assert stop.value.code == 2
        assert f'error: argument --json: {problem}' in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--tta', '--show-dir=x', '--out=x'])
def test_options_of_test_that_the_config_cannot_serve(
    tiny_config, run_tool, tmp_path, capsys, option, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = tiny_config(
        extra="default_hooks.pop('visualization')\ntest_evaluator = []\n"
    )
    weights = tmp_path / 'weights.pth'
    torch.save({'state_dict': {}}, weights)
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'test', config, weights, option, *work_dir)
    assert option.split('=')[0] in message


def test_missing_image_in_a_worker(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(workers=2)
    shutil.rmtree(tmp_path / 'tiny/labels')
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert 'labels/' in message


@TRANSFORMS.register_module()
class KillsItsProcess:
    """As a machine without memory does."""

    def __call__(self, results):
        if torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return results


def test_a_killed_worker(tiny_config, run_tool, tmp_path, capfd):
    pipeline = "train_dataloader['dataset']['pipeline']"
    kill = f"{pipeline} = [dict(type='KillsItsProcess'), *{pipeline}]\n"
    with pytest.raises(SystemExit) as stop:
        run_tool('train', tiny_config(1, kill), '--work-dir', tmp_path / 'run')
    assert stop.value.code == 2
    printed = capfd.readouterr().err
    assert printed.count('error: DataLoader worker (pid') == 1
    assert 'Traceback' not in printed and 'num_workers' in printed


def test_debug_keeps_the_traceback(tiny_config, run_tool, tmp_path):
    from mmdepthseg.utils import UserError

    with pytest.raises(UserError):
        run_tool('train', tmp_path / 'none.py', '--debug')
