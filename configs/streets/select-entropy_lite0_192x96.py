# Active learning on the streets, with an encoder from ImageNet: images for which a
# segmentation student has the highest entropy. It needs the labels of the images chosen
# before.
#   python tools/select_samples.py THIS --method entropy --budget 8 15 30 \
#       --out work_dirs/select_streets_entropy
_base_ = [
    '../_base_/models/seg_unet_lite0.py',
    '../_base_/datasets/streets_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
train_dataloader = dict(
    dataset=dict(require_labels=True, pipeline=_base_.label_pipeline)
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
selection = dict(
    criterion=dict(type='entropy'), iterations=[(8, 200), (15, 300), (30, 400)]
)
