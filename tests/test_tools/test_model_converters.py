"""Weights of other projects: converted whole, or refused with names."""

import pickle

import pytest
import torch
from helpers import REPO
from helpers.authors_weights import (
    names_of,
    weights_of,
    write_folder,
    write_training_file,
)
from helpers.monodepth2_weights import (
    decode,
    depth_decoder,
    levels,
    resnet,
    write_published,
)
from helpers.tools import load_tool

from mmdepthseg.apis import load_model
from mmdepthseg.checkpoints.converters import PROJECTS, convert
from mmdepthseg.checkpoints.converters.rules import Rule, rename
from mmdepthseg.launch.config import load_config
from mmdepthseg.utils.errors import UserError

CONFIGS = REPO / 'configs'
OTHER_CONFIG = CONFIGS / 'streets/sde_r18-w16_500it_192x96.py'


def tool(name):
    module = load_tool(f'model_converters/{name}')
    return lambda *args: module.main([str(arg) for arg in args])


def error_of(capsys, name, *arguments) -> str:
    """Message of a tool that ends with exit code 2."""
    with pytest.raises(SystemExit) as stop:
        tool(name)(*arguments)
    assert stop.value.code == 2
    (line,) = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith('error: ')
    ]
    return line


@pytest.fixture
def monodepth2(tmp_path):
    """A folder as Monodepth2 publishes it, with few channels."""
    return write_published(tmp_path / 'mono_64x32')


def part(folder, name):
    return torch.load(folder / f'{name}.pth', weights_only=True)


def test_monodepth2(monodepth2, tmp_path, capsys):
    out = tmp_path / 'out' / 'md2.pth'
    tool('monodepth2')(monodepth2, out)
    said = capsys.readouterr().out
    assert 'ImageNet classifier' in said and 'encoder.encoder.fc.weight' in said
    assert 'pose.net.3.weight[6:]' in said and 'left over: 0' in said
    assert 'non-commercial' in said and "'aspp_rates': None" in said
    checkpoint = torch.load(out, weights_only=True)
    state, meta = checkpoint['state_dict'], checkpoint['meta']
    assert meta['input_size'] == (32, 64) and 'non-commercial' in meta['licence']
    decoder, pose = part(monodepth2, 'depth'), part(monodepth2, 'pose')
    # from the bottleneck up; second block of the last step; finest disparity
    for ours, theirs in (
        ('decoder.reduce.0.conv', 0),
        ('decoder.fuse.0.conv', 1),
        ('decoder.reduce.4.conv', 8),
        ('decoder.fuse.4.conv', 9),
    ):
        assert torch.equal(
            state[f'depth_head.{ours}.weight'],
            decoder[f'decoder.{theirs}.conv.conv.weight'],
        )
    assert torch.equal(
        state['depth_head.disparity.3.bias'], decoder['decoder.13.conv.bias']
    )
    assert torch.equal(state['pose_net.head.6.weight'], pose['net.3.weight'][:6])
    assert torch.equal(state['pose_net.head.2.weight'], pose['net.1.weight'])


