"""Every config in the repository builds, trains all it has, and says what it means."""

import ast
import copy
import importlib.util
import shutil
from pathlib import Path

import pytest
import torch
from helpers import REPO, tiny_models
from mmcv.transforms import Compose
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper

from mmdepthseg.checkpoints import arrival
from mmdepthseg.checkpoints.pretrained_init import CheckedPretrainedInit
from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.setup import setup_precision
from mmdepthseg.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
)
from mmdepthseg.utils.configs import walk

pytestmark = pytest.mark.usefixtures('at_home')

#: MMPretrain is not in the default environment.
WITHOUT = () if importlib.util.find_spec('mmpretrain') else ("'mmpretrain.",)
CONFIGS = sorted(
    str(p.relative_to(REPO))
    for p in (REPO / 'configs').rglob('*.py')
    if not {'_base_', 'tables'} & {*p.parts}
    if not any(name in p.read_text() for name in WITHOUT)
)


def short(path):
    """A config's name in the names of tests."""
    return str(Path(path).relative_to('configs').with_suffix(''))


def nested(dataset):
    """A data set's config and those of its parts."""
    yield dataset
    shared = dataset.get('shared')
    parts = dataset.get('sources', {}).values()
    for part in (*parts, *([shared] if shared else [])):
        yield from nested(part)


def sizes(steps):
    """The sizes to which a pipeline resizes images."""
    for step in steps:
        if step['type'] == 'TestTimeAug':
            for choice in step['transforms']:
                yield from sizes(choice)
        elif step['type'] == 'Resize':
            yield tuple(step['scale'])


@pytest.mark.parametrize('path', CONFIGS, ids=short)
def test_config_builds(path):
    cfg = load_config(path)
    assert cfg.default_scope == 'mmdepthseg'
    assert 'mmdepthseg.plugin' in cfg.custom_imports['imports']
    # with --tta MMEngine puts it in the place of the model's own
    assert 'data_preprocessor' not in cfg
    with torch.device('meta'):  # names and shapes, without the work of real weights
        model = MODELS.build(copy.deepcopy(cfg.model))
    setup_precision(cfg, amp=False)  # AmpOptimWrapper refuses to be built on CPU
    wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    trained = {id(p) for group in wrapper.param_groups for p in group['params']}
    assert {id(p) for p in model.parameters() if p.requires_grad} <= trained
    for schedule in cfg.get('param_scheduler', ()):
        PARAM_SCHEDULERS.build(dict(schedule, optimizer=wrapper))
    for name in ('train', 'val', 'test', 'predict'):
        loader = cfg.get(f'{name}_dataloader')
        if loader:
            for part in nested(loader.dataset):
                Compose(
                    [
                        TRANSFORMS.build(copy.deepcopy(t))
                        for t in part.get('pipeline', ())
                    ]
                )
                assert 'type' not in part or DATASETS.get(part.type) is not None
            sampler = loader.get('sampler')
            assert sampler is None or DATA_SAMPLERS.get(sampler.type)
    if cfg.get('test_dataloader'):  # --tta sees images of the same size
        tested = [*sizes(cfg.test_dataloader.dataset.pipeline)]
        assert tested and [*sizes(cfg.tta_pipeline)] == tested
    loader = cfg.get('train_dataloader') or {}
    if counts := (loader.get('sampler') or {}).get('source_counts'):
        assert sum(counts.values()) == loader.batch_size
    for name in ('val_evaluator', 'test_evaluator'):
        if cfg.get(name):
            metrics = cfg[name]
            for metric in metrics if isinstance(metrics, list) else [metrics]:
                METRICS.build(copy.deepcopy(metric))
    hooks = [*cfg.custom_hooks, *cfg.default_hooks.values()]
    kinds = [hook.type for hook in hooks]
    assert 'CheckStartHook' in kinds and 'CheckCheckpointHook' in kinds
    assert ('MeanTeacherHook' in kinds) == (cfg.model.type == 'MeanTeacher')
    for hook in hooks:
        if hook.type == 'SegVisualizationHook':  # asks for the visualizer
            continue
        HOOKS.build(copy.deepcopy(hook))
    for name in ('train_cfg', 'val_cfg', 'test_cfg'):
        if cfg.get(name):
            assert LOOPS.get(cfg[name].type) is not None
    assert OPTIM_WRAPPERS.get(cfg.optim_wrapper.type) is not None


