"""Options and checks on a config before anything is built."""

import pytest
import torch
from mmengine.config import Config

from mmdepthseg.launch.config import (
    check_checkpoint_file,
    load_config,
    prepare_work_dir,
)
from mmdepthseg.utils import UserError


def test_a_variable_of_the_file_is_no_option(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        "data_root = 'data/a'\n"
        'steps = [2, 3]\n'
        'train_dataloader = dict(dataset=dict(type="X", data_root=data_root))\n'
        'train_cfg = dict(milestones=steps, max_iters=steps[0])\n'
        "sync_bn = 'torch'\n"
        'custom_hooks = []\n'
    )
    with pytest.raises(
        UserError,
        match=r'data_root: .*train_dataloader\.dataset\.data_root\W',
    ):
        load_config(path, dict(data_root='data/b'))
    with pytest.raises(UserError, match=r'train_cfg\.milestones\W'):
        load_config(path, {'steps.0': 4})
    assert load_config(path, {'+data_root': 'data/b'}).data_root == 'data/b'
    config = load_config(path, dict(sync_bn='mmcv', load_from='x.pth'))
    assert config.sync_bn == 'mmcv' and config.load_from == 'x.pth'


def test_a_variable_that_was_merged_is_no_option(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        'normal = dict(mean=[1.0], std=[2.0])\n'
        'few = dict(loss=dict(portion=0.5))\n'
        'net = dict(_delete_=True, depth=18)\n'
        'other = dict(mean=[7.0])\n'
        'inputs = dict(type="P", **normal)\n'
        'model = dict(data_preprocessor=inputs, backbone=net, **few)\n'
    )
    for key, place in {
        'normal.mean': 'model.data_preprocessor',
        'few.loss.portion': 'model',
        'net.depth': 'model.backbone',
    }.items():
        with pytest.raises(UserError, match=rf'{key}: .*variable.* {place}\W'):
            load_config(path, {key: 3})
    # that of somebody's hook, or one that was merged in part
    with pytest.warns(UserWarning, match=r"other\.mean: .*reads 'other'"):
        config = load_config(path, {'other.mean': [3.0]})
    assert config.other.mean == [3.0]


def test_a_variable_without_a_value_goes_by_its_name(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        'table = None\n'
        'flip = True\n'
        'mine = None\n'
        'load_from = None\n'
        "train_dataloader = dict(dataset=dict(type='X', table=table, other=None))\n"
        "val_dataloader = dict(dataset=dict(type='X', flip=flip), pin_memory=True)\n"
        'val_clips = []\n'
        'custom_hooks = []\n'
        "test_dataloader = dict(dataset=dict(type='X', clips=val_clips))\n"
    )
    for key, place in {
        'table': 'train_dataloader.dataset.table',
        'flip': 'val_dataloader.dataset.flip',
        'val_clips': 'test_dataloader.dataset.clips',
    }.items():
        with pytest.raises(UserError, match=rf'{key}: .*file: {place} \(') as error:
            load_config(path, {key: 'other'})  # (hooks are an empty list, too)
        assert 'pin' not in str(error.value)
    with pytest.warns(UserWarning, match="reads 'mine'"):
        assert load_config(path, dict(mine='other')).mine == 'other'


def test_a_dict_replaces_none_and_a_label_table_another(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        "part = dict(type='X', none=None, ids={7: 0, 26: 1}, merged=dict(a=1, b=2))\n"
        "part['more'] = {'#804080': 0}\n"
        'train_dataloader = dict(dataset=part)\n'
    )
    options = dict(none={'a': 1}, ids={8: 0}, more={'#00008E': 1}, merged={'b': 3})
    place = 'train_dataloader.dataset.'
    config = load_config(path, {f'{place}{key}': v for key, v in options.items()})
    expected = dict(options, type='X', merged=dict(a=1, b=3))
    assert config.train_dataloader.dataset == expected
    config = load_config(path, {f'+{place}none': {7: 0}})
    assert config.train_dataloader.dataset.none == {7: 0}


def test_work_dir_argument_goes_before_config_before_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config(dict())
    assert str(prepare_work_dir(config, 'some/name.py')) == 'work_dirs/name'
    config = Config(dict(work_dir='own'))
    assert str(prepare_work_dir(config, 'some/name.py')) == 'own'
    assert str(prepare_work_dir(config, 'some/name.py', 'given')) == 'given'
    assert config.work_dir == 'given'
    assert (tmp_path / 'given').is_dir()


def test_work_dir_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='file/run.*--work-dir'):
        prepare_work_dir(Config(dict()), 'name.py', str(tmp_path / 'file/run'))


def test_files_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / 'tiny.py'
    path.write_text('model = dict(\n')
    with pytest.raises(UserError, match='tiny.py'):
        load_config(path)
    with pytest.raises(UserError, match="tinny.py.*'tiny.py'"):
        load_config(tmp_path / 'tinny.py')


def test_misspelt_top_level_key(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('default_hoks = dict()\n')
    with pytest.raises(UserError, match="'default_hoks'.*'default_hooks'"):
        load_config(path)


def test_base_file_that_is_missing_is_named(tmp_path):
    path = tmp_path / 'child.py'
    path.write_text("_base_ = ['./parent.py']\n")
    with pytest.raises(UserError, match=r'child\.py.*parent\.py'):
        load_config(path)


def test_whole_checkpoints_pass(tmp_path):
    new, old = tmp_path / 'new.pth', tmp_path / 'old.pth'
    torch.save({}, new)
    torch.save({}, old, _use_new_zipfile_serialization=False)
    assert check_checkpoint_file(str(new)) == str(new)
    assert check_checkpoint_file(str(old)) == str(old)
    assert check_checkpoint_file('https://x.org/y.pth') == 'https://x.org/y.pth'
    with pytest.raises(UserError, match='old.pth'):
        check_checkpoint_file(str(tmp_path))
    (tmp_path / 'empty.pth').write_bytes(b'')
    with pytest.raises(UserError, match='empty.pth.*new.pth'):
        check_checkpoint_file(str(tmp_path / 'empty.pth'))
    with pytest.raises(UserError, match="older.pth.*'old.pth'"):
        check_checkpoint_file(str(tmp_path / 'older.pth'))
