"""Pretrained weights: loaded where they fit, refused where they do not."""

import copy
import json
from pathlib import Path

import pytest
import torch
from helpers.tiny_models import (
    BACKBONE,
    DEPTH_HEAD,
    NORM,
    SEG_HEAD,
    build,
    build_teacher,
)
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmdepthseg.checkpoints import pretrained_init
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

DATA = Path(__file__).resolve().parents[1] / 'data' / 'state_dicts'


@pytest.fixture
def checkpoint(tmp_path):
    path = str(tmp_path / 'sde.pth')
    torch.save(dict(state_dict=build(depth_head=DEPTH_HEAD).state_dict()), path)
    return path


def backbone_from(checkpoint, **options):
    """A model whose backbone starts from a checkpoint."""
    init = dict(type='Pretrained', checkpoint=checkpoint, **options)
    return build(backbone=dict(BACKBONE, init_cfg=init), decode_head=SEG_HEAD)


@pytest.mark.parametrize('prefix', ['backbone', 'backbone.'])
def test_weights_are_loaded(checkpoint, prefix):
    model = backbone_from(checkpoint, prefix=prefix)
    wanted = torch.load(checkpoint, weights_only=True)['state_dict']
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, wanted[f'backbone.{name}'])


def test_a_classifier_more_does_no_harm(tmp_path):
    """As torchvision's and OpenMMLab's ImageNet files have it."""
    state = build(decode_head=SEG_HEAD).backbone.state_dict()
    state['fc.weight'] = torch.zeros(10, 64)
    path = str(tmp_path / 'resnet.pth')
    torch.save(state, path)
    model = backbone_from(path)
    assert torch.equal(model.backbone.conv1.weight, state['conv1.weight'])


def test_wrong_prefix(checkpoint):
    with pytest.raises(UserError, match='sde.pth.*encoder.*fills only 0%'):
        backbone_from(checkpoint, prefix='encoder.')


def test_another_architecture(checkpoint):
    head = copy.deepcopy(SEG_HEAD)
    head['decoder'].update(
        channels=[4] * 5,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='depth_head.decoder.'
        ),
    )
    with pytest.raises(UserError, match='same architecture'):
        build(decode_head=head)


def torchvision_names() -> dict[str, list[int]]:
    """Names and shapes of torchvision's resnet18, classifier included."""
    return json.loads((DATA / 'torchvision_resnet18.json').read_text())


@pytest.fixture
def imagenet(tmp_path):
    """A file as torchvision publishes it, with random weights."""
    rng = torch.Generator().manual_seed(0)
    state = {
        name: torch.rand(shape, generator=rng)
        for name, shape in torchvision_names().items()
    }
    path = str(tmp_path / 'resnet18.pth')
    torch.save(state, path)
    return path


def encoder_from(
    checkpoint, kind='ResNet', prefix=None, in_channels=3, depth=18, **options
):
    """A full-size ResNet that starts from a checkpoint."""
    register_all_modules()
    init = dict(type='Pretrained', checkpoint=checkpoint, prefix=prefix, **options)
    model = MODELS.build(
        dict(
            type='ResNet',
            depth=depth,
            norm_cfg=NORM,
            in_channels=in_channels,
            deep_stem=kind == 'ResNetV1c',
            init_cfg=init,
        )
    )
    model.init_weights()
    return model


def test_torchvision_file(imagenet):
    wanted = torch.load(imagenet, weights_only=True)
    state = encoder_from(imagenet).state_dict()
    assert {'fc.weight', 'fc.bias'} == wanted.keys() - state.keys()
    assert all(
        torch.equal(value, wanted[name])
        for name, value in state.items()
        if 'num_batches' not in name
    )


def test_weights_of_a_smaller_network(imagenet):
    """They fill more than half of the larger one."""
    with pytest.raises(UserError, match=r'smaller network.*56%.*layer1\.2, layer2\.2'):
        encoder_from(imagenet, depth=34)
    state = encoder_from(imagenet, depth=34, min_share=0.5).state_dict()
    wanted = torch.load(imagenet, weights_only=True)
    assert torch.equal(state['layer3.1.conv1.weight'], wanted['layer3.1.conv1.weight'])


def test_the_teacher_of_a_mean_teacher(tmp_path):
    """It is an averaged model: a wrapper, whose entries begin with `module.`."""
    teacher = build_teacher()
    path = str(tmp_path / 'teacher.pth')
    torch.save(dict(state_dict=teacher.state_dict()), path)
    init = dict(type='Pretrained', checkpoint=path, prefix='teacher.')
    model = build(decode_head=SEG_HEAD, init_cfg=init)
    wanted = teacher.teacher.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, wanted[f'module.{name}']), name


