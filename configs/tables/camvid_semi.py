# The paper's methods on CamVid at its setting, with depth learned on Cityscapes: one
# seed of all is 30 trainings of 20,000 iterations. --given sde=CHECKPOINT spares the
# two phases of self-supervised depth (a checkpoint that cityscapes_semi.py left in its
# work_dir, or that tools/model_converters/authors.py makes of a depth training).
#   python tools/run_experiments.py THIS --gpus 0 1 2 3
_base_ = './cityscapes_semi.py'
title = 'CamVid val, single scale'
label_counts = [50, 100, 367]
# the lists end at 100, and with 367 labels no image is left without
fewer = [50, 100]
phase = 'configs/sde/cityscapes/sde_phase{}_cityscapes-512x512.py'
semi = 'configs/semi/camvid/{}_unet-r101-d16_20k_camvid-512x512_n50.py'
prerequisites = [
    dict(name='phase1', train=phase.format('1_unet-r101-d16_300k')),
    dict(
        name='sde',
        train=phase.format('2-fd_unet-r101-d16_50k'),
        options=dict(load_from='{phase1}')),
    # of CamVid's training images, by the depth network of Cityscapes
    dict(
        name='depth_labels',
        depth_labels=semi.format('scratch-depthmix-gt'),
        model_config=phase.format('2-fd_unet-r101-d16_50k'),
        checkpoint='{sde}')
]
selected = 'configs/_base_/splits/camvid/ds_us_seed{list}.txt'
from_sde = _base_.from_sde
labels_for_mixing = {
    'train_dataloader.dataset.datasets.1.sde_disparity_dir': '{depth_labels}'
}
methods = [
    dict(name='scratch', config=semi.format('scratch')),
    dict(
        name='sel-scratch',
        config=semi.format('sel-scratch'),
        label_counts=fewer,
        options={'train_dataloader.dataset.labeled_subset.ann_file': selected}),
    dict(name='scratch-ema', config=semi.format('scratch-ema'), label_counts=fewer),
    dict(
        name='scratch-classmix',
        config=semi.format('scratch-classmix'),
        label_counts=fewer),
    dict(name='scratch-classmix-gt', config=semi.format('scratch-classmix-gt')),
    dict(
        name='scratch-depthmix-gt',
        config=semi.format('scratch-depthmix-gt'),
        options=labels_for_mixing),
    dict(
        name='transfer',
        config=semi.format('transfer'),
        options={
            'model.backbone.init_cfg.checkpoint': '{sde}',
            'model.decode_head.decoder.init_cfg.checkpoint': '{sde}'
        }),
    dict(
        name='transfer-ema',
        config=semi.format('transfer-ema'),
        label_counts=fewer,
        options=from_sde),
    dict(
        name='transfer-classmix',
        config=semi.format('transfer-classmix'),
        label_counts=fewer,
        options=from_sde),
    dict(
        name='transfer-classmix-gt',
        config=semi.format('transfer-classmix-gt'),
        options=from_sde),
    dict(
        name='transfer-depthmix-gt',
        config=semi.format('transfer-depthmix-gt'),
        options=dict(from_sde, **labels_for_mixing)),
    dict(
        name='sel-transfer-depthmix-gt',
        config=semi.format('sel-transfer-depthmix-gt'),
        label_counts=fewer,
        options={
            **from_sde,
            **labels_for_mixing,
            'train_dataloader.dataset.shared.labeled_subset.ann_file': selected
        })
]
metrics = [
    dict(
        title=f'mIoU % of the {network} at {size}',
        keys=[f'{network}/mIoU', *(['mIoU'] if network == 'student' else [])],
        test=test) for test, size in (('paper', '672x512 (the paper\'s protocol)'),
                                      ('full', '480x360, the labels\' own size'))
    for network in ('student', 'teacher')
]
