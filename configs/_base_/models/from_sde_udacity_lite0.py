# Transfer from depth on two highway clips with an encoder from ImageNet: the start of
# encoder and decoder of a segmentation network (`model`, or `model.segmentor` of a mean
# teacher).
sde = 'work_dirs/sde_lite0_1k_udacity-320x160/iter_1000.pth'
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
