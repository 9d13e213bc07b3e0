"""From a config to that of a student."""

import shutil

import pytest
from helpers.tiny_selection import NAMES, SEG_STUDENT, load, make_pool
from mmengine.config import Config

from mmdepthseg.apis.selection.student_config import (
    check_student,
    decisive_files,
    decisive_parts,
    restrict,
    score_pipeline,
    set_labels,
    share_batch,
    student_config,
)
from mmdepthseg.utils.errors import UserError

SCHEDULE = """
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=2, start_factor=0.1),
    dict(type='PolyLR', by_epoch=False, begin=2, end=10),
    dict(type='MultiStepLR', by_epoch=False, milestones=[6, 8], end=-1)]
val_dataloader = dict(batch_size=1)
val_cfg = dict(type='ValLoop')
val_evaluator = dict(type='DepthMetric')
"""


def test_iterations_schedule_seed_and_no_validation(tmp_path):
    cfg = load(tmp_path, SCHEDULE)
    config = student_config(cfg, 40, 5, tmp_path / 'students/25')
    assert config.train_cfg.max_iters == 40
    warmup, poly, steps = config.param_scheduler
    assert (warmup.begin, warmup.end, poly.begin, poly.end) == (0, 8, 8, 40)
    assert steps.milestones == [24, 32] and steps.end == -1
    assert config.randomness.seed == 5
    assert config.work_dir == str(tmp_path / 'students/25/work_dir')
    assert not [key for key in config if key.startswith(('val_', 'test_'))]
    assert config.default_hooks.checkpoint.save_last
    assert cfg.train_cfg.max_iters == 10 and 'val_cfg' in cfg  # the user's own
    other = student_config(cfg, 40, 5, tmp_path / 'students/25')
    assert other.experiment_name != config.experiment_name
    assert decisive_parts(other) == decisive_parts(config)


@pytest.mark.parametrize(
    'schedule, scaled',
    [
        (dict(type='PolyLR', end=11), dict(end=41)),  # the last step keeps a rate
        (dict(type='StepLR', step_size=3), dict(step_size=12)),
        (dict(type='OneCycleLR', total_steps=10), dict(total_steps=40)),
        (dict(type='CosineRestartLR', periods=[4, 6]), dict(periods=[16, 24])),
        (dict(type='CosineAnnealingLR', T_max=5), dict(T_max=20)),
    ],
)
def test_schedules_get_the_length_of_the_student(schedule, scaled, tmp_path):
    cfg = load(tmp_path, f'param_scheduler = {schedule}\n')
    config = student_config(cfg, 40, 5, tmp_path)
    assert config.param_scheduler == {**schedule, **scaled}


def test_what_decides_and_what_does_not(tmp_path):
    cfg = load(tmp_path)
    before = decisive_parts(cfg)
    cfg.train_dataloader.num_workers = 3
    cfg.default_hooks.checkpoint.interval = 7
    assert decisive_parts(cfg) == before
    cfg.train_dataloader.batch_size = 2
    assert decisive_parts(cfg) != before


def test_files_that_decide(tmp_path, our_scope):
    """Their paths alone would not tell that they have changed."""
    make_pool(tmp_path)
    cfg = load(tmp_path)
    assert decisive_files(cfg, {*NAMES}) == {}
    weights = tmp_path / 'start.pth'
    weights.write_bytes(b'a')
    init = dict(type='Pretrained', checkpoint=str(weights))
    cfg.model.backbone.init_cfg = init
    first = decisive_files(cfg, {*NAMES})
    assert [*first] == ['weights'] and [*first['weights']] == [str(weights)]
    weights.write_bytes(b'b')
    assert decisive_files(cfg, {*NAMES}) != first


def test_labels_that_decide(streets, tmp_path, our_scope):
    root = shutil.copytree(streets, tmp_path / 'streets')
    images = dict(type='CityscapesSequenceDataset', data_root=str(root))
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')]
    dataset = dict(images, pipeline=[*steps, dict(type='PackDepthSegInputs')])
    model = dict(decode_head=dict(type='FCNHead'))
    config = Config(dict(model=model, train_dataloader=dict(dataset=dataset)))
    labels = sorted(root.glob('gtFine/train/*/*_labelIds.png'))
    names = {f'{p.parent.name}/{p.name.split("_gtFine")[0]}' for p in labels[:2]}
    before = decisive_files(config, names)
    assert [*before] == ['labels']
    contents = [path.read_bytes() for path in labels]
    for path, changes in ((labels[2], False), (labels[0], True)):
        path.write_bytes(b'another')
        assert (decisive_files(config, names) != before) == changes
    for path, content in zip(labels, contents, strict=True):
        path.write_bytes(content)  # at another time
    assert decisive_files(config, names) == before
    config.model.decode_head = None
    assert decisive_files(config, names) == {}


def test_images_and_labels(tmp_path):
    cfg = load(tmp_path, "train_dataloader['dataset']['labeled_subset'] = dict(n=1)\n")
    parts = decisive_parts(cfg)
    restrict(cfg, tmp_path / 'images.txt')
    set_labels(cfg.train_dataloader.dataset.pipeline, tmp_path / 'labels')
    dataset = cfg.train_dataloader.dataset
    assert dataset.labeled_subset == dict(ann_file=str(tmp_path / 'images.txt'))
    assert dataset.pipeline[2]['root'] == str(tmp_path / 'labels')
    assert 'root' not in parts['train_dataloader']['dataset']['pipeline'][2]
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[dataset])
    with pytest.raises(UserError, match='ConcatDataset'):
        restrict(cfg, tmp_path / 'images.txt')


def test_scores_compare_with_what_training_loads(tmp_path):
    cfg = load(tmp_path)
    types = [t['type'] for t in score_pipeline(cfg, tmp_path)]
    assert types == ['LoadImageFromFile', 'LoadSDEDisparity', 'PackDepthSegInputs']
    loader = score_pipeline(cfg, tmp_path)[1]
    assert loader['stretch'] and loader['root'] == str(tmp_path)
    assert 'root' not in cfg.train_dataloader.dataset.pipeline[2]
    cfg.selection.criterion = dict(type='entropy')
    assert len(score_pipeline(cfg, None)) == 2
    cfg.selection.criterion = dict(type='depth_error')
    del cfg.train_dataloader.dataset.pipeline[2]
    with pytest.raises(UserError, match='train_dataloader.*LoadSDEDisparity'):
        score_pipeline(cfg, tmp_path)


def test_a_batch_is_shared_evenly(tmp_path):
    cfg = load(tmp_path)
    share_batch(cfg, 2)
    assert cfg.train_dataloader.batch_size == 2
    with pytest.raises(UserError, match='3 .* 2'):
        share_batch(cfg, 3)


@pytest.mark.parametrize(
    ('extra', 'criterion', 'message'),
    [
        ('del model\n', 'depth_error', 'model'),
        (
            "model['depth_head'].pop('loss_disparity')\n",
            'depth_error',
            'loss_disparity=dict',
        ),
        (f'model = {SEG_STUDENT!r}\n', 'depth_error', 'loss_disparity=dict'),
        ('', 'entropy', 'decode_head'),
        (
            "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)\n",
            'depth_error',
            'IterBasedTrainLoop',
        ),
    ],
)
def test_students_that_cannot_be(tmp_path, extra, criterion, message):
    with pytest.raises(UserError, match=message):
        check_student(load(tmp_path, extra), criterion)
