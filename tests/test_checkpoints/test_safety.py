"""No file of weights runs code; what MMEngine and others have saved is read."""

import argparse
import builtins
import operator
import os
import pickle
import subprocess

import numpy as np
import pytest
import torch
from helpers.planted import Planted, plant
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmdepthseg.checkpoints import safety
from mmdepthseg.checkpoints.reading import read_checkpoint
from mmdepthseg.checkpoints.safety import UntrustedFileError, read_guarded
from mmdepthseg.checkpoints.trust import VARIABLE, is_trusted, trusting
from mmdepthseg.utils import UserError


def load(path):
    """As the Runner, `init_cfg` and networks with an own `init_weights` do."""
    return CheckpointLoader.load_checkpoint(str(path), 'cpu', logger='silent')


@pytest.mark.parametrize('read', [load, read_checkpoint])
@pytest.mark.parametrize('form', ['zip', 'old', 'plain 2', 'plain 4', 'zip 4'])
def test_planted_file_is_not_run(tmp_path, read, form):
    path, marker = tmp_path / 'w.pth', tmp_path / 'ran'
    content = dict(state_dict={}, planted=Planted(marker))
    kind, _, protocol = form.partition(' ')
    if kind == 'plain':
        path.write_bytes(pickle.dumps(content, int(protocol)))
    else:
        options = dict(pickle_protocol=int(protocol or 2))
        torch.save(
            content, path, _use_new_zipfile_serialization=kind == 'zip', **options
        )
    wanted = 'protocol 4' if protocol == '4' else 'makedirs'
    with pytest.raises(UserError, match=f'w.pth.*({wanted}|damaged)'):
        read(path)
    assert not marker.exists()


