# Exp. 210 and 212: the paper's methods on Cityscapes. One seed of all methods is 53
# trainings of 40,000 iterations. Use --methods, --label-counts and --seeds to run some
# of them. To skip the two phases of self-supervised depth:
#   --given sde=CHECKPOINT depth_labels=FOLDER
#   python tools/run_experiments.py THIS --gpus 0 1 2 3
title = 'Cityscapes val, single scale'
# the published lists of selected images have the seeds 42, 43, 44
seeds = [dict(seed=7, list=42), dict(seed=25, list=43), dict(seed=42, list=44)]
label_counts = [100, 372, 744, 2975]
# for methods that need unlabelled images, or lists, which end at 744
fewer = [100, 372, 744]
baseline = 'scratch'
phase = 'configs/cityscapes/sde-phase{}_512x512.py'
phase1 = dict(name='phase1', train=phase.format('1_r101-d16_300k'))
# without feature distance: phase2 instead of phase2-fd
phase2 = dict(
    name='sde',
    train=phase.format('2-fd_r101-d16_50k'),
    options=dict(load_from='{phase1}'),
)
prerequisites = [
    phase1,
    phase2,
    dict(
        name='depth_labels',
        depth_labels=phase.format('2-fd_r101-d16_50k'),
        checkpoint='{sde}',
    ),
]
semi = 'configs/cityscapes/{}_r101-d16_40k_512x512_n372.py'
joint = 'configs/cityscapes/{}_r101-d16_40k_512x512_n372.py'
dataset = 'train_dataloader.dataset'
subset = f'{dataset}.shared.labeled_subset'
selected = 'configs/_base_/splits/cityscapes/ds_us_seed{list}.txt'
from_sde = {
    'model.segmentor.backbone.init_cfg.checkpoint': '{sde}',
    'model.segmentor.decode_head.decoder.init_cfg.checkpoint': '{sde}',
}
all_from_sde = {
    **from_sde,
    'model.segmentor.depth_head.init_cfg.checkpoint': '{sde}',
    'model.segmentor.pose_net.init_cfg.checkpoint': '{sde}',
}
labels_for_mixing = {
    f'{dataset}.sources.mix.data_prefix.sde_disparity_path': '{depth_labels}'
}
methods = [
    dict(name='scratch', config=semi.format('scratch')),
    dict(
        name='sel-scratch',
        config=semi.format('sel-scratch'),
        label_counts=fewer,
        options={f'{dataset}.labeled_subset.ann_file': selected},
    ),
    dict(name='scratch-ema', config=semi.format('scratch-ema'), label_counts=fewer),
    dict(
        name='scratch-classmix',
        config=semi.format('scratch-classmix'),
        label_counts=fewer,
    ),
    dict(name='scratch-classmix-video', config=semi.format('scratch-classmix-video')),
    dict(name='scratch-classmix-gt', config=semi.format('scratch-classmix-gt')),
    dict(
        name='scratch-depthmix-gt',
        config=semi.format('scratch-depthmix-gt'),
        options=labels_for_mixing,
    ),
    dict(
        name='transfer',
        config=semi.format('transfer'),
        options={
            'model.backbone.init_cfg.checkpoint': '{sde}',
            'model.decode_head.decoder.init_cfg.checkpoint': '{sde}',
        },
    ),
    dict(
        name='transfer-ema',
        config=semi.format('transfer-ema'),
        label_counts=fewer,
        options=from_sde,
    ),
    dict(
        name='transfer-classmix',
        config=semi.format('transfer-classmix'),
        label_counts=fewer,
        options=from_sde,
    ),
    dict(
        name='transfer-classmix-gt',
        config=semi.format('transfer-classmix-gt'),
        options=from_sde,
    ),
    dict(
        name='transfer-depthmix-gt',
        config=semi.format('transfer-depthmix-gt'),
        options=dict(from_sde, **labels_for_mixing),
    ),
    dict(
        name='sel-transfer-depthmix-gt',
        config=semi.format('sel-transfer-depthmix-gt'),
        label_counts=fewer,
        options={**from_sde, **labels_for_mixing, f'{subset}.ann_file': selected},
    ),
    dict(
        name='pad-transfer-depthmix-gt',
        config=joint.format('pad-transfer-depthmix-gt'),
        options=all_from_sde,
    ),
    dict(
        name='sel-pad-transfer-depthmix-gt',
        config=joint.format('sel-pad-transfer-depthmix-gt'),
        label_counts=fewer,
        options={**all_from_sde, f'{subset}.ann_file': selected},
    ),
]
# the paper's protocol and full resolution
tests = [
    dict(
        name='paper',
        options={'test_dataloader.dataset.pipeline.LoadSegLabel.evaluate_at': 'image'},
    ),
    dict(name='full'),
]
metrics = [
    dict(
        title=f'mIoU % of the {network} at {size}',
        keys=[f'{network}/mIoU', *(['mIoU'] if network == 'student' else [])],
        test=test,
    )
    for test, size in (
        ('paper', "1024x512 (the paper's protocol)"),
        ('full', '2048x1024'),
    )
    for network in ('student', 'teacher')
]
# one checkpoint of a run is enough
options = {'default_hooks.checkpoint.max_keep_ckpts': 1}
