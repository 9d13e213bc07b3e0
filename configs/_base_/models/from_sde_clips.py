# Transfer from depth on own clips: the start of encoder and decoder of a segmentation
# network (`model`, or `model.segmentor` of a mean teacher).
sde = 'work_dirs/sde/iter_1000.pth'
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
