# Transfer from self-supervised depth, and the mean teacher without mixing.
_base_ = './scratch-ema_r101-d16_40k_512x512_n372.py'
# without feature distance: work_dirs/sde-phase2_...; or a checkpoint that
# tools/model_converters/authors.py makes of the authors' weights
sde = 'work_dirs/sde-phase2-fd_r101-d16_50k_512x512/iter_50000.pth'
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
