# The paper's network and its mean teacher, without mixing and without labels on mix
# images. All other settings are MeanTeacher's defaults, which are the paper's: EMA
# factor up to 0.99, confidence 0.968, colour jitter and blur of mixed images.
#
# To use a teacher in training mode, as the authors' code does:
# +model.ema="{'train_mode': True, 'buffers': 'own'}"
_base_ = './seg_unet_r101-d16.py'
model = dict(
    _delete_=True,
    type='MeanTeacher',
    data_preprocessor=_base_.seg_input,
    # only for MMSegmentation's get_flops.py
    decode_head=dict(type='NoHead'),
    segmentor=dict(
        type='DepthSegmentor',
        backbone=_base_.backbone,
        decode_head=_base_.decode_head,
        test_cfg=_base_.model.test_cfg,
    ),
    mixing=dict(type='NoMix'),
    ground_truth_mixing=False,
)
