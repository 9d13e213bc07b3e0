# Transfer and DepthMix on labels chosen for diversity and depth uncertainty. The
# paper uses the published lists 42, 43, 44 with the seeds 7, 25, 42 (randomness.seed).
_base_ = [
    './scratch-ema_r101-d16_40k_512x512_n372.py',
    '../_base_/models/from_sde_cityscapes.py',
]
# see scratch-depthmix-gt_...
model = dict(
    segmentor=_base_.from_sde,
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
    ground_truth_mixing=True,
)
train_dataloader = dict(
    dataset=dict(
        shared=dict(
            labeled_subset=dict(
                _delete_=True,
                ann_file='configs/_base_/splits/cityscapes/ds_us_seed42.txt',
                n=372,
            )
        ),
        sources=dict(mix=dict(_base_.with_depth, subset_mode='mark')),
    )
)
