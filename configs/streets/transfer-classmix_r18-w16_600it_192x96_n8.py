# Transfer, and ClassMix in the place of DepthMix: no depth labels are needed.
_base_ = './classmix_r18-w16_600it_192x96_n8.py'
sde = 'work_dirs/sde_r18-w16_500it_192x96/iter_500.pth'
model = dict(
    segmentor=dict(
        backbone=dict(
            init_cfg=dict(type='Pretrained', checkpoint=sde, prefix='backbone.')
        ),
        decode_head=dict(
            decoder=dict(
                init_cfg=dict(
                    type='Pretrained', checkpoint=sde, prefix='depth_head.decoder.'
                )
            )
        ),
    )
)
