# Phase 2: everything learns, and the encoder is kept near its ImageNet features. The
# weight is for 4 images per GPU; for other batch sizes see FeatureDistanceLoss.
_base_ = './sde-phase2_r101-d16_50k_512x512.py'
model = dict(
    loss_feature=dict(
        type='FeatureDistanceLoss',
        encoder=_base_.backbone,
        loss_weight=1e-2,
        reduction='batch',
    )
)
