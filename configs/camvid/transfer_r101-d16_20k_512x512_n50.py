# Transfer alone: encoder and decoder start from the self-supervised depth of Cityscapes
# (see transfer-ema_...).
_base_ = './scratch_r101-d16_20k_512x512_n50.py'
sde = 'work_dirs/sde-phase2-fd_r101-d16_50k_512x512/iter_50000.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=sde, prefix='backbone.')),
    decode_head=dict(
        decoder=dict(
            init_cfg=dict(
                type='Pretrained', checkpoint=sde, prefix='depth_head.decoder.'
            )
        )
    ),
)
