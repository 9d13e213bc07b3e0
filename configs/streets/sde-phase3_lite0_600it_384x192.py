# Phase 3: the networks, too, see 384x192, from the weights of phase 2.
#   python tools/train.py configs/streets/sde-phase2-fd_lite0_900it_192x96.py
#   python tools/train.py THIS
_base_ = ['./sde_lite0_500it_192x96.py', '../_base_/models/phase2_lite0.py']
load_from = 'work_dirs/sde-phase2-fd_lite0_900it_192x96/iter_900.pth'
model = _base_.phase2
test_pipeline, predict_pipeline, pose_pipeline = (
    [
        dict(step, scale=(384, 192)) if step['type'] == 'Resize' else dict(step)
        for step in pipeline
    ]
    for pipeline in (
        _base_.test_pipeline,
        _base_.predict_pipeline,
        _base_.pose_pipeline,
    )
)
tta_transforms = [[dict(type='Resize', scale=(384, 192))], *_base_.mirrored_stereo]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=tta_transforms),
]
train_dataloader = dict(dataset=dict(pipeline=_base_.fine_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
pose_dataloader = dict(dataset=dict(pipeline=pose_pipeline))
iterations = 600
optim_wrapper = dict(optimizer=dict(lr=3e-4), paramwise_cfg=_base_.phase2_encoders)
train_cfg = dict(max_iters=iterations, val_interval=iterations // 6)
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
