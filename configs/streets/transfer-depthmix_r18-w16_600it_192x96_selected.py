# Transfer and DepthMix on frames that tools/select_samples.py chose (see
# select-ds-us_r18-w16_192x96.py): the first n of the list.
_base_ = [
    './ema_r18-w16_600it_192x96_n8.py',
    '../_base_/models/from_sde_streets.py',
]
# see transfer-depthmix_..._n8.py for the margin
model = dict(segmentor=_base_.from_sde, mixing=dict(type='DepthMix', margin=0.005))
train_dataloader = dict(
    dataset=dict(
        shared=dict(
            labeled_subset=dict(
                _delete_=True, ann_file='work_dirs/select_streets/budget_20.txt', n=20
            )
        ),
        sources=dict(mix=_base_.with_depth),
    )
)
