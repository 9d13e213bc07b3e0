"""The configs of the paper's experiments mean what their names say."""

import copy
from pathlib import Path

import pytest
import torch
from helpers import REPO
from helpers.paper_configs import MULTI_TASK, NETWORK, change, load
from helpers.tiny_models import shrink
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper

from mmdepthseg.datasets import CamVidDataset
from mmdepthseg.datasets.intrinsics import parse_intrinsics
from mmdepthseg.evaluation import depth_metric
from mmdepthseg.launch.config import load_config
from mmdepthseg.models.mixing import (
    CutMix,
    DepthHistogramMix,
    DepthThresholdMix,
)
from mmdepthseg.registry import MODELS, TRANSFORMS
from mmdepthseg.utils.configs import walk

#: Configs that learn depth from video.
PAPER_DEPTH = sorted(
    path
    for kind in ('sde-*', '*pad-transfer*')
    for path in (REPO / 'configs/cityscapes').glob(f'{kind}.py')
)

pytestmark = pytest.mark.usefixtures('at_home')
SEMI = (
    'scratch',
    'sel-scratch',
    'scratch-ema',
    'scratch-classmix',
    'scratch-classmix-video',
    'scratch-classmix-gt',
    'scratch-depthmix-gt',
    'transfer',
    'transfer-ema',
    'transfer-classmix',
    'transfer-classmix-gt',
    'transfer-depthmix-gt',
    'sel-transfer-depthmix-gt',
    'sel-ent-scratch',
    'sel-ds-scratch',
    'sel-us-scratch',
)
LISTS = {
    'sel-scratch': 'ds_us',
    'sel-ent-scratch': 'ent',
    'sel-ds-scratch': 'ds',
    'sel-us-scratch': 'us',
}
MIXERS = dict(
    ema='NoMix',
    cutmix='CutMix',
    classmix='ClassMix',
    depthmix='DepthMix',
    threshold='DepthThresholdMix',
    histogram='DepthHistogramMix',
)
STREETS = (
    'supervised',
    'ema',
    'cutmix',
    'classmix',
    'classmix-unlabeled',
    'classmix-video',
    'depthmix',
    'depth-threshold',
    'depth-histogram',
    'transfer',
    'transfer-ema',
    'transfer-classmix',
    'transfer-depthmix',
    'multitask',
)
# CamVid has no video to mix or to learn depth from, and one kind of lists
CAMVID = tuple(
    name for name in SEMI if 'video' not in name and LISTS.get(name, 'ds_us') == 'ds_us'
)
SDE = 'sde-phase2-fd_r101-d16_50k_512x512'


def checkpoints(node):
    """(prefix, checkpoint) of all `Pretrained` initialisations."""
    if isinstance(node, dict):
        if node.get('type') == 'Pretrained':
            yield node.get('prefix'), node['checkpoint']
        node = node.values()
    elif not isinstance(node, list | tuple):
        return
    for value in list(node):
        yield from checkpoints(value)


def labeled_subset(cfg):
    dataset = cfg.train_dataloader.dataset
    return dataset.get('shared', dataset).labeled_subset


@pytest.mark.parametrize('name', [*SEMI, *MULTI_TASK])
def test_what_an_experiment_is(name):
    cfg = load(name)
    words = set(name.split('-'))
    prefixes = {prefix for prefix, path in checkpoints(cfg.model) if SDE in path}
    expected = {'backbone.', 'depth_head.decoder.'} if 'transfer' in words else set()
    if 'pad' in words:
        expected |= {'depth_head.', 'pose_net.'}
    assert prefixes == expected
    if 'transfer' not in words:
        assert [p for _, p in checkpoints(cfg.model)] == [cfg.imagenet_r101]
    is_teacher = cfg.model.type == 'MeanTeacher'
    assert is_teacher == bool(words & set(MIXERS))
    subset = labeled_subset(cfg)
    if 'sel' in words:
        method = LISTS.get(name, 'ds_us')
        assert subset == dict(
            ann_file=f'configs/_base_/splits/cityscapes/{method}_seed42.txt', n=372
        )
        assert Path(subset.ann_file).is_file()
    else:
        assert subset == dict(n=372, seed=7)
    if not is_teacher:
        assert cfg.train_dataloader.batch_size == 2
        return
    assert cfg.train_dataloader.sampler.source_counts == dict(labeled=2, mix=2)
    assert cfg.model.mixing.type == MIXERS[(words & set(MIXERS)).pop()]
    assert cfg.model.ground_truth_mixing == ('gt' in words)
    mix = cfg.train_dataloader.dataset.sources.mix
    if 'video' in words:
        assert mix.frames == 'sequence' and mix.data_prefix.seg_map_path is None
    else:
        assert mix.subset_mode == ('mark' if 'gt' in words else 'exclude')
    stored = any(t.type == 'LoadSDEDisparity' for t in mix.get('pipeline', ()))
    assert stored == ('depthmix' in words and 'pad' not in words)


