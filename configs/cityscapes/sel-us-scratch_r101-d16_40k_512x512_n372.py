# The baseline on labels chosen for depth uncertainty (US):
# table 3. Published lists are 42, 43, 44, in the paper for the seeds 7, 25, 42
# (randomness.seed); tools/select_samples.py makes others, see select-ds-us_...
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
