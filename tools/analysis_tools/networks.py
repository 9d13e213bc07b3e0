"""Backbones and heads that `compatibility.py` combines: small ones of each family."""

from collections.abc import Callable
from typing import Any

BN = dict(type='BN', requires_grad=True)
CLASSES = 5
WIDTH = 16
Levels = list[tuple[int, int]]  # channels and stride of each level


def _pyramid(width: int) -> dict:
    """Return the neck that makes four levels of a plain ViT."""
    return dict(
        type='Feature2Pyramid', embed_dim=width, rescales=[4, 2, 1, 0.5], norm_cfg=BN
    )


_plain = dict(
    type='mmseg.VisionTransformer',
    img_size=(64, 128),
    embed_dims=48,
    num_layers=4,
    num_heads=4,
    out_indices=(0, 1, 2, 3),
    final_norm=False,
)
_resnet = dict(depth=18, base_channels=16, stem_channels=16, norm_cfg=BN)

#: Name -> `backbone`, and `neck` where a plain transformer needs one.
BACKBONES: dict[str, dict[str, dict]] = {
    'ResNet (mmdepthseg)': dict(backbone=dict(type='ResNet', **_resnet)),
    'EfficientNetLite (mmdepthseg)': dict(backbone=dict(type='EfficientNetLite')),
    'ResNet': dict(backbone=dict(type='mmseg.ResNet', **_resnet)),
    'ResNetV1c, dilated': dict(
        backbone=dict(
            type='mmseg.ResNetV1c',
            depth=50,
            base_channels=16,
            stem_channels=16,
            norm_cfg=BN,
            dilations=(1, 1, 2, 4),
            strides=(1, 2, 1, 1),
        )
    ),
    'ResNeXt': dict(
        backbone=dict(type='mmseg.ResNeXt', depth=50, groups=8, base_width=4)
    ),
    'MobileNetV2': dict(
        backbone=dict(type='mmseg.MobileNetV2', out_indices=(1, 2, 4, 6))
    ),
    'MobileNetV3': dict(
        backbone=dict(type='mmseg.MobileNetV3', arch='small', out_indices=(0, 1, 12))
    ),
    'HRNet': dict(
        backbone=dict(
            type='mmseg.HRNet',
            extra=dict(
                stage1=dict(
                    num_modules=1,
                    num_branches=1,
                    block='BOTTLENECK',
                    num_blocks=(1,),
                    num_channels=(16,),
                ),
                **{
                    f'stage{n}': dict(
                        num_modules=1,
                        num_branches=n,
                        block='BASIC',
                        num_blocks=(1,) * n,
                        num_channels=tuple(8 * 2**i for i in range(n)),
                    )
                    for n in (2, 3, 4)
                },
            ),
        )
    ),
    'MixVisionTransformer (SegFormer)': dict(
        backbone=dict(type='mmseg.MixVisionTransformer', embed_dims=16)
    ),
    'SwinTransformer': dict(
        backbone=dict(type='mmseg.SwinTransformer', embed_dims=24, depths=(1, 1, 2, 1))
    ),
    'Twins SVT': dict(
        backbone=dict(
            type='mmseg.SVT',
            embed_dims=[16, 32, 64, 128],
            num_heads=[1, 2, 4, 8],
            mlp_ratios=[4, 4, 4, 4],
            depths=[1, 1, 2, 1],
            windiow_sizes=[7, 7, 7, 7],
            sr_ratios=[8, 4, 2, 1],
            norm_after_stage=True,
        )
    ),
    'MSCAN (SegNeXt)': dict(
        backbone=dict(
            type='mmseg.MSCAN',
            embed_dims=[16, 32, 64, 128],
            depths=[1, 1, 1, 1],
            norm_cfg=BN,
        )
    ),
    'VisionTransformer': dict(backbone=dict(_plain, out_indices=-1)),
    'VisionTransformer, pyramid neck': dict(backbone=_plain, neck=_pyramid(48)),
    'BEiT, pyramid neck': dict(
        backbone=dict(
            type='mmseg.BEiT',
            img_size=(64, 128),
            embed_dims=48,
            num_layers=4,
            num_heads=4,
            out_indices=(0, 1, 2, 3),
        ),
        neck=_pyramid(48),
    ),
    'STDC': dict(
        backbone=dict(
            type='mmseg.STDCNet',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(8, 16, 32, 64, 128),
            bottleneck_type='cat',
            num_convs=4,
            norm_cfg=BN,
            act_cfg=dict(type='ReLU'),
        )
    ),
    'DDRNet': dict(
        backbone=dict(type='mmseg.DDRNet', channels=8, ppm_channels=8, norm_cfg=BN)
    ),
    'PIDNet': dict(
        backbone=dict(type='mmseg.PIDNet', channels=8, ppm_channels=8, norm_cfg=BN)
    ),
    'ConvNeXt (mmpretrain)': dict(
        backbone=dict(
            type='mmpretrain.ConvNeXt',
            arch=dict(depths=[1, 1, 2, 1], channels=[16, 32, 64, 128]),
            out_indices=(0, 1, 2, 3),
            gap_before_final_norm=False,
        )
    ),
    'EfficientNet (mmpretrain)': dict(
        backbone=dict(
            type='mmpretrain.EfficientNet', arch='b0', out_indices=(1, 2, 3, 4, 6)
        )
    ),
    'RepVGG (mmpretrain)': dict(
        backbone=dict(
            type='mmpretrain.RepVGG',
            arch=dict(
                num_blocks=[1, 1, 1, 1],
                width_factor=[0.25, 0.25, 0.25, 0.25],
                group_layer_map=None,
                se_cfg=None,
            ),
            out_indices=(0, 1, 2, 3),
        )
    ),
    'DINOv2 (mmpretrain), pyramid neck': dict(
        backbone=dict(
            type='mmpretrain.VisionTransformer',
            arch=dict(
                embed_dims=48, num_layers=4, num_heads=4, feedforward_channels=96
            ),
            patch_size=14,
            img_size=(70, 140),
            layer_scale_init_value=1e-5,
            out_indices=(0, 1, 2, 3),
            out_type='featmap',
        ),
        neck=_pyramid(48),
    ),
    'MobileNetV3 (timm)': dict(
        backbone=dict(
            type='mmpretrain.TIMMBackbone',
            model_name='mobilenetv3_small_100',
            features_only=True,
        )
    ),
    'ResNet (timm)': dict(
        backbone=dict(
            type='mmseg.TIMMBackbone',
            model_name='resnet10t',
            features_only=True,
            pretrained=False,
        )
    ),
}


