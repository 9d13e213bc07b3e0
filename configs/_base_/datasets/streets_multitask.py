# Labelled and mix frames of the streets with their neighbours in time and cameras,
# 4 + 4 triplets.
_base_ = './streets_semi.py'
triplet_pipeline = [
    _base_.seeded,
    _base_.load_image,
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    _base_.load_label,
    *_base_.augment,
    _base_.pack,
]
train_dataloader = dict(
    dataset=dict(shared=dict(offsets=(-1, 1), pipeline=triplet_pipeline))
)
