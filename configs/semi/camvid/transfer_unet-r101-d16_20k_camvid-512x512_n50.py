# Transfer alone: encoder and decoder start from the self-supervised depth of Cityscapes
# (see transfer-ema_...).
_base_ = './scratch_unet-r101-d16_20k_camvid-512x512_n50.py'
sde = 'work_dirs/sde_phase2-fd_unet-r101-d16_50k_cityscapes-512x512/iter_50000.pth'
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
