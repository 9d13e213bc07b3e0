# DepthMix from ImageNet weights on frames that tools/select_samples.py chose (see
# select-ds-us_lite0_192x96.py): the first n of the list.
_base_ = './ema_lite0_900it_192x96_n8.py'
model = dict(mixing=dict(type='DepthMix', margin=0.03, relative_margin=True))
train_dataloader = dict(
    dataset=dict(
        shared=dict(
            labeled_subset=dict(
                _delete_=True, ann_file='work_dirs/select_streets/budget_30.txt', n=30
            )
        ),
        sources=_base_.mixed_with_depth,
    )
)
