# The paper's methods on CamVid at its setting, with depth learned on Cityscapes. One
# seed of all methods is 30 trainings of 20,000 iterations. --given sde=CHECKPOINT skips
# the two phases of self-supervised depth; use a checkpoint from the work_dir of
# cityscapes_semi.py or one converted by tools/model_converters/authors.py.
#   python tools/run_experiments.py THIS --gpus 0 1 2 3
_base_ = './cityscapes_semi.py'
title = 'CamVid test (233 images), single scale'
label_counts = [50, 100, 367]
# the lists end at 100, and with 367 labels no unlabelled image is left
fewer = [50, 100]
semi = 'configs/camvid/{}_r101-d16_20k_512x512_n50.py'
prerequisites = [
    _base_.phase1,
    _base_.phase2,
    # depth labels of CamVid's training images, from the depth network of Cityscapes
    dict(
        name='depth_labels',
        depth_labels=semi.format('scratch-depthmix-gt'),
        model_config=_base_.phase2['train'],
        checkpoint='{sde}',
    ),
]
# folders of the depth labels: Cityscapes, CamVid
stored = 'data_prefix.sde_disparity_path', 'sde_disparity_dir'
lists = 'splits/cityscapes', 'splits/camvid'
# CamVid has no video, so there is no mixing of video and no multi-task learning
methods = [
    dict(
        method,
        config=semi.format(method['name']),
        label_counts=fewer if 'label_counts' in method else label_counts,
        options={
            key.replace(*stored): value.replace(*lists)
            for key, value in method.get('options', {}).items()
        },
    )
    for method in _base_.methods
    if 'video' not in method['name'] and 'pad-' not in method['name']
]
metrics = [
    dict(
        metric,
        title=metric['title']
        .replace('1024x512', '672x512')
        .replace('2048x1024', "480x360, the labels' own size"),
    )
    for metric in _base_.metrics
]
