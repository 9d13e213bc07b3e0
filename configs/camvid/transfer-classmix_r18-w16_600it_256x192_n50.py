# Transfer from depth learned on the highway clips (see transfer-depthmix_...), and
# ClassMix: no depth labels are needed.
_base_ = './classmix_r18-w16_600it_256x192_n50.py'
sde = 'work_dirs/sde_r18-w16_1k_udacity-320x160/iter_1000.pth'
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
