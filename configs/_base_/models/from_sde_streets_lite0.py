# Transfer from depth learned on the streets with an encoder from ImageNet: the start of
# encoder and decoder of a segmentation network (`model`, or `model.segmentor` of a mean
# teacher).
sde = 'work_dirs/sde_lite0_500it_192x96/iter_500.pth'
from_sde = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=sde, prefix='backbone.')),
    decode_head=dict(
        decoder=dict(
            init_cfg=dict(
                type='Pretrained', checkpoint=sde, prefix='depth_head.decoder.'
            )
        )
    ),
)