def test_a_plain_network_of_more_parts_for_a_mean_teacher(tmp_path):
    """Its entries are put into the layout of the teacher first."""
    source = build(decode_head=SEG_HEAD, depth_head=DEPTH_HEAD)
    path = str(tmp_path / 'plain.pth')
    twice = {f'module.module.{k}': v for k, v in source.state_dict().items()}
    torch.save(dict(state_dict=twice), path)
    teacher = build_teacher(init_cfg=dict(type='Pretrained', checkpoint=path))
    wanted = source.state_dict()
    for name, value in teacher.student.state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_what_is_left_out_causes_no_warning(imagenet, monkeypatch):
    wanted = torch.load(imagenet, weights_only=True)
    wanted['extra.bn.num_batches_tracked'] = torch.zeros(1)
    torch.save(wanted, imagenet)
    said = []
    for place in (pretrained_init, mmengine_checkpoint):
        monkeypatch.setattr(
            place, 'print_log', lambda text, *_, **__: said.append(text)
        )
    encoder_from(imagenet)
    assert said[1:] == [
        f'load model from: {imagenet}',
        'not in ResNet, left out: fc.weight, fc.bias',
    ]


def test_a_decoder_of_fewer_levels(tmp_path):
    """Levels of decoders are no blocks: one without the deepest is another decoder."""
    state = build(decode_head=SEG_HEAD).decode_head.decoder.state_dict()
    kept = {k: v for k, v in state.items() if not k.startswith('fuse.3')}
    assert len(kept) < len(state)
    path = str(tmp_path / 'decoder.pth')
    torch.save(kept, path)
    head = copy.deepcopy(SEG_HEAD)
    head['decoder']['init_cfg'] = dict(type='Pretrained', checkpoint=path)
    found = build(decode_head=head).decode_head.decoder.state_dict()
    assert all(torch.equal(found[name], value) for name, value in kept.items())


def test_the_classes_of_a_classifier_are_noted(tmp_path):
    source = build(decode_head=SEG_HEAD)
    meta, path = dict(dataset_meta=dict(classes=('a', 'b'))), str(tmp_path / 's.pth')
    torch.save(dict(meta=meta, state_dict=source.state_dict()), path)
    whole = build(
        decode_head=SEG_HEAD, init_cfg=dict(type='Pretrained', checkpoint=path)
    )
    assert whole.filled_classifier == (f'init_cfg: {path}', ('a', 'b'))
    encoder = backbone_from(path, prefix='backbone.').backbone
    assert not hasattr(encoder, 'filled_classifier')


def test_torchvision_itself(tmp_path):
    resnet18 = pytest.importorskip('torchvision').models.resnet18()
    state = resnet18.state_dict()
    assert {n: list(v.shape) for n, v in state.items()} == torchvision_names()
    path = str(tmp_path / 'resnet18.pth')
    torch.save(state, path)
    model = encoder_from(path).eval()
    img = torch.rand(1, 3, 64, 96)
    resnet18.eval().fc = torch.nn.Identity()
    with torch.no_grad():
        pooled = model(img)[-1].mean((2, 3))
        assert torch.allclose(pooled, resnet18(img), atol=1e-5)


@pytest.mark.parametrize('kind', ['ResNet', 'ResNetV1c'])
def test_openmmlab_file(tmp_path, kind):
    """`state_dict` inside, the encoder below `backbone.`, a classifier beside it."""
    source = MODELS.build(dict(type=f'mmseg.{kind}', depth=18, norm_cfg=NORM))
    state = {
        f'backbone.{name}': torch.rand_like(value, dtype=torch.float)
        for name, value in source.state_dict().items()
    }
    state['head.fc.weight'] = torch.rand(10, 512)
    path = str(tmp_path / 'resnet18_v1c.pth')
    torch.save(dict(meta=dict(epoch=100), state_dict=state), path)
    model = encoder_from(path, kind, 'backbone.')
    for name, value in model.state_dict().items():
        if 'num_batches' not in name:
            assert torch.equal(value, state[f'backbone.{name}']), name
    # without the prefix no name fits
    with pytest.raises(UserError, match='fills only 0%.*conv1.weight'):
        encoder_from(path)


def test_pose_encoder_takes_two_images(imagenet):
    """Two equal images give what the one gives."""
    one = encoder_from(imagenet)
    two = encoder_from(imagenet, in_channels=6)
    for name, value in two.state_dict().items():
        if name != 'conv1.weight':
            assert torch.equal(value, one.state_dict()[name]), name
    wanted = torch.load(imagenet, weights_only=True)['conv1.weight'] / 2
    assert torch.equal(two.conv1.weight[:, :3], wanted)
    assert torch.equal(two.conv1.weight[:, 3:], wanted)
    img = torch.rand(1, 3, 16, 16)
    assert torch.allclose(
        two.conv1(torch.cat((img, img), 1)), one.conv1(img), atol=1e-5
    )


def test_pose_encoder_without_repeating(imagenet):
    two = encoder_from(imagenet, in_channels=6, repeat_input=False)
    wanted = torch.load(imagenet, weights_only=True)
    assert torch.equal(two.bn1.weight, wanted['bn1.weight'])
    assert two.conv1.weight.mean().abs() < 0.01  # random around 0; the file's: 0.5


def test_other_convolutions_are_not_repeated(imagenet, tmp_path):
    """Only what takes images (3 channels) is."""
    state = torch.load(imagenet, weights_only=True)
    state['conv1.weight'] = torch.rand(64, 2, 7, 7)
    torch.save(state, imagenet)
    two = encoder_from(imagenet, in_channels=4)
    assert two.conv1.weight.mean().abs() < 0.01