def test_own_clips_are_resized_as_their_file_says(tmp_path):
    """The one to edit, configs/_base_/datasets/clips.py; other clips have their own."""
    shutil.copytree(REPO / 'configs', tmp_path / 'configs')
    path = tmp_path / 'configs/_base_/datasets/clips.py'
    text = path.read_text()
    for old, new in (('(320, 160)', '(416, 224)'), ('(640, 192)', '(832, 448)')):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    wanted = {(416, 224), (416 * 5 // 4, 224 * 5 // 4), (832, 448)}
    known = ('kitti', 'udacity')
    for config in sorted((tmp_path / 'configs/clips').glob('*.py')):
        cfg = load_config(str(config))._cfg_dict
        places = {k: v for k, v in walk(cfg, '') if k.endswith('.scale')}
        if not any(name in config.stem for name in known):
            assert {*places.values()} <= wanted, config.stem
            if {'test_pipeline', 'predict_pipeline'} <= {*cfg}:
                assert [*sizes(cfg.test_pipeline)] == [*sizes(cfg.predict_pipeline)]


def test_frames_of_the_validation_are_not_chosen(tmp_path):
    """With any config of own clips; the clips of others are theirs."""
    shutil.copytree(REPO / 'configs', tmp_path / 'configs')
    path = tmp_path / 'configs/_base_/datasets/clips.py'
    text = path.read_text()
    assert text.count('val_clips = []') == 1
    path.write_text(text.replace('val_clips = []', "val_clips = ['mine']"))
    for config in sorted((tmp_path / 'configs/clips').glob('*.py')):
        pool = load_config(str(config)).get('predict_dataloader')
        if pool is not None:
            own = pool.dataset.data_root == 'data/clips'
            assert pool.dataset.exclude_clips == ['mine'] * own, config.stem


def test_there_are_configs():
    assert len(CONFIGS) > 5


def test_names_are_short_and_of_one_config_each():
    """The default work_dir has a config's name and not its folder's."""
    names = [Path(path).name for path in CONFIGS]
    assert max(names, key=len)[60:] == ''
    assert len({*names}) == len(names)


def generations(path: Path) -> int:
    """Count the files from a config down to configs/_base_, itself included."""
    bases = [
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_'
    ]
    names = bases[0] if bases and isinstance(bases[0], list) else bases
    parents = [name for name in names if '_base_/' not in name]
    return 1 + max((generations(path.parent / name) for name in parents), default=0)


@pytest.mark.parametrize('path', CONFIGS, ids=short)
def test_siblings_have_one_parent(path):
    """A config, and perhaps the one that all of its kind share."""
    assert 1 <= generations(REPO / path) <= 2


@pytest.fixture
def tiny_model(monkeypatch):
    """The model of a config, narrow, initialised without checkpoints."""
    monkeypatch.setattr(CheckedPretrainedInit, '__call__', lambda self, module: None)
    monkeypatch.setattr(arrival, '_pretrained_parts', lambda model: ())

    def build(cfg):
        settings = cfg.model.to_dict()
        backbone = settings.get('segmentor', settings)['backbone']
        if backbone['type'] == 'ResNet' and 'base_channels' not in backbone:
            settings = tiny_models.shrink(settings)
        model = MODELS.build(ConfigDict(settings))
        model.init_weights()
        return model.train()

    return build


@pytest.mark.parametrize('path', CONFIGS, ids=short)
def test_a_step_reaches_every_parameter(path, tiny_model):
    """Else DistributedDataParallel needs find_unused_parameters=True."""
    cfg = load_config(path)
    model = tiny_model(cfg)
    model.data_preprocessor.input_scale = 1  # the frames are tiny already
    is_teacher = cfg.model.type == 'MeanTeacher'
    batch = tiny_models.teacher_batch if is_teacher else tiny_models.packed_batch
    data = model.data_preprocessor(batch(2, neighbours=True), True)
    losses = model(**data, mode='loss')
    model.parse_losses(losses)[0].backward()
    missed = [
        n for n, p in model.named_parameters() if p.requires_grad and p.grad is None
    ]
    assert missed == []
    assert cfg.get('find_unused_parameters', False) is False
