# The segmentation counterpart of sde_unet_lite0.py: the same encoder from ImageNet, and
# a decoder like the depth decoder, so both can start from an SDE checkpoint.
_base_ = './sde_unet_lite0.py'
# without colour jitter no second copy of the images is needed
preprocessor = dict(
    type='DepthSegDataPreProcessor',
    mean=_base_.data_preprocessor.mean,
    std=_base_.data_preprocessor.std,
    bgr_to_rgb=True,
)
data_preprocessor = dict(_delete_=True, **preprocessor)
decode_head = dict(
    type='UNetSegHead',
    in_channels=_base_.encoder_channels,
    decoder=_base_.depth_head.decoder,
    channels=32,
    # stride 2
    levels=(8,),
    num_classes=19,
    norm_cfg=_base_.norm_cfg,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)
model = dict(
    _delete_=True,
    type='DepthSegmentor',
    data_preprocessor=preprocessor,
    backbone=_base_.backbone,
    decode_head=decode_head,
    test_cfg=dict(mode='whole'),
)
