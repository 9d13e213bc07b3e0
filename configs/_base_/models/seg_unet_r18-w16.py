# The segmentation counterpart of sde_unet_r18-w16.py: the same encoder, and a decoder
# like the depth decoder, so both can start from an SDE checkpoint.
_base_ = './sde_unet_r18-w16.py'
# without colour jitter no second copy of the images is needed
seg_input = dict(
    type='DepthSegDataPreProcessor',
    mean=_base_.sde_input.mean,
    std=_base_.sde_input.std,
    bgr_to_rgb=True,
)
decode_head = dict(
    type='UNetSegHead',
    in_channels=_base_.encoder_channels,
    decoder=_base_.depth_head.decoder,
    channels=32,
    # stride 2 is a third faster than full resolution (9) and as good with few labels
    levels=(8,),
    num_classes=19,
    norm_cfg=_base_.norm_cfg,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)
model = dict(
    _delete_=True,
    type='DepthSegmentor',
    data_preprocessor=seg_input,
    backbone=_base_.backbone,
    decode_head=decode_head,
    test_cfg=dict(mode='whole'),
)
