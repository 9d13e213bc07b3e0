# The paper's network for transfer (exp. 210; 3W, section 3.2): the encoder of
# sde_unet_r101-d16.py and a segmentation decoder of the same form as its depth decoder,
# with a linear classifier on the full-resolution features.
_base_ = './sde_unet_r101-d16.py'
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
    levels=(9,),
    channels=64,
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
