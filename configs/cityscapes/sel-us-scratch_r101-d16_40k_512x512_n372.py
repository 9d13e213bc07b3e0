# The baseline on labels chosen for depth uncertainty (US):
# table 3. The paper uses the published lists 42, 43, 44 with the seeds 7, 25, 42
# (randomness.seed). For other lists use tools/select_samples.py, see select-ds-us_...
_base_ = './scratch_r101-d16_40k_512x512_n372.py'
train_dataloader = dict(
    dataset=dict(
        labeled_subset=dict(
            _delete_=True,
            ann_file='configs/_base_/splits/cityscapes/us_seed42.txt',
            n=372,
        )
    )
)