def test_every_experiment_has_a_config_and_every_config_is_known():
    files = {
        p.name.removesuffix(f'_{NETWORK}.py')
        for p in (REPO / 'configs/cityscapes').glob(f'*_{NETWORK}.py')
    }
    assert files == {*SEMI, *MULTI_TASK}
    camvid = (REPO / 'configs/camvid').glob('*_512x512_n50.py')
    assert {p.name.split('_')[0] for p in camvid} == set(CAMVID)


@pytest.mark.parametrize('name', STREETS)
def test_streets_differ_from_each_other_as_their_names_do(name):
    cfg = load_config(f'configs/streets/{name}_r18-w16_600it_192x96_n8.py')
    words = set(name.split('-'))
    prefixes = {prefix for prefix, _ in checkpoints(cfg.model)}
    joint = name == 'multitask'
    assert ('backbone.' in prefixes) == (joint or 'transfer' in words)
    assert ('pose_net.' in prefixes) == joint
    mixer = 'DepthMix' if joint else MIXERS.get((words & set(MIXERS) or {None}).pop())
    assert (cfg.model.get('mixing') or {}).get('type') == mixer
    if mixer:
        # with ground truth where the names of the paper's experiments end in -gt
        mix = cfg.train_dataloader.dataset.sources.mix
        assert (
            cfg.model.get('ground_truth_mixing', True)
            == (mix.get('subset_mode') == 'mark')
            == (not words & {'unlabeled', 'video'})
        )
        assert (mix.get('frames') == 'sequence') == ('video' in words)
        loads = [t for t in mix.get('pipeline', ()) if t.type == 'LoadSDEDisparity']
        assert bool(loads) == bool(words & {'depthmix', 'threshold', 'histogram'})
        # a threshold needs disparities that fill [0, 1]
        stretched = [t for t in loads if t.get('stretch')]
        assert bool(stretched) == bool(words & {'threshold', 'histogram'})
    assert cfg.train_cfg.max_iters == 600 and labeled_subset(cfg) == dict(n=8, seed=7)


@pytest.mark.parametrize('name', CAMVID)
def test_camvid_at_the_papers_setting(name):
    cfg = load_config(f'configs/camvid/{name}_r101-d16_20k_512x512_n50.py')
    words = set(name.split('-'))
    prefixes = {prefix for prefix, path in checkpoints(cfg.model) if SDE in path}
    assert prefixes == (
        {'backbone.', 'depth_head.decoder.'} if 'transfer' in words else set()
    )
    subset = labeled_subset(cfg)
    if 'sel' in words:
        assert subset == dict(
            ann_file='configs/_base_/splits/camvid/ds_us_seed42.txt', n=50
        )
        assert Path(subset.ann_file).is_file()
    else:
        assert subset == dict(n=50, seed=7)
    assert cfg.train_cfg.max_iters == 20000
    assert [s.milestones for s in cfg.param_scheduler] == [[15000]]
    assert cfg.optim_wrapper == load('transfer').optim_wrapper
    student = cfg.model.get('segmentor', cfg.model)
    assert student.decode_head.num_classes == len(CamVidDataset.METAINFO['classes'])
    assert (cfg.model.get('mixing') or {}).get('type') == MIXERS.get(
        (words & set(MIXERS) or {None}).pop()
    )
    loaders = cfg.val_dataloader, cfg.test_dataloader
    assert [loader.dataset.split for loader in loaders] == ['val', 'test']
    dataset = cfg.train_dataloader.dataset
    pipeline = dataset.get('shared', dataset).pipeline
    assert [t.scale for t in pipeline if t.type == 'Resize'] == [(672, 512)]
    assert [t.crop_size for t in pipeline if t.type == 'RandomCrop'] == [(512, 512)]
    assert [
        t.evaluate_at
        for loader in (cfg.val_dataloader, cfg.test_dataloader)
        for t in loader.dataset.pipeline
        if t.type == 'LoadSegLabel'
    ] == ['image', 'label']
    if 'sources' in dataset:
        mix = dataset.sources.mix
        assert cfg.model.ground_truth_mixing == ('gt' in words)
        assert mix.subset_mode == ('mark' if 'gt' in words else 'exclude')
        stored = any(t.type == 'LoadSDEDisparity' for t in mix.get('pipeline', ()))
        assert stored == ('depthmix' in words) == ('sde_disparity_dir' in mix)


@pytest.mark.parametrize('path', PAPER_DEPTH, ids=lambda path: path.stem)
def test_cityscapes_has_a_camera_where_no_file_is(path):
    """Shared by its images (method: 3W, section 1)."""
    found = [
        value
        for place, value in walk(load_config(path).train_dataloader.to_dict(), '')
        if place.endswith('.default_camera')
    ]
    assert len(found) == 1
    camera = parse_intrinsics(found[0], 'default_camera')
    assert camera.size == (1024, 2048)
    fx, fy, cx, cy = 2262.52, 2265.30, 1096.98, 513.137
    assert camera.K.tolist() == [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]


@pytest.mark.parametrize(
    'path', sorted((REPO / 'configs/cityscapes').glob('unimatch*.py'))
)
def test_the_last_step_of_unimatch_learns(path):
    cfg = load_config(path)
    assert [one.end - 1 for one in cfg.param_scheduler] == [cfg.train_cfg.max_iters]


