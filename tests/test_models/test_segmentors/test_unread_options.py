"""Options that nothing would read, or that others overwrite, are refused by name."""

import pytest
from helpers.tiny_models import (
    BACKBONE,
    CHANNELS,
    DECODER,
    DEPTH_HEAD,
    MULTI_TASK,
    POSE_NET,
    PREPROCESSOR,
    SEG_HEAD,
    build,
    build_multi_task_teacher,
    build_teacher,
)

from mmdepthseg.utils.errors import UserError

FCN = dict(type='FCNHead', in_channels=CHANNELS[-1], in_index=4, channels=8)
REFINEMENT = dict(type='DirectPoseRefinement')
SYNTHESIS = dict(type='ViewSynthesisLoss')
LEAKY = dict(type='LeakyReLU')


def depth(**options):
    return dict(depth_head=dict(DEPTH_HEAD, **options))


def seg(**options):
    return dict(decode_head=dict(SEG_HEAD, **options))


def side(weight=0.5, **options):
    options = dict(type='PADDistillation', side_weight=weight, side_head=options)
    return dict(MULTI_TASK, distillation=options)


def one_channel(**options):
    return dict(
        depth_head=dict(type='DecodeDepthHead', decode_head=dict(FCN, **options))
    )


@pytest.mark.parametrize(
    ('parts', 'named'),
    [
        (depth(loss_depth=dict(SYNTHESIS, min_depth=1.0)), 'loss_depth.*min_depth=1.0'),
        (depth(loss_depth=dict(SYNTHESIS, max_depth=9)), 'loss_depth.*max_depth=9'),
        (depth(valid_height=0.5), 'valid_height=0.5.*loss_disparity'),
        (dict(depth(), pose_refinement=REFINEMENT), 'pose_refinement.*pose_net'),
        (dict(depth(), auxiliary_head=FCN), 'auxiliary_head.*decode_head'),
        (one_channel(num_classes=7), 'decode_head.*num_classes=7'),
        (one_channel(out_channels=7), 'decode_head.*out_channels=7'),
        (seg(act_cfg=LEAKY), 'act_cfg.*inter_channels'),
        (seg(conv_cfg=dict(type='Conv2d')), 'conv_cfg.*inter_channels'),
        (seg(channels=None, project_act_cfg=LEAKY), 'project_act_cfg.*channels=None'),
        (seg(levels=(7,), decoder=dict(DECODER, with_cp=True)), 'with_cp.*last_step=2'),
        (side(in_channels=99), 'side_head.*in_channels=99'),
        (side(in_index=3), 'side_head.*in_index=3'),
        (side(weight=0, channels=8), 'side_weight=0.*side_head'),
    ],
)
def test_of_a_segmentor(parts, named):
    with pytest.raises(UserError, match=named):
        build(**parts)


def test_of_a_mean_teacher():
    with pytest.raises(UserError, match='segmentor.data_preprocessor'):
        build_multi_task_teacher(
            parts=dict(data_preprocessor=dict(PREPROCESSOR, std=1))
        )
    with pytest.raises(UserError, match="ema.exclude.*'pose_nett'.*'pose_net'"):
        build_multi_task_teacher(ema=dict(exclude=['pose_nett']))
    for exclude in (['decode_head'], ['depth_head'], 'pose_net'):
        with pytest.raises(UserError, match=r'ema\.exclude'):
            build_multi_task_teacher(ema=dict(exclude=exclude))
    for options, named in (
        (dict(pseudo_weight=-1.0), 'pseudo_weight.*-1'),
        (dict(views=2, feature_dropout=dict(type='torch.nn.Dropout')), 'feature_drop'),
    ):
        with pytest.raises(UserError, match=named):
            build_teacher(**options)


def test_one_channel_for_two_classes():
    head = dict(SEG_HEAD, num_classes=2, out_channels=1, threshold=0.5)
    head['loss_decode'] = dict(type='CrossEntropyLoss', use_sigmoid=True)
    inner = dict(type='DepthSegmentor', backbone=BACKBONE, decode_head=head)
    with pytest.raises(UserError, match='out_channels'):
        build_teacher(segmentor=inner)


def test_what_says_the_same_is_accepted():
    build(**depth(min_depth=1, loss_depth=dict(SYNTHESIS, min_depth=1.0)))
    build(**depth(loss_disparity=dict(type='BerHuLoss'), valid_height=0.5))
    build(**depth(), pose_net=POSE_NET, pose_refinement=REFINEMENT)
    build(**one_channel(num_classes=2, out_channels=1))
    build(**seg(levels=(8,), decoder=dict(DECODER, with_cp=True)))
    inner = dict(type='DepthSegmentor', backbone=BACKBONE, decode_head=SEG_HEAD)
    inner['data_preprocessor'] = PREPROCESSOR
    build_teacher(segmentor=inner, ema=dict(exclude=['pose_net', 'pose_refinement']))


def test_the_block_before_the_classifier_takes_its_options():
    options = dict(type='LeakyReLU', negative_slope=0.3)
    head = build(**seg(inter_channels=8, act_cfg=options)).decode_head
    assert head.inter.activate.negative_slope == 0.3
    head = build(**seg(inter_channels=8)).decode_head
    assert type(head.inter.activate).__name__ == 'ReLU'
