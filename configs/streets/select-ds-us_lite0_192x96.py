# Which images of the streets to label, by depth, with an encoder from ImageNet. Its
# teacher is sde_lite0_500it_192x96.py, trained.
#   python tools/select_samples.py THIS SDE_CHECKPOINT --method ds_us --budget 8 15 30 \
#       --out work_dirs/select_streets
_base_ = [
    '../_base_/models/depth_student_unet_lite0.py',
    '../_base_/datasets/streets_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
selection = dict(
    teacher='sde_lite0_500it_192x96.py', iterations=[(8, 200), (15, 300), (30, 400)]
)
