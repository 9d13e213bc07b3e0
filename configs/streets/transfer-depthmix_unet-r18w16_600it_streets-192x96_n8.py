# The full method: encoder and decoder start from self-supervised depth, and the mean
# teacher mixes by the depth labels (tools/generate_depth.py).
_base_ = './classmix_unet-r18w16_600it_streets-192x96_n8.py'
sde = 'work_dirs/sde_unet-r18w16_1200it_streets-192x96/iter_1200.pth'
depth_labels = 'depth_labels'  # below data_root
model = dict(
    segmentor=dict(
        backbone=dict(
            init_cfg=dict(type='Pretrained', checkpoint=sde, prefix='backbone.')),
        decode_head=dict(
            decoder=dict(
                init_cfg=dict(
                    type='Pretrained',
                    checkpoint=sde,
                    prefix='depth_head.decoder.')))),
    # disparities of this model lie around 0.04 to 0.2; the paper's margin of 0.03 is
    # for disparities that fill [0, 1]
    mixing=dict(_delete_=True, type='DepthMix', margin=0.005))
mix_pipeline = [*_base_.train_pipeline]
mix_pipeline.insert(3, dict(type='LoadSDEDisparity'))  # behind the label
labeled, mix = _base_.train_dataloader.dataset.datasets
mix.update(pipeline=mix_pipeline, data_prefix=dict(sde_disparity_path=depth_labels))
train_dataloader = dict(dataset=dict(datasets=[labeled, mix]))
