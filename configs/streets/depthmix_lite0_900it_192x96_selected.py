# DepthMix from ImageNet weights on frames that tools/select_samples.py chose (see
# select-ds-us_lite0_192x96.py): the first n of the list.
_base_ = './depthmix_lite0_900it_192x96_n8.py'
train_dataloader = dict(
    dataset=dict(
        shared=dict(
            labeled_subset=dict(
                _delete_=True, ann_file='work_dirs/select_streets/budget_30.txt', n=30
            )
        )
    )
)