class Call:
    """Pickled, it calls a function with arguments."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'attack',
    [
        # the door to every function, which MMEngine's own list leaves open
        Call(getattr, len, '__self__'),
        Call(getattr, HistoryBuffer, '__init__'),
        Call(getattr, HistoryBuffer, '_statistics_methods'),
        Call(builtins.eval, '1'),
        Call(subprocess.Popen, ['true']),
        Call(operator.attrgetter, 'x'),
        Call(torch.load, 'x'),
    ],
    ids=['self', 'init', 'methods', 'eval', 'popen', 'attrgetter', 'load'],
)
def test_no_way_to_other_functions(tmp_path, attack):
    torch.save(dict(x=attack), tmp_path / 'w.pth')
    with pytest.raises(UntrustedFileError, match='w.pth.*--trust-checkpoint'):
        load(tmp_path / 'w.pth')


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int64, np.uint8, bool])
def test_what_mmengine_saves(tmp_path, dtype):
    buffer = HistoryBuffer(log_history=[dtype(1)], count_history=[1])
    config = Config(dict(meta=dict(classes=('a', 'b'), map={1: 2}))).meta
    content = dict(
        buffer=buffer,
        array=np.ones(2, dtype),
        scalar=np.ones(1, dtype)[0],
        names=np.array(['a', 'bc']),
        meta=config,
        args=argparse.Namespace(lr=1),
    )
    torch.save(content, tmp_path / 'w.pth')
    found = load(tmp_path / 'w.pth')
    assert found['buffer'].mean() == 1 and found['buffer'].statistics('current') == 1
    assert found['array'].dtype == dtype and found['scalar'] == 1
    assert found['names'].tolist() == ['a', 'bc']
    assert type(found['meta']) is ConfigDict and found['meta'] == config
    assert found['args'].lr == 1


def test_files_of_numpy_1(tmp_path, monkeypatch):
    """They call numpy's functions by names that numpy 2 has given up."""
    path = tmp_path / 'w.pth'
    torch.save(dict(x=np.float64(3)), path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    assert b'numpy._core.multiarray' in whole
    path.write_bytes(whole.replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    assert load(path)['x'] == 3


def test_names_allowed_elsewhere_stay(tmp_path):
    torch.save(dict(x=np.float32(1)), tmp_path / 'w.pth')
    with torch.serialization.safe_globals([np.dtype]):
        before = set(torch.serialization.get_safe_globals())
        load(tmp_path / 'w.pth')
        assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize('name', ['https://x.org/w.pth', 'torchvision://resnet18'])
def test_addresses_are_guarded(tmp_path, monkeypatch, name):
    """By MMEngine's own loaders, which ask torch to read everything."""
    from mmengine.runner import checkpoint

    path, marker = plant(tmp_path / 'w.pth', tmp_path / 'ran'), tmp_path / 'ran'
    monkeypatch.setattr(
        checkpoint, 'load_url', lambda *_, **__: torch.load(path, weights_only=False)
    )
    monkeypatch.setattr(checkpoint, 'get_torchvision_models', lambda: dict(resnet18=''))
    with pytest.raises(UntrustedFileError, match=f'{name}.*makedirs'):
        read_checkpoint(name)
    assert not marker.exists()
    monkeypatch.setenv(VARIABLE, '1')
    read_checkpoint(name)
    assert marker.exists()


def test_trusted_file_is_read_and_named(tmp_path, monkeypatch):
    path, marker = plant(tmp_path / 'w.pth', tmp_path / 'ran', x=1), tmp_path / 'ran'
    said = []
    monkeypatch.setattr(safety, 'print_log', lambda text, **_: said.append(text))
    monkeypatch.setenv(VARIABLE, '1')
    assert load(path)['x'] == 1
    assert marker.exists()
    assert len(said) == 1 and 'w.pth' in said[0] and 'makedirs' in said[0]


def test_old_torch_reads_trusted_files_only(tmp_path, monkeypatch):
    torch.save(dict(x=1), tmp_path / 'w.pth')
    monkeypatch.setattr(torch, '__version__', '2.5.1')
    with pytest.raises(UntrustedFileError, match='w.pth.*2.5.1'):
        load(tmp_path / 'w.pth')
    monkeypatch.setenv(VARIABLE, '1')
    assert load(tmp_path / 'w.pth')['x'] == 1


def test_configs_in_checkpoints_are_not_run(tmp_path, monkeypatch):
    code = f'import os\nos.mkdir({str(tmp_path / "ran")!r})\nmodel = dict()\n'
    content = dict(
        meta=dict(config=code, cfg=code, epoch=3),
        message_hub=dict(runtime_info=dict(cfg=code, iter=2)),
    )
    torch.save(content, tmp_path / 'w.pth')
    found = load(tmp_path / 'w.pth')
    assert found['meta'].keys() == {'cfg', 'epoch'}
    assert found['message_hub']['runtime_info'] == dict(iter=2)
    with pytest.raises(RuntimeError, match='w.pth.*name a config'):
        Config.fromstring(found['meta']['cfg'], '.py')
    assert not (tmp_path / 'ran').exists()
    monkeypatch.setenv(VARIABLE, '1')
    assert load(tmp_path / 'w.pth') == content


def test_every_loader_is_guarded():
    loaders = CheckpointLoader._schemes
    assert len(loaders) > 5
    for prefix, loader in loaders.items():
        if prefix != 'package://':
            assert loader.__wrapped__.__module__ == 'mmengine.runner.checkpoint'
    assert loaders[''].__name__ == 'load_from_local'  # MMEngine logs it


def test_a_tool_guards_its_process(tmp_path, monkeypatch):
    """Whatever in it reads weights: packages that download them, its children."""
    path, marker = plant(tmp_path / 'w.pth', tmp_path / 'ran'), tmp_path / 'ran'
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    before = dict(os.environ)
    with trusting(False), pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=False)
    assert dict(os.environ) == before and not marker.exists()
    with trusting(True):
        assert is_trusted()
        with trusting(False):
            assert is_trusted()
    assert dict(os.environ) == before and not is_trusted()


def test_a_damaged_file_is_not_called_untrusted(tmp_path):
    def broken(only):
        raise pickle.UnpicklingError('Unsupported operand 103')

    with pytest.raises(pickle.UnpicklingError, match='103'):
        read_guarded(broken, str(tmp_path / 'gone'))
    assert safety.load_file.__doc__