@pytest.mark.parametrize(
    'path',
    sorted((REPO / 'configs/cityscapes').glob('sde-*.py')),
    ids=lambda path: path.stem,
)
def test_depth_without_validation(path):
    """The options of docs/cityscapes.md, and of DepthMetric's message."""
    parts = ('val_dataloader', 'val_cfg', 'val_evaluator')
    cfg = load_config(path)
    assert all(cfg[part] for part in parts)
    options = [f'{part}=None' for part in parts]
    change(cfg, *options)
    assert [cfg[part] for part in parts] == [None] * 3
    assert ' '.join(options) in (REPO / 'docs/cityscapes.md').read_text()
    assert ' '.join(options) in depth_metric.TARGET_CURE


def test_the_guide_has_a_command_for_every_table():
    text = (REPO / 'docs/cityscapes.md').read_text()
    for path in (REPO / 'configs/tables').glob('*.py'):
        assert f'run_experiments.py configs/tables/{path.name}' in text


def test_the_entropy_student_has_no_dropout_in_its_head():
    cfg = load_config('configs/cityscapes/select-entropy_r50-d16_512x512.py')
    with torch.device('meta'):
        assert MODELS.build(copy.deepcopy(cfg.model)).decode_head.dropout is None


@pytest.mark.parametrize('name', ['transfer', 'transfer-depthmix-gt', *MULTI_TASK])
def test_learning_rates(name):
    cfg = load(name)
    with torch.device('meta'):
        model = MODELS.build(copy.deepcopy(cfg.model))
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    names = {id(p): n for n, p in model.named_parameters()}
    for group in wrapper.optimizer.param_groups:
        assert group['momentum'] == 0.9 and group['weight_decay'] == 5e-4
        for parameter in group['params']:
            part = names[id(parameter)].removeprefix('student.').split('.')[0]
            rate = dict(backbone=1e-3, pose_net=1e-6).get(part, 1e-2)
            assert group['lr'] == pytest.approx(rate)
    assert wrapper.clip_grad_kwargs == dict(max_norm=10)


@pytest.mark.parametrize(
    'name', ['transfer', 'transfer-ema', 'pad-transfer-depthmix-gt']
)
def test_everything_starts_from_the_depth_network(name, tmp_path):
    sde = load_config(f'configs/cityscapes/{SDE}.py').model.to_dict()
    del sde['loss_feature']
    torch.manual_seed(0)
    state = MODELS.build(ConfigDict(shrink(sde))).state_dict()
    path = tmp_path / 'sde.pth'
    torch.save(dict(state_dict=state), path)
    settings = load(name).model.to_dict()
    text = ConfigDict(replaced(shrink(settings), str(path)))
    model = MODELS.build(text)
    model.init_weights()
    student = getattr(model, 'student', model)
    parts = dict(
        backbone='backbone.',
        decode_head='depth_head.decoder.',
        depth_head='depth_head.',
        pose_net='pose_net.',
    )
    for part, prefix in parts.items():
        module = getattr(student, part)
        module = module.decoder if part == 'decode_head' else module
        for key, value in (module.state_dict() if module else {}).items():
            assert torch.equal(value, state[prefix + key]), (part, key)


def replaced(node, checkpoint):
    """A config with another SDE checkpoint."""
    if isinstance(node, list | tuple):
        return [replaced(value, checkpoint) for value in node]
    if not isinstance(node, dict):
        return node
    node = {key: replaced(value, checkpoint) for key, value in node.items()}
    if node.get('type') == 'Pretrained':
        node['checkpoint'] = checkpoint
    return node


# -- variants by one line ---------------------------------------------------------


@pytest.mark.parametrize(
    'mixing, kind',
    [
        ("{'_delete_': True, 'type': 'CutMix'}", CutMix),
        ("{'_delete_': True, 'type': 'DepthThresholdMix'}", DepthThresholdMix),
        ("{'_delete_': True, 'type': 'DepthHistogramMix'}", DepthHistogramMix),
    ],
)
def test_other_mixers(mixing, kind):
    cfg = load('transfer-depthmix-gt', f'model.mixing={mixing}')
    assert isinstance(TRANSFORMS.build(cfg.model.mixing), kind)


def test_labels_and_seed_by_option():
    cfg = load(
        'transfer-depthmix-gt',
        'train_dataloader.dataset.shared.labeled_subset.n=100',
        'train_dataloader.dataset.shared.labeled_subset.seed=25',
    )
    assert labeled_subset(cfg) == dict(n=100, seed=25)


def test_legacy_switches():
    cfg = load(
        'transfer-depthmix-gt',
        "+model.ema={'train_mode': True, 'buffers': 'own'}",
        '+train_dataloader.dataset.sources.mix.pipeline.LoadSDEDisparity.stretch=True',
    )
    step = cfg.train_dataloader.dataset.sources.mix.pipeline[3]
    assert TRANSFORMS.build(step).stretch
    with torch.device('meta'):
        teacher = MODELS.build(ConfigDict(shrink(cfg.model.to_dict()))).train().teacher
    assert teacher.buffer_mode == 'own' and teacher.module.training