@pytest.mark.parametrize('depth', [18, 50])
def test_monodepth2_model_predicts(depth, tmp_path):
    """The converted file loads strictly into the model that the tool prints, whose
    disparities are those of Monodepth2's layers in their order.
    """
    folder = write_published(tmp_path / 'published', depth)
    converted = convert([folder], 'monodepth2')
    assert converted.config['backbone']['depth'] == depth
    assert converted.config['pose_net']['backbone']['depth'] == depth
    encoder = part(folder, 'encoder')
    ours = converted.checkpoint['state_dict']
    assert all(
        torch.equal(ours[name.replace('encoder.', 'backbone.')], weight)
        for name, weight in encoder.items()
        if '.layer' in name
    )
    out = tmp_path / 'md2.pth'
    tool('monodepth2')(folder, out)
    config = tmp_path / 'config.py'
    config.write_text(f'model = {converted.config!r}\n')
    model = load_model(str(config), out)
    assert model.predict_disparity(torch.rand(1, 3, 64, 96)).shape == (1, 1, 64, 96)
    features = [
        torch.rand(1, c, 64 // s, 96 // s)
        for c, s in zip(levels(depth), (2, 4, 8, 16, 32), strict=True)
    ]
    wanted = decode(part(folder, 'depth'), features)
    for found, theirs in zip(model.depth_head(features), wanted, strict=True):
        assert torch.allclose(found, theirs, atol=1e-6)
        assert theirs.std() > 1e-3


def test_stereo_training_has_no_poses(monodepth2, tmp_path):
    for name in ('pose', 'pose_encoder'):
        (monodepth2 / f'{name}.pth').unlink()
    assert 'pose_net' not in convert([monodepth2], 'monodepth2').config


def test_files_instead_of_a_folder(monodepth2, tmp_path):
    files = [monodepth2 / f'{name}.pth' for name in ('depth', 'encoder')]
    state = convert(files, 'monodepth2').checkpoint['state_dict']
    assert 'backbone.conv1.weight' in state


@pytest.mark.parametrize(
    'network', ['r101_monodepth_pretraining', 'r101_exp210_transfer', 'r101_exp212_pad']
)
def test_full_size_names(network, tmp_path, monkeypatch):
    """Every entry of the published networks has its place; sizes as they are."""
    state = {
        name: torch.empty(shape, device='meta')
        for name, shape in names_of(network).items()
    }
    path = tmp_path / 'best_model.pkl'
    path.touch()
    monkeypatch.setattr(
        'mmdepthseg.checkpoints.converters.files.read_checkpoint',
        lambda *_: dict(model_state=state),
    )
    converted = convert([path], 'authors')
    assert not converted.conversion.left_over and converted.match.share == 1
    backbone = converted.config['backbone']
    assert backbone['depth'] == 101 and backbone['dilations'] == (1, 1, 1, 2)
    kept = len(state) - len(converted.conversion.dropped)
    halves = sum('[6:]' in name for name in converted.conversion.dropped)
    assert len(converted.conversion.state_dict) == kept + halves


def test_configs_for_the_converted_weights(tmp_path, monkeypatch):
    """Those of the published networks take them as they are."""
    with torch.device('meta'):
        files = dict(
            encoder=resnet(18, 'encoder', width=64),
            depth=depth_decoder((64, 64, 128, 256, 512)),
        )
    names = names_of('r101_monodepth_pretraining')
    files['best_model'] = {
        name: torch.empty(shape, device='meta') for name, shape in names.items()
    }
    monkeypatch.setattr(
        'mmdepthseg.checkpoints.converters.files.read_checkpoint',
        lambda path, _: files[path.stem],
    )
    for config, project, paths in (
        (
            'clips/sde_monodepth2-r18_10k_640x192.py',
            'monodepth2',
            ['encoder.pth', 'depth.pth'],
        ),
        (
            'cityscapes/sde-phase2-fd_r101-d16_50k_512x512.py',
            'authors',
            ['best_model.pkl'],
        ),
    ):
        model = load_config(CONFIGS / config).model
        if project == 'monodepth2':
            model.pop('pose_net')
        paths = [tmp_path / path for path in paths]
        for path in paths:
            path.touch()
        converted = convert(paths, project, model)
        assert converted.match.share == 1
        guessed = convert(paths, project).config
        for key in ('mean', 'std', 'bgr_to_rgb'):
            assert guessed['data_preprocessor'][key] == model.data_preprocessor[key]


def test_folder_and_training_file_agree(tmp_path, capsys):
    state = weights_of('e1')
    state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    folder = convert([write_folder(tmp_path / 'weights', state)], 'authors')
    file = write_training_file(tmp_path / 'best_model.pkl', state)
    tool('authors')(file, tmp_path / 'out.pth', '--list')
    said = capsys.readouterr().out
    assert 'best_iou, optimizer_state' in said or 'epoch, best_iou' in said
    assert 'depth.decoder.2.block.0.conv.bias -> depth_head.decoder.fuse.0' in said
    one = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    other = folder.checkpoint['state_dict']
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_left_over_and_missing_names(monodepth2, tmp_path, capsys):
    out = tmp_path / 'out.pth'
    decoder = part(monodepth2, 'depth')
    torch.save(
        {**decoder, 'decoder.20.weight': torch.rand(1)}, monodepth2 / 'depth.pth'
    )
    message = error_of(capsys, 'monodepth2', monodepth2, out)
    assert 'depth.decoder.20.weight' in message and not out.exists()
    tool('monodepth2')(monodepth2, out, '--allow-mismatch')
    assert 'left over: 1 (depth.decoder.20.weight)' in capsys.readouterr().out
    strange = {f'decoder.{i}.weight': torch.rand(1) for i in range(20, 40)}
    torch.save({**decoder, **strange}, monodepth2 / 'depth.pth')
    tool('monodepth2')(monodepth2, out, '--allow-mismatch', '--list')
    said = capsys.readouterr().out
    assert all(f'depth.{name}' in said for name in strange)

    del decoder['decoder.9.conv.conv.bias']
    torch.save(decoder, monodepth2 / 'depth.pth')
    message = error_of(capsys, 'monodepth2', monodepth2, out)
    assert 'depth_head.decoder.fuse.4.conv.bias' in message


def test_config_of_a_mean_teacher(tmp_path, capsys):
    """It takes the weights of its student."""
    source = write_training_file(tmp_path / 'best_model.pkl', weights_of('e2'))
    plain = convert([source], 'authors').config
    student = {k: v for k, v in plain.items() if k != 'data_preprocessor'}
    model = dict(
        type='MeanTeacher',
        segmentor=student,
        mixing=dict(type='NoMix'),
        data_preprocessor=plain['data_preprocessor'],
    )
    config, out = tmp_path / 'teacher.py', tmp_path / 'out.pth'
    config.write_text(f'model = {model!r}\n')
    tool('authors')(source, out, '--config', config)
    assert 'not in the' not in capsys.readouterr().out
    image = torch.rand(1, 3, 64, 96)
    found = load_model(str(config), out).predictor.seg_logits(image)
    config.write_text(f'model = {plain!r}\n')
    assert torch.equal(found, load_model(str(config), out).seg_logits(image))


def test_encoder_and_decoder_without_poses(monodepth2, tmp_path):
    """What docs/cityscapes.md says about them."""
    config = tmp_path / 'config.py'
    config.write_text(f'model = {convert([monodepth2], "monodepth2").config!r}\n')
    for name in ('pose', 'pose_encoder'):
        (monodepth2 / f'{name}.pth').unlink()
    out = tmp_path / 'out.pth'
    tool('monodepth2')(monodepth2, out)
    with pytest.raises(UserError, match='pose_net'):
        load_model(str(config), out)
    without = load_config(config, {'model.pose_net': None})
    assert load_model(without, out).pose_net is None


def test_config_without_model(monodepth2, tmp_path, capsys):
    config = tmp_path / 'data.py'
    config.write_text('data_root = 3\n')
    message = error_of(
        capsys, 'monodepth2', monodepth2, tmp_path / 'out.pth', '--config', config
    )
    assert f'{config} has no `model`' in message and 'leave out --config' in message


def test_config_that_does_not_fit(monodepth2, tmp_path, capsys):
    message = error_of(
        capsys, 'monodepth2', monodepth2, tmp_path / 'out.pth', '--config', OTHER_CONFIG
    )
    assert '!= checkpoint): backbone.conv1.weight ' in message
    assert 'depth_head.decoder.reduce.0' in message


class Evil:
    """Pickled, it runs a command when it is read."""

    def __reduce__(self):
        import os

        return os.mkdir, ('owned',)


def test_unsafe_file_is_not_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(model_state={}, args=Evil()), 'best_model.pkl')
    message = error_of(capsys, 'authors', 'best_model.pkl', 'out.pth')
    assert 'posix.mkdir' in message
    assert '--trust-checkpoint' in message
    assert not (tmp_path / 'owned').exists()


