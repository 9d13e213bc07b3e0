# Which training images of CamVid to label, by depth. Teacher: the depth network of two
# highway clips (CamVid's training images have no neighbouring frames),
# configs/clips/sde_r18-w16_1k_udacity-320x160.py, trained.
#   python tools/select_samples.py THIS SDE_CHECKPOINT --method ds_us --budget 25 50 \
#       --out work_dirs/select_camvid
_base_ = [
    '../_base_/models/depth_student_unet_r18-w16.py',
    '../_base_/datasets/clips_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
scale = (256, 192)
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='PackDepthSegInputs'),
]
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale),
    dict(type='LoadSDEDisparity', stretch=True),
    dict(type='RandomCrop', crop_size=(192, 192)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDepthSegInputs'),
]
pool = dict(_delete_=True, type='CamVidDataset', data_root='data/camvid', split='train')
predict_dataloader = dict(dataset=pool)
train_dataloader = dict(dataset=dict(pool, pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
selection = dict(
    teacher='../clips/sde_r18-w16_1k_udacity-320x160.py',
    iterations=[(25, 500), (100, 1000), (400, 1500)],
)
