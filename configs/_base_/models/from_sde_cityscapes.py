# Transfer from depth on Cityscapes: the start of encoder and decoder of a segmentation
# network (`model`, or `model.segmentor` of a mean teacher).
# without feature distance: work_dirs/sde-phase2_...; or the authors' weights, converted
# by tools/model_converters/authors.py
sde = 'work_dirs/sde-phase2-fd_r101-d16_50k_512x512/iter_50000.pth'
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
