# Mean teacher with DepthMix; mix images are all training images, the labelled ones with
# their ground truth. Depth is used for mixing only.
#
# CamVid's frames have no neighbours to learn depth from. The depth labels come from the
# Cityscapes depth network (for SDE.py and SDE.pth see transfer-ema_...):
#   python tools/generate_depth.py THIS SDE.pth --model-config SDE.py \
#       --out data/camvid_depth_labels_672x512
_base_ = './scratch-ema_r101-d16_20k_512x512_n50.py'
# 3 % of the disparities' range, as on Cityscapes
model = dict(
    mixing=dict(type='DepthMix', margin=0.03, relative_margin=True),
    ground_truth_mixing=True,
)
train_dataloader = dict(
    dataset=dict(sources=dict(mix=dict(_base_.with_depth, subset_mode='mark')))
)