def test_bad_sources(monodepth2, tmp_path, capsys):
    def said(*arguments):
        return error_of(capsys, 'monodepth2', *arguments, tmp_path / 'out.pth')

    assert 'not found: ' in said(tmp_path / 'nowhere')
    assert 'encoder.pth' in said(monodepth2 / 'encoder.pth')
    other = tmp_path / 'other.pth'
    torch.save({}, other)
    assert 'encoder.pth' in said(monodepth2 / 'encoder.pth', other)
    assert 'depth.pth, pose_encoder.pth missing' in said(
        monodepth2 / 'encoder.pth', monodepth2 / 'pose.pth'
    )
    assert str(monodepth2) in said(monodepth2, other)
    (monodepth2 / 'pose.pth').unlink()
    assert 'pose.pth missing' in said(monodepth2)
    (tmp_path / 'empty').mkdir()
    assert '/empty' in said(tmp_path / 'empty')
    for content in (b'', b'garbage', pickle.dumps([1], 2)):
        other.write_bytes(content)
        assert f'{other} ' in said(other)
    torch.save([1], other)
    assert 'holds a list' in said(other)
    torch.save(dict(model_state=3), other)
    assert 'model_state' in said(other)
    torch.save({'encoder.encoder.conv1.weight': torch.rand(2, 3, 7, 7)}, other)
    assert 'ResNet' in said(other)
    message = error_of(capsys, 'monodepth2', monodepth2, tmp_path / 'folder')
    assert '.pth' in message


def test_two_entries_of_one_name():
    with pytest.raises(ValueError, match='b and a .*x'):
        rename(dict(a=torch.ones(1), b=torch.ones(1)), [Rule('.', 'x')])


def test_every_project_says_its_licence():
    assert all('non-commercial' in project.licence for project in PROJECTS.values())
