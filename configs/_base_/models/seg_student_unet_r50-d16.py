# The segmentation student of exp. 211 (3W, section 3.5), for active learning by
# entropy: encoder and decoder of the depth student, tapped at level 8, half resolution.
_base_ = './depth_student_unet_r50-d16.py'
model = dict(
    depth_head=None,
    decode_head=dict(
        type='UNetSegHead',
        in_channels=_base_.encoder_channels,
        decoder=_base_.decoder,
        levels=[8],
        inter_channels=64,
        dropout_ratio=0.0,  # as in the authors' code; MMSeg's default is 0.1
        num_classes=19,
        norm_cfg=_base_.norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
