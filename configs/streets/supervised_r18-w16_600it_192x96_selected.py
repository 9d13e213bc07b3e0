# The supervised baseline on frames that tools/select_samples.py chose (see
# select-ds-us_r18-w16_192x96.py): the first n of the list.
_base_ = './supervised_r18-w16_600it_192x96_n8.py'
train_dataloader = dict(
    dataset=dict(
        labeled_subset=dict(
            _delete_=True, ann_file='work_dirs/select_streets/budget_20.txt', n=20
        )
    )
)
