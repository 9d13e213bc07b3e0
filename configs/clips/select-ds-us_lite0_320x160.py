# Which frames of your own video to label. Teacher: the depth network with an encoder
# from ImageNet, configs/clips/sde_lite0_1k_320x160.py; the students are small ResNets.
#   python tools/select_samples.py THIS SDE_CHECKPOINT --method ds_us --budget 25 50 \
#       --out work_dirs/select_clips
_base_ = './select-ds-us_r18-w16_320x160.py'
selection = dict(teacher='sde_lite0_1k_320x160.py')
