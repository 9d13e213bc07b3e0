# Phase 2: everything learns, and the encoder is kept near its ImageNet features. The
# weight is for 4 images per GPU; for other batch sizes see FeatureDistanceLoss.
_base_ = '../_base_/schedules/sde_phase2_cityscapes.py'
model = dict(
    loss_feature=dict(
        type='FeatureDistanceLoss',
        encoder=_base_.backbone,
        loss_weight=1e-2,
        reduction='batch',
    )
)
