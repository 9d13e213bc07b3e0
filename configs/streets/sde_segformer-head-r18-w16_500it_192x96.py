# A decode head of MMSegmentation (any with one output channel works) instead of the
# depth decoder: disparity at one scale.
_base_ = './sde_r18-w16_500it_192x96.py'
model = dict(
    depth_head=dict(
        _delete_=True,
        type='DecodeDepthHead',
        decode_head=dict(
            type='SegformerHead',
            in_channels=_base_.encoder_channels,
            in_index=[0, 1, 2, 3, 4],
            channels=64,
            dropout_ratio=0.1,
            norm_cfg=_base_.norm_cfg,
            # like disparity_bias of UNetDepthHead
            init_cfg=dict(
                type='Normal', std=0.01, bias=-1.8, override=dict(name='conv_seg')
            ),
        ),
    )
)
