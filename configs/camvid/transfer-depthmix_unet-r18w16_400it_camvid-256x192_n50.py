# Transfer from depth learned on the highway clips, and DepthMix by its depth labels:
#   python tools/train.py configs/clips/sde_unet-r18w16_1k_udacity-clips-320x160.py
#   python tools/generate_depth.py THIS \
#       work_dirs/sde_unet-r18w16_1k_udacity-clips-320x160/iter_1000.pth \
#       --model-config configs/clips/sde_unet-r18w16_1k_udacity-clips-320x160.py \
#       --out data/camvid_depth_labels
#   python tools/train.py THIS
_base_ = './classmix_unet-r18w16_400it_camvid-256x192_n50.py'
sde = 'work_dirs/sde_unet-r18w16_1k_udacity-clips-320x160/iter_1000.pth'
depth_labels = '../camvid_depth_labels'  # beside data_root
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
mix.update(pipeline=mix_pipeline, sde_disparity_dir=depth_labels)
train_dataloader = dict(dataset=dict(datasets=[labeled, mix]))
# whose images get depth labels
predict_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=_base_.scale),
    dict(type='PackDepthSegInputs')
]
predict_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        type=_base_.dataset_type, data_root=_base_.data_root, split='train'))
