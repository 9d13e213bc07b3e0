# Mean teacher with DepthMix; mix images are all training images, the labelled ones with
# their ground truth. Depth is used for mixing only.
_base_ = './scratch-ema_r101-d16_40k_512x512_n372.py'
# The paper's 3 %, of the range that the disparities have: depth labels are not
# stretched to [0, 1] in each image, so they can be compared across images.
model = dict(
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
    ground_truth_mixing=True,
)
train_dataloader = dict(
    dataset=dict(sources=dict(mix=dict(_base_.with_depth, subset_mode='mark')))
)
