"""Weights that a config names arrive, whatever a network's own init_weights does."""

import logging

import pytest
import torch
from helpers.tiny_models import (
    BACKBONE,
    PREPROCESSOR,
    SEG_HEAD,
    build,
    build_teacher,
)
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from torch import nn

from mmdepthseg.models.backbones import FrozenEncoder
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

VIT = dict(
    type='mmseg.VisionTransformer',
    img_size=(64, 96),
    patch_size=16,
    embed_dims=16,
    num_layers=2,
    num_heads=2,
    out_indices=(0, 1),
)
SWIN = dict(
    type='mmseg.SwinTransformer',
    embed_dims=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    window_size=4,
)
BEIT = dict(VIT, type='mmseg.BEiT')
MAE = dict(BEIT, type='mmseg.MAE', img_size=(64, 64))
HEAD = dict(
    type='mmseg.FCNHead',
    in_channels=16,
    in_index=-1,
    channels=8,
    num_convs=1,
    num_classes=4,
    norm_cfg=dict(type='BN'),
)


@MODELS.register_module()
class Deaf(BaseModule):
    """Backbone that ignores its init_cfg."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(3, 16, 4, stride=4)

    def init_weights(self):
        """Do nothing."""

    def forward(self, x):
        return (self.conv(x),)


@MODELS.register_module()
class Ready(Deaf):
    """Backbone that MMEngine does not initialise, as timm's with its own weights."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self._is_init = True

    init_weights = BaseModule.init_weights


def model_of(backbone, **options):
    head = dict(HEAD, in_channels=64 if 'Swin' in backbone['type'] else 16)
    return build(
        backbone=backbone, decode_head=head, data_preprocessor=PREPROCESSOR, **options
    )


def saved(path, backbone, prefix='backbone.', value=0.125):
    """Save weights that no initialisation makes, below a prefix."""
    entries = {k: torch.full_like(v, value) for k, v in backbone.state_dict().items()}
    torch.save(dict(state_dict={prefix + k: v for k, v in entries.items()}), path)
    return str(path)


def parameters(model):
    return dict(model.backbone.named_parameters())


@pytest.mark.filterwarnings('ignore:torch.meshgrid')
@pytest.mark.parametrize(
    'backbone', [VIT, SWIN, BEIT, MAE, dict(type='Deaf'), dict(type='Ready')]
)
@pytest.mark.parametrize('prefix', ['backbone.', 'student.backbone.'])
def test_all_entries_arrive(tmp_path, backbone, prefix):
    path = saved(tmp_path / 'sde.pth', model_of(backbone).backbone, prefix)
    init = dict(type='Pretrained', checkpoint=path, prefix=prefix)
    model = model_of(dict(backbone, init_cfg=init))
    other = {n for n, p in parameters(model).items() if not (p == 0.125).all()}
    assert not other


def test_a_network_adapts_what_has_another_size(tmp_path):
    """A ViT resizes its position embeddings to the images of the new config."""
    path = saved(tmp_path / 'sde.pth', model_of(dict(VIT, img_size=(64, 64))).backbone)
    init = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    found = parameters(model_of(dict(VIT, init_cfg=init)))
    torch.testing.assert_close(
        found['pos_embed'], torch.full_like(found['pos_embed'], 0.125)
    )


@pytest.mark.parametrize('backbone', [VIT, BEIT, dict(type='Deaf')])
def test_a_file_of_another_network_is_refused(tmp_path, backbone):
    path = saved(tmp_path / 'sde.pth', model_of(SWIN).backbone)
    init = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    with pytest.raises(UserError, match=rf'sde\.pth.*0%.*{backbone["type"][-4:]}'):
        model_of(dict(backbone, init_cfg=init))


def test_what_came_by_another_way_is_said(tmp_path):
    path = saved(tmp_path / 'sde.pth', model_of(dict(type='Deaf')).backbone)
    init = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    logger = MMLogger.get_current_instance()
    handler = logging.Handler()
    lines = []
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    try:
        model_of(dict(type='Deaf', init_cfg=init))
    finally:
        logger.removeHandler(handler)
    assert any('Deaf' in line and '2 of 2' in line for line in lines)


