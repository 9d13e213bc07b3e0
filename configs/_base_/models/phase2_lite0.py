# After the first phase of depth from ImageNet weights: everything learns, and the
# encoder is kept near its features of ImageNet.
phase2 = dict(
    backbone=dict(frozen_stages=-1, norm_eval=True),
    # at the start the encoder's distance grows until it costs about as much as pixels
    loss_feature=dict(
        type='FeatureDistanceLoss',
        encoder=dict(
            type='EfficientNetLite',
            init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet-lite0'),
        ),
        loss_weight=5e-4,
        reduction='batch',
    ),
)
# that of the pose net, too
phase2_encoders = dict(custom_keys={'backbone.': dict(lr_mult=0.2)})
