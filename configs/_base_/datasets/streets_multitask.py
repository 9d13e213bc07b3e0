# Labelled and mix frames of the streets with their neighbours in time and cameras,
# 4 + 4 triplets.
_base_ = './streets_semi.py'
triplet_pipeline = [*_base_.train_pipeline]
triplet_pipeline[2:2] = [dict(type='LoadAdjacentFrames'), dict(type='LoadCamera')]
train_dataloader = dict(
    dataset=dict(shared=dict(offsets=(-1, 1), pipeline=triplet_pipeline))
)
