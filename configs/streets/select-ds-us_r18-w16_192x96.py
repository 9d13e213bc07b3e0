# Which images of the streets to label, by depth: a small version of exp. 211. Teacher:
# sde_r18-w16_500it_192x96.py, trained.
#   python tools/select_samples.py THIS SDE_CHECKPOINT --method ds_us --budget 5 10 20 \
#       --out work_dirs/select_streets
_base_ = [
    '../_base_/models/depth_student_unet_r18-w16.py',
    '../_base_/datasets/streets_select.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/student.py',
]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
selection = dict(
    teacher='sde_r18-w16_500it_192x96.py',
    iterations=[(5, 200), (10, 300), (20, 400)],
)
