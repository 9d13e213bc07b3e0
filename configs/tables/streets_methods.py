# What each part of the method adds on the streets, with 8 and with 20 of 70 labels: 42
# trainings of 600 iterations, and one of self-supervised depth.
#   python tools/run_experiments.py THIS --jobs 2
title = 'Streets at 192x96, 600 iterations'
seeds = [7, 25, 42]
label_counts = [8, 20]
baseline = 'supervised'
sde = 'configs/streets/sde_r18-w16_500it_192x96.py'
prerequisites = [
    dict(
        name='streets',
        command='tools/dataset_converters/streets.py --out data/streets',
        outputs=['data/streets/streets.json'],
    ),
    dict(name='sde', train=sde, needs=['streets']),
    dict(name='depth_labels', depth_labels=sde, checkpoint='{sde}'),
]
semi = 'configs/streets/{}_r18-w16_600it_192x96_n8.py'
from_sde = {
    'model.segmentor.backbone.init_cfg.checkpoint': '{sde}',
    'model.segmentor.decode_head.decoder.init_cfg.checkpoint': '{sde}',
}
mix = 'train_dataloader.dataset.sources.mix'
labels_for_mixing = {f'{mix}.data_prefix.sde_disparity_path': '{depth_labels}'}
methods = [
    dict(
        name='supervised',
        title='labelled frames only',
        config=semi.format('supervised'),
        needs=['streets'],
    ),
    dict(
        name='ema',
        title='mean teacher, no mixing',
        config=semi.format('ema'),
        needs=['streets'],
    ),
    dict(
        name='classmix',
        title='mean teacher + ClassMix',
        config=semi.format('classmix'),
        needs=['streets'],
    ),
    dict(
        name='depthmix',
        title='mean teacher + DepthMix',
        config=semi.format('depthmix'),
        options=labels_for_mixing,
    ),
    dict(
        name='transfer',
        title='transfer from SDE, labelled frames only',
        config=semi.format('transfer'),
        options={
            'model.backbone.init_cfg.checkpoint': '{sde}',
            'model.decode_head.decoder.init_cfg.checkpoint': '{sde}',
        },
    ),
    dict(
        name='transfer-depthmix',
        title='transfer + DepthMix',
        config=semi.format('transfer-depthmix'),
        options=dict(from_sde, **labels_for_mixing),
    ),
    dict(
        name='multitask',
        title='transfer + DepthMix + multi-task learning',
        config=semi.format('multitask'),
        options={
            **from_sde,
            'model.segmentor.depth_head.init_cfg.checkpoint': '{sde}',
            'model.segmentor.pose_net.init_cfg.checkpoint': '{sde}',
        },
    ),
]