def test_a_whole_model_may_be_pretrained(tmp_path):
    path = str(tmp_path / 'model.pth')
    whole = model_of(VIT)
    torch.save(dict(state_dict=whole.state_dict()), path)
    model = model_of(VIT, init_cfg=dict(type='Pretrained', checkpoint=path))
    wanted = whole.state_dict()
    assert all(torch.equal(v, wanted[k]) for k, v in model.state_dict().items())


def filled(model):
    """Tell whether all parameters have the value of `saved`."""
    return all((p == 0.125).all() for p in model.parameters())


def whole(path):
    """A config that fills all of a segmentor from a file."""
    model = build(decode_head=SEG_HEAD)
    state = {k: torch.full_like(v, 0.125) for k, v in model.state_dict().items()}
    torch.save(dict(state_dict=state), path)
    return dict(type='Pretrained', checkpoint=str(path))


def test_the_segmentor_itself_is_pretrained(tmp_path):
    init = whole(tmp_path / 'all.pth')
    assert filled(build(decode_head=SEG_HEAD, init_cfg=init))
    plain = dict(type='DepthSegmentor', backbone=BACKBONE, decode_head=SEG_HEAD)
    assert filled(build_teacher(segmentor=dict(plain, init_cfg=init)))
    assert filled(build_teacher(segmentor=plain, init_cfg=init))


def test_a_student_of_mmsegmentation(tmp_path):
    path = saved(tmp_path / 'sde.pth', model_of(VIT).backbone)
    init = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    student = dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(VIT, init_cfg=init),
        decode_head=HEAD,
        test_cfg=dict(mode='whole'),
    )
    model = build_teacher(segmentor=student)
    assert filled(model.student.backbone) and filled(model.teacher.module.backbone)


def test_the_frozen_encoder(tmp_path):
    path = saved(tmp_path / 'sde.pth', model_of(VIT).backbone)
    init = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    encoder = FrozenEncoder(dict(VIT, init_cfg=init))
    encoder.init_weights()
    assert filled(encoder._network[0])


def test_other_initialisations_beside_it(tmp_path):
    path = saved(tmp_path / 'sde.pth', model_of(VIT).backbone)
    pretrained = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    configs = [dict(type='Constant', layer='Linear', val=0.5), pretrained]
    assert filled(model_of(dict(VIT, init_cfg=configs)).backbone)


def test_entries_below_model(tmp_path):
    """As the authors of Swin and timm store them."""
    state = model_of(SWIN).backbone.state_dict()
    state = {k: torch.full_like(v, 0.125) for k, v in state.items()}
    torch.save(dict(model=state), tmp_path / 'swin.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))
    assert filled(model_of(dict(SWIN, init_cfg=init)).backbone)


MIT = dict(
    type='mmseg.MixVisionTransformer',
    embed_dims=8,
    num_layers=[1, 1, 1, 1],
    num_heads=[1, 2, 4, 8],
)


@pytest.mark.parametrize('backbone', [SWIN, MIT])
def test_a_prefix_that_is_not_there(tmp_path, backbone):
    """The message names the user's file, not the one without the prefix."""
    path = saved(tmp_path / 'sde.pth', model_of(VIT).backbone)
    init = dict(type='Pretrained', checkpoint=path, prefix='encoder.')
    with pytest.raises(UserError, match=r"sde\.pth.*'encoder\.'"):
        build(
            backbone=dict(backbone, init_cfg=init),
            decode_head=dict(HEAD, in_channels=64),
        )


@MODELS.register_module()
class HandsDown(BaseModule):
    """Backbone whose blocks get its init_cfg, as MMPretrain's RepVGG."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.stem = Ready(init_cfg=init_cfg)

    def forward(self, x):
        return self.stem(x)


def test_config_that_is_handed_down_counts_once(tmp_path):
    weights = HandsDown().state_dict()
    torch.save(dict(state_dict=weights), tmp_path / 'w.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'w.pth'))
    model = build(backbone=dict(type='HandsDown', init_cfg=init), decode_head=HEAD)
    found = model.backbone.state_dict()
    assert all(torch.equal(found[name], value) for name, value in weights.items())
    assert model.backbone.stem.init_cfg == init
