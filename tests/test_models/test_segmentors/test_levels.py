"""Levels of the backbone are compared with the heads at construction."""

import pytest
import torch
from helpers.tiny_models import BACKBONE, DEPTH_HEAD, POSE_NET, SEG_HEAD, build
from mmengine.model import BaseModule
from torch import nn

from mmdepthseg.models.segmentors.levels import find_levels
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class Made(BaseModule):
    """Backbone with levels of any channels and strides."""

    def __init__(self, levels, in_channels=3):
        super().__init__()
        self.levels = levels
        self.conv = nn.Conv2d(in_channels, 1, 1)

    def forward(self, x):
        x = self.conv(x)
        return tuple(
            x[..., ::stride, ::stride].repeat(1, channels, 1, 1)
            for channels, stride in self.levels
        )


WIDTHS = SEG_HEAD['in_channels']
GOOD = list(zip(WIDTHS, (2, 4, 8, 16, 16)))


def head(**options):
    return dict(SEG_HEAD, **options)


def test_levels_are_found_and_modes_kept():
    model = build(backbone=BACKBONE, decode_head=SEG_HEAD)
    model.backbone.eval()
    assert [channels for channels, _ in find_levels(model)] == WIDTHS
    assert not model.backbone.training and model.decode_head.training


def test_fitting_levels_pass():
    build(backbone=dict(type='Made', levels=GOOD), decode_head=SEG_HEAD)


def test_the_key_of_a_depth_head_is_its_decoders():
    decoder = dict(DEPTH_HEAD['decoder'], in_channels=WIDTHS[:4])
    with pytest.raises(UserError, match=r'set depth_head\.decoder\.in_channels='):
        build(
            backbone=dict(type='Made', levels=GOOD),
            depth_head=dict(DEPTH_HEAD, decoder=decoder),
        )


@pytest.mark.parametrize(
    'levels, decode_head, named',
    [
        (GOOD[::-1], head(in_channels=WIDTHS[::-1]), 'out_indices'),
        (GOOD, head(in_channels=WIDTHS[:4]), r'decode_head\.in_channels'),
        (
            [(w, 16) for w in WIDTHS[1:]],
            head(in_channels=WIDTHS[1:], levels=(8,)),
            'stride 4.*neck',
        ),
        (
            [(w, 4 * s) for w, s in GOOD],
            head(),
            'stride 2,',
        ),
    ],
    ids=['deep first', 'a level is left', 'vit', 'coarse'],
)
def test_cut_and_coarse_networks(levels, decode_head, named):
    with pytest.raises(UserError, match=named):
        build(backbone=dict(type='Made', levels=levels), decode_head=decode_head)


FCN = dict(
    type='mmseg.FCNHead', in_index=-1, in_channels=WIDTHS[-1], channels=8,
    num_convs=1, num_classes=4, norm_cfg=dict(type='BN'),
)  # fmt: skip


def test_heads_of_mmsegmentation():
    backbone = dict(type='Made', levels=GOOD)
    build(backbone=backbone, decode_head=FCN)
    for change, named in (
        (dict(in_channels=7), r'decode_head\.in_channels=7'),
        (dict(in_index=5), r'decode_head\.in_index=5'),
        (dict(in_index=2, in_channels=WIDTHS[2]), r'decode_head\.in_index'),
    ):
        with pytest.raises(UserError, match=named):
            build(backbone=backbone, decode_head=dict(FCN, **change))


def test_depth_heads_too():
    backbone = dict(type='Made', levels=GOOD[1:])
    with pytest.raises(UserError, match='depth_head'):
        build(backbone=backbone, depth_head=DEPTH_HEAD)


def test_other_images_are_not_checked():
    backbone = dict(type='Made', levels=[(1, 1)], in_channels=4)
    assert find_levels(build(backbone=backbone, decode_head=SEG_HEAD)) is None


def test_on_the_meta_device():
    register_all_modules()
    with torch.device('meta'):
        model = MODELS.build(
            dict(
                type='DepthSegmentor',
                backbone=dict(type='Made', levels=GOOD),
                decode_head=SEG_HEAD,
            )
        )
    assert find_levels(model) == GOOD


VIT = dict(
    type='mmseg.VisionTransformer', img_size=(64, 96), patch_size=16, embed_dims=16,
    num_layers=2, num_heads=2, out_indices=(0, 1),
)  # fmt: skip


@pytest.mark.parametrize('kind', ['VisionTransformer', 'BEiT', 'MAE'])
def test_a_vit_without_neck(kind):
    with pytest.raises(UserError, match='stride 16.*neck'):
        build(
            backbone=dict(VIT, type=f'mmseg.{kind}'),
            decode_head=head(in_channels=[16, 16]),
        )


def test_backbones_whose_train_returns_nothing():
    model = build(
        backbone=dict(BACKBONE, type='mmseg.ResNet'),
        decode_head=head(in_channels=WIDTHS[1:]),
    )
    assert find_levels(model) == list(zip(WIDTHS[1:], (4, 8, 16, 32)))


def test_auxiliary_heads():
    for heads in (dict(FCN, in_channels=7), [FCN, dict(FCN, in_channels=7)]):
        with pytest.raises(UserError, match=r'auxiliary_head.*in_channels=7'):
            build(decode_head=SEG_HEAD, auxiliary_head=heads)


def test_decode_heads_for_depth():
    fcn = {k: v for k, v in FCN.items() if k != 'num_classes'}
    with pytest.raises(UserError, match=r'depth_head\.decode_head\.in_channels=7'):
        build(
            depth_head=dict(
                type='DecodeDepthHead', decode_head=dict(fcn, in_channels=7)
            )
        )


def test_pose_nets():
    with pytest.raises(UserError, match=r'pose_net\.in_channels=64'):
        build(depth_head=DEPTH_HEAD, pose_net=dict(POSE_NET, in_channels=32))