def _common(levels: Levels, **more: Any) -> dict:
    """Return the options of a head on the deepest level."""
    return {
        **dict(in_channels=levels[-1][0], in_index=len(levels) - 1, channels=WIDTH),
        **dict(num_classes=CLASSES, norm_cfg=BN, align_corners=False),
        **more,
    }


def _several(levels: Levels, **more: Any) -> dict:
    """Return the options of a head on the last four levels."""
    last = list(range(len(levels)))[-4:]
    chosen = dict(in_channels=[levels[i][0] for i in last], in_index=last)
    return _common(levels, **{**chosen, **more})


def _simple(name: str, **more: Any) -> Callable[[Levels], dict]:
    return lambda levels: _common(levels, type=name, **more)


def _fcn(levels: Levels) -> dict:
    return _common(levels, type='FCNHead', num_convs=1, concat_input=False)


def unet_decoder(levels: Levels) -> dict:
    """Return the config of the decoder of depth and labels."""
    return dict(
        type='UNetDecoder',
        in_channels=[channels for channels, _ in levels],
        channels=[WIDTH] * 5,
        aspp_rates=[1, 2],
    )


def _knet(levels: Levels) -> dict:
    act = dict(type='ReLU', inplace=True)
    width = dict(in_channels=WIDTH, out_channels=WIDTH)
    update = dict(
        type='KernelUpdateHead',
        num_classes=CLASSES,
        num_ffn_fcs=2,
        num_heads=2,
        num_mask_fcs=1,
        feedforward_channels=2 * WIDTH,
        dropout=0.0,
        conv_kernel_size=1,
        ffn_act_cfg=act,
        with_ffn=True,
        feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
        kernel_updator_cfg=dict(
            type='KernelUpdator',
            feat_channels=WIDTH,
            act_cfg=act,
            norm_cfg=dict(type='LN'),
            **width,
        ),
        **width,
    )
    return dict(
        type='IterativeDecodeHead',
        num_stages=2,
        kernel_update_head=[update, update],
        kernel_generate_head=_fcn(levels),
    )


