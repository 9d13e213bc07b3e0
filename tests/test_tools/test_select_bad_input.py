"""What tools/select_samples.py says when something given to it is wrong."""

import logging
from zlib import crc32

import numpy as np
import pytest
import torch
from helpers.tiny_selection import (
    NAMES,
    SEG_STUDENT,
    make_config,
    make_pool,
    make_teacher,
)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('world')
    make_pool(root)
    make_teacher(root)
    torch.save(dict(state_dict={'x': torch.zeros(1)}), root / 'other.pth')
    (root / 'unknown.txt').write_text('drive 1/99\n')
    (root / 'known.txt').write_text(f'{NAMES[0]}\n{NAMES[1]}\n')
    np.save(root / 'f.npy', np.zeros((3, 2)))
    return root


@pytest.fixture(autouse=True)
def _no_complaints_of_loggers(monkeypatch):
    """MMEngine's log of an earlier test writes to a stream that is closed by now."""
    monkeypatch.setattr(logging, 'raiseExceptions', False)


def error_of(capsys, run_tool, *arguments):
    with pytest.raises(SystemExit) as stop:
        run_tool('select_samples', *arguments)
    assert stop.value.code == 2
    output = capsys.readouterr().err
    assert 'Traceback' not in output
    (line,) = [line for line in output.splitlines() if line.startswith('error: ')]
    return line


@pytest.mark.parametrize(
    ('extra', 'arguments', 'message'),
    [
        ('', ['--method', 'us', 'no checkpoint'], 'CHECKPOINT'),
        ('', ['--method', 'ds', 'checkpoint=none.pth'], 'none.pth'),
        ('', ['--method', 'ds', 'checkpoint=other.pth'], 'other.pth'),
        ('', ['--initial', 'unknown.txt'], "'drive 1/99'"),
        ('', ['--initial', 'known.txt', '--exclude', 'known.txt'], 'exclude'),
        # before the teacher is asked for features, and any student is trained
        ('', ['--preselect', 0.5, 'checkpoint=none.pth'], 'preselect=0.5'),
        ("selection['bias'] = 'x'\n", ['checkpoint=none.pth'], 'selection.bias'),
        ('', ['--batch-size', 0], 'batch_size=0'),
        ('', ['--names', 'known.txt'], '--names'),
        ('', ['--features', 'f.npy'], '--features'),
        ('', ['--method', 'entropy'], 'selection.criterion.type'),
        (
            f"selection['criterion'] = dict(type='entropy')\nmodel = {SEG_STUDENT!r}\n",
            ['--method', 'us'],
            'selection.criterion.type',
        ),
        (f'model = {SEG_STUDENT!r}\n', ['--method', 'us'], 'loss_disparity'),
        ("selection['teacher'] = 'sde.py'\n", [], 'selection.teacher=sde.py'),
        ('', ['--method', 'us', '--bias', 2], '--bias '),
        ('', ['--method', 'random', '--distance', 'patch'], '--distance '),
        ('', ['--method', 'medoids', '--distance', 'patch'], '--distance '),
        ('', ['--method', 'us', '--normalize', 'none'], '--normalize '),
        ('', ['no checkpoint', '--teacher-dir', 'there'], '--teacher-dir '),
        ("selection.pop('iterations')\n", [], 'selection.iterations'),
        ('del predict_pipeline\n', [], 'predict_dataloader'),
        (
            "train_dataloader['dataset']['clips'] = ['drive 2']\n",
            ['--seed', 0],
            'drive 1/',
        ),
    ],
)
def test_errors(world, tmp_path, run_tool, capsys, extra, arguments, message):
    config = make_config(world, extra, name=f'{crc32(extra.encode())}.py')
    checkpoint = [world / 'teacher_0.pth']
    given = []
    for argument in arguments:
        if str(argument).startswith('checkpoint='):
            checkpoint = [world / argument.split('=')[1]]
        elif argument == 'no checkpoint':
            checkpoint = []
        else:
            given.append(
                world / argument
                if str(argument).endswith(('.txt', '.npy'))
                else argument
            )
    if '--budget' not in given:
        given += ['--budget', 2, 4]
    if '--method' not in given:
        given += ['--method', 'ds_us']
    line = error_of(
        capsys,
        run_tool,
        config,
        *checkpoint,
        '--out',
        tmp_path / 'out',
        '--device',
        'cpu',
        *given,
    )
    assert message in line
    assert not (tmp_path / 'out/selection.json').exists()


def test_neither_config_nor_features(run_tool, tmp_path, capsys):
    message = error_of(capsys, run_tool, '--budget', 2, '--out', tmp_path)
    assert 'CONFIG' in message and '--features' in message


def test_out_that_cannot_be_written(world, run_tool, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    config = make_config(world)
    message = error_of(
        capsys,
        run_tool,
        config,
        world / 'teacher_0.pth',
        '--budget',
        2,
        '--out',
        tmp_path / 'file/out',
    )
    assert f'{tmp_path}/file/out' in message and '--out' in message


def test_files_of_others_in_out(world, run_tool, tmp_path, capsys):
    (tmp_path / 'features').mkdir()
    (tmp_path / 'features/mine.txt').write_text('')
    config = make_config(world)
    message = error_of(
        capsys,
        run_tool,
        config,
        world / 'teacher_0.pth',
        '--budget',
        2,
        '--out',
        tmp_path,
        '--overwrite',
        '--device',
        'cpu',
    )
    assert 'mine.txt' in message
    (tmp_path / 'selection.json').write_text('[]')
    message = error_of(
        capsys,
        run_tool,
        config,
        world / 'teacher_0.pth',
        '--budget',
        2,
        '--out',
        tmp_path,
        '--device',
        'cpu',
    )
    assert 'selection.json' in message
