"""What the check of the frameworks sets up."""

import sys

import numpy as np
import pytest
import torch
from helpers import REPO
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmdepthseg.checkpoints.converters.files import read_safely
from mmdepthseg.frameworks import require_frameworks
from mmdepthseg.plugin import register_all_modules, without_import_noise


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int64, np.uint8])
def test_mmengines_checkpoints_load_safely(tmp_path, capsys, dtype):
    require_frameworks()
    buffer = HistoryBuffer(log_history=[dtype(2)], count_history=[1])
    path = tmp_path / 'checkpoint.pth'
    torch.save({'buffer': buffer, 'array': np.ones(2, dtype)}, path)
    checkpoint = CheckpointLoader.load_checkpoint(str(path), 'cpu', logger='silent')
    assert checkpoint['buffer'].current() == 2
    # what the forks print before they load unsafely
    assert 'weights_only=False' not in capsys.readouterr().out


def test_a_converter_leaves_what_others_allowed(tmp_path):
    require_frameworks()
    torch.save({'best': np.float32(1)}, tmp_path / 'other.pth')
    before = torch.serialization.get_safe_globals()
    assert read_safely(tmp_path / 'other.pth')['best'] == 1
    assert set(torch.serialization.get_safe_globals()) == set(before)


def test_only_the_noise_is_dropped(capsys):
    with without_import_noise():
        print('something else')
        print('Could not import OneDL')
    assert capsys.readouterr().out == 'something else\n'


def test_parts_of_both_packages_are_registered():
    from mmdepthseg.registry import HOOKS, MODELS, VISUALIZERS

    register_all_modules(init_default_scope=False)
    assert HOOKS.get('RandomStateHook') is not None
    assert MODELS.get('EncoderDecoder') is not None
    assert VISUALIZERS.get('SegLocalVisualizer') is not None


@pytest.mark.parametrize('room', ['datasets', 'models'])
def test_parts_are_imported_without_a_word(room, run_process):
    """Whichever comes first; the forks print that OneDL is not there."""
    command = f'import mmdepthseg.{room}'
    done = run_process(
        sys.executable,
        '-W',
        'ignore::DeprecationWarning',
        '-c',
        command,
        PYTHONPATH=str(REPO),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