_se = dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)
_ohem = dict(type='OhemCrossEntropy', thres=0.9, min_kept=100)

#: Name -> config of the head for levels; a list of two is a cascade.
HEADS: dict[str, Callable[[Levels], Any]] = {
    'UNetSegHead (mmdepthseg)': lambda levels: dict(
        type='UNetSegHead',
        in_channels=[channels for channels, _ in levels],
        decoder=unet_decoder(levels),
        channels=WIDTH,
        num_classes=CLASSES,
    ),
    'FCN': _fcn,
    'PSP': _simple('PSPHead', pool_scales=(1, 2)),
    'ASPP': _simple('ASPPHead', dilations=(1, 2)),
    'DepthwiseSeparableASPP (DeepLabV3+)': lambda levels: _common(
        levels,
        type='DepthwiseSeparableASPPHead',
        dilations=(1, 2),
        c1_in_channels=levels[0][0],
        c1_channels=8,
    ),
    'UPer': lambda levels: _several(levels, type='UPerHead', pool_scales=(1, 2)),
    'FPN': lambda levels: dict(
        _several(levels, type='FPNHead'),
        feature_strides=[4 * 2**i for i in range(min(4, len(levels)))],
        in_channels=[levels[i][0] for i in range(len(levels))][-4:],
    ),
    'Segformer': lambda levels: _several(levels, type='SegformerHead'),
    'DA': _simple('DAHead', pam_channels=8),
    'Enc': lambda levels: _common(
        levels,
        type='EncHead',
        in_channels=[levels[-1][0]],
        in_index=[len(levels) - 1],
        num_codes=4,
        add_lateral=False,
        use_se_loss=True,
        loss_se_decode=_se,
    ),
    'K-Net': _knet,
    'NL': _simple('NLHead', reduction=2, use_scale=True, mode='dot_product'),
    'GC': _simple(
        'GCHead', ratio=0.25, pooling_type='att', fusion_types=('channel_add',)
    ),
    'ISA': _simple('ISAHead', isa_channels=8, down_factor=(2, 2)),
    'EMA': _simple('EMAHead', ema_channels=WIDTH, num_bases=4, num_stages=2),
    'DM': _simple('DMHead', filter_sizes=(1, 3)),
    'LightHam (SegNeXt)': lambda levels: _several(
        levels,
        type='LightHamHead',
        ham_channels=WIDTH,
        ham_kwargs=dict(MD_R=4),
        norm_cfg=dict(type='GN', num_groups=4),
    ),
    'OCR, a cascade': lambda levels: [
        _fcn(levels),
        _common(levels, type='OCRHead', ocr_channels=8),
    ],
    'PointRend, a cascade': lambda levels: [
        _fcn(levels),
        _several(
            levels,
            type='PointHead',
            in_channels=[levels[0][0]],
            in_index=[0],
            num_fcs=1,
            coarse_pred_each_layer=True,
        ),
    ],
    'DDR': _simple('DDRHead', in_channels=32, in_index=-1, loss_decode=[_ohem, _ohem]),
    'PID': _simple(
        'PIDHead',
        in_channels=32,
        in_index=-1,
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_weight=0.4),
            _ohem,
            dict(type='BoundaryLoss'),
            _ohem,
        ],
    ),
}
#: Heads and the only backbones that they are for; a pair of each.
PAIRS = {'DDR': 'DDRNet', 'PID': 'PIDNet'}
