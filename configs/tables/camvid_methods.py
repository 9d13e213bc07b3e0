# How transfer and mixing contribute on CamVid. Depth comes from two
# highway clips of another camera (data/video, see configs/clips).
#   python tools/run_experiments.py THIS --jobs 2
title = 'CamVid val (101 images) at 256x192, 600 iterations'
seeds = [7, 25, 42]
label_counts = [50, 100]
baseline = 'supervised'
sde = 'configs/clips/sde_r18-w16_1k_udacity-320x160.py'
semi = 'configs/camvid/{}_r18-w16_600it_256x192_n50.py'
# depth labels of CamVid's training images, from the depth network of the clips
labels = dict(
    name='depth_labels',
    depth_labels=semi.format('transfer-depthmix'),
    model_config=sde,
    checkpoint='{sde}',
)
prerequisites = [dict(name='sde', train=sde), labels]
from_sde = {
    'model.segmentor.backbone.init_cfg.checkpoint': '{sde}',
    'model.segmentor.decode_head.decoder.init_cfg.checkpoint': '{sde}',
}
labels_for_mixing = {
    'train_dataloader.dataset.sources.mix.sde_disparity_dir': '{depth_labels}'
}
methods = [
    dict(
        name='supervised',
        title='labelled images only',
        config=semi.format('supervised'),
    ),
    dict(name='ema', title='mean teacher, no mixing', config=semi.format('ema')),
    dict(
        name='classmix', title='mean teacher + ClassMix', config=semi.format('classmix')
    ),
    dict(
        name='depthmix',
        title='mean teacher + DepthMix',
        config=semi.format('depthmix'),
        options=labels_for_mixing,
    ),
    dict(
        name='transfer',
        title='transfer from SDE, labelled images only',
        config=semi.format('transfer'),
        options={
            'model.backbone.init_cfg.checkpoint': '{sde}',
            'model.decode_head.decoder.init_cfg.checkpoint': '{sde}',
        },
    ),
    dict(
        name='transfer-classmix',
        title='transfer + ClassMix',
        config=semi.format('transfer-classmix'),
        options=from_sde,
    ),
    dict(
        name='transfer-depthmix',
        title='transfer + DepthMix',
        config=semi.format('transfer-depthmix'),
        options=dict(from_sde, **labels_for_mixing),
    ),
]
