# Transfer alone, from depth learned on the highway clips (see transfer-depthmix_...).
_base_ = './supervised_r18-w16_600it_256x192_n50.py'
sde = 'work_dirs/sde_r18-w16_1k_udacity-320x160/iter_1000.pth'
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
