# Today's recipe beside the paper's: a DINOv2 ViT-S, two strong views of one teacher
# pass, the loss over sure pixels alone and complementary dropout (UniMatch V2; Yang et
# al., 2024), with DepthMix in the place of CutMix. It needs
# `pip install mmdepthseg[mmpretrain]`, the weights that MMPretrain lists for
# vit-small-p14_dinov2-pre_3rdparty as checkpoints/dinov2-s.pth, and depth labels (see
# ../_base_/datasets/cityscapes_semi.py; or those of another network, see
# docs/own_video.md). Not run on Cityscapes.
_base_ = [
    '../_base_/datasets/cityscapes_semi.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/seg_40k.py',
]
patch, width = 14, 384
crop_size = (504, 504)  # 36 patches
norm = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='MeanTeacher',
    data_preprocessor=dict(
        type='DepthSegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size_divisor=patch,
    ),
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    segmentor=dict(
        type='DepthSegmentor',
        backbone=dict(
            type='mmpretrain.VisionTransformer',
            arch='dinov2-small',
            patch_size=patch,
            img_size=518,  # that of the weights; other sizes are interpolated
            layer_scale_init_value=1e-5,
            out_indices=(2, 5, 8, 11),
            out_type='featmap',
            init_cfg=dict(
                type='Pretrained',
                checkpoint='checkpoints/dinov2-s.pth',
                prefix='backbone.',
            ),
        ),
        neck=dict(
            type='Feature2Pyramid',
            embed_dim=width,
            rescales=[4, 2, 1, 0.5],
            norm_cfg=norm,
        ),
        decode_head=dict(
            type='UPerHead',
            in_channels=[width] * 4,
            in_index=[0, 1, 2, 3],
            channels=256,
            num_classes=19,
            norm_cfg=norm,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        ),
    ),
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
    ground_truth_mixing=True,
    views=2,
    feature_dropout=dict(type='ComplementaryDropout'),
    loss_pseudo=dict(type='ConfidentPixelLoss', threshold=0.95),
    ema=dict(decay=0.996),
)
cropped = [dict(step) for step in _base_.mix_pipeline]
train_pipeline = [dict(step) for step in _base_.train_pipeline]
for step in (*cropped, *train_pipeline):
    if step['type'] == 'RandomCrop':
        step.update(crop_size=crop_size)
train_dataloader = dict(
    dataset=dict(
        shared=dict(pipeline=train_pipeline),
        sources=dict(mix=dict(_base_.with_depth, pipeline=cropped, subset_mode='mark')),
    )
)
# the encoder at 5e-6, the new parts at 40 times its rate
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=1 / 40)}),
)
# MMEngine's PolyLR ends one step early
end = _base_.iterations + 1
param_scheduler = [dict(type='PolyLR', by_epoch=False, power=0.9, eta_min=0.0, end=end)]
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TeacherStudentTestLoop')
default_hooks = dict(mean_teacher=dict(type='MeanTeacherHook'))
del step, end
