# Labelled and mix images with their neighbours in time and cameras, 2 + 2 triplets. Mix
# images are all training images; those of the labelled subset carry their labels.
_base_ = './cityscapes_semi.py'
# camera files without an image size belong to the full-size image
camera_size = (1024, 2048)
# of frames without a camera file (Cityscapes' own, for full-size images)
default_camera = dict(
    K=[[2262.52, 0, 1096.98], [0, 2265.30, 513.137], [0, 0, 1]],
    width=2048,
    height=1024,
)
triplet_pipeline = [
    _base_.seeded,
    _base_.load_train_image,
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    _base_.load_label,
    *_base_.augment,
    _base_.pack,
]
train_dataloader = dict(
    dataset=dict(
        shared=dict(
            offsets=(-1, 1),
            camera_size=camera_size,
            default_camera=default_camera,
            pipeline=triplet_pipeline,
        ),
        sources=dict(mix=dict(subset_mode='mark')),
    )
)
