"""Reading checkpoints: whatever fails, the file is named."""

import pickle

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

from mmdepthseg.checkpoints.reading import read_checkpoint
from mmdepthseg.utils import UserError


def test_whole_file(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=dict(x=torch.ones(2))), path)
    assert read_checkpoint(path)['state_dict']['x'].tolist() == [1, 1]


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'garbage\n',
        b'PK\x03\x04 cut short',
        pickle.dumps(3, protocol=2)[:-2],
        b'\x80\x02}q',
    ],
)
def test_damaged(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    torch.save({}, tmp_path / 'b.pth')
    with pytest.raises(UserError, match='a.pth.*b.pth'):
        read_checkpoint(path, 'weights')


def test_every_cut_of_an_old_style_file(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(x=torch.ones(64)), path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match='damaged'):
            read_checkpoint(path)


def test_not_weights(tmp_path):
    torch.save([torch.ones(2)], tmp_path / 'a.pth')
    with pytest.raises(UserError, match='holds a list'):
        read_checkpoint(tmp_path / 'a.pth')


def test_missing_and_folder(tmp_path):
    with pytest.raises(UserError, match='x/a.pth.*no folder .*/x'):
        read_checkpoint(tmp_path / 'x/a.pth')
    with pytest.raises(UserError, match='is a folder'):
        read_checkpoint(tmp_path)


def test_addresses_go_to_mmengine(monkeypatch):
    def fetch(name, map_location=None, logger=None):
        if 'gone' in name:
            raise OSError('no route')
        return dict(name=name)

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', fetch)
    assert read_checkpoint('torchvision://resnet50') == dict(
        name='torchvision://resnet50'
    )
    with pytest.raises(UserError, match='gone.pth.*no route'):
        read_checkpoint('https://x.org/gone.pth')


def test_an_address_that_needs_a_package(monkeypatch):
    def no_module(*_, **__):
        raise ModuleNotFoundError("No module named 'torchvision'", name='torchvision')

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', no_module)
    with pytest.raises(UserError, match='torchvision'):
        read_checkpoint('torchvision://resnet18')
