"""Our configs in the hands of MMSegmentation: its tools, its inference."""

import importlib.util
import json
import os
import re
import sys
import types
import uuid
from pathlib import Path

import cv2
import mmseg
import numpy as np
import pytest
import torch
from helpers import REPO
from helpers.images import write_image
from helpers.originals import broken_in_originals
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import MMSegInferencer, inference_model, init_model

import mmdepthseg
from mmdepthseg.launch.config import load_config
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError

TOOLS = Path(mmseg.__file__).parent / '.mim/tools'
pytestmark = pytest.mark.skipif(not TOOLS.is_dir(), reason='mmseg without its tools')

CONFIG = """
_base_ = __import__('mmdepthseg').CONFIGS + '/streets/{name}.py'
root = {root!r}
worker = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(worker, {train})
val_dataloader = dict(worker, dataset=dict(data_root=root))
test_dataloader = dict(worker, dataset=dict(data_root=root))
train_cfg = dict(max_iters=1, val_interval=1)
every = dict(interval=1)  # OpenMMLab's release draws every 50th image, the fork all
default_hooks = dict(checkpoint=every, logger=every, visualization=every)
visualizer = dict(name={unique!r})
{extra}
"""
SINGLE = 'batch_size=2, dataset=dict(data_root=root{more})'
LABELLED = 'labeled_subset=dict(n=2)'
SEMI = (
    'batch_size=4, sampler=dict(source_counts=dict(labeled=2, mix=2)), '
    f'dataset=dict(shared=dict(data_root=root, {LABELLED}))'
)
SDE = """
baseline = dict(dataset=dict(data_root=root), cache=None)
val_evaluator = dict(baseline=baseline)
test_evaluator = val_evaluator
"""
MULTI_TASK = """
part = dict(init_cfg=None)
model = dict(segmentor=dict(
    backbone=part, decode_head=dict(decoder=part), depth_head=part, pose_net=part))
"""
KINDS = dict(
    seg=(
        'supervised_r18-w16_600it_192x96_n8',
        SINGLE.format(more=f', {LABELLED}'),
        '',
    ),
    sde=('sde_r18-w16_500it_192x96', SINGLE.format(more=''), SDE),
    teacher=('classmix_r18-w16_600it_192x96_n8', SEMI, ''),
    joint=('multitask_r18-w16_600it_192x96_n8', SEMI, MULTI_TASK),
)
SEGMENTING = [kind for kind in KINDS if kind != 'sde']


def call(tool, *arguments, **replaced):
    """Run the `main` of one of MMSegmentation's tools, with functions replaced."""
    spec = importlib.util.spec_from_file_location(Path(tool).stem, TOOLS / tool)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [tool, *map(str, arguments)])
        patch.setenv('LOCAL_RANK', '0')
        # laying the config out for the log takes longer than the rest
        layout = 'yapf.yapflib.yapf_api.FormatCode'
        patch.setattr(layout, lambda text, **options: (text, True))
        spec.loader.exec_module(module)
        vars(module).update(replaced)
        module.main()


def write_config(folder, kind, root):
    name, train, extra = KINDS[kind]
    path = folder / f'{kind}.py'
    values = dict(root=str(root), unique=uuid.uuid4().hex)
    path.write_text(CONFIG.format(name=name, train=train, extra=extra, **values))
    return path


def unique():
    """Give a Runner and its visualiser names of their own: MMEngine keeps them."""
    name = uuid.uuid4().hex
    return '--cfg-options', f'experiment_name={name}', f'visualizer.name={name}'


def figures_in(folder):
    return json.loads(next(folder.glob('*/*.json')).read_text())


@pytest.fixture(scope='module')
def trained(streets, tmp_path_factory):
    """Configs and checkpoints of trainings of one iteration, by kind."""
    folder, done = tmp_path_factory.mktemp('clients'), {}

    def train(kind):
        if kind not in done:
            config, run = write_config(folder, kind, streets), folder / kind
            call('train.py', config, '--work-dir', run, *unique())
            done[kind] = config, run / 'iter_1.pth'
        return done[kind]

    return train


@pytest.mark.parametrize('kind', KINDS)
def test_test(kind, trained, tmp_path):
    config, checkpoint = trained(kind)
    where = ['--work-dir', tmp_path, '--show-dir', tmp_path / 'drawn']
    if kind != 'sde':
        where += ['--out', tmp_path / 'maps']
    call('test.py', config, checkpoint, *where, *unique())
    wanted = dict(seg='mIoU', sde='abs_rel').get(kind, 'teacher/mIoU')
    assert 0 <= figures_in(tmp_path)[wanted] <= 100
    maps = [*(tmp_path / 'maps').rglob('*.png')]
    assert bool(maps) == (kind != 'sde')
    assert {*tmp_path.rglob('*.png')} - {*maps}


def test_depth_is_not_written_by_test(trained, tmp_path):
    where = ('--work-dir', tmp_path, '--out', tmp_path / 'maps')
    with pytest.raises(UserError, match='generate_depth.py'):
        call('test.py', *trained('sde'), *where, *unique())


@pytest.mark.parametrize('kind', KINDS)
def test_test_time_augmentation(kind, trained, tmp_path):
    config, checkpoint = trained(kind)
    call('test.py', config, checkpoint, '--tta', '--work-dir', tmp_path, *unique())
    wanted = dict(seg='mIoU', sde='abs_rel').get(kind, 'teacher/mIoU')
    assert figures_in(tmp_path)[wanted] >= 0


@pytest.mark.parametrize(
    ('kind', 'field'), [('seg', 'gt_sem_seg'), ('sde', 'gt_depth_map')]
)
def test_augmentation_mirrors_the_image_and_not_the_truth(
    kind, field, streets, tmp_path
):
    cfg = Config.fromfile(write_config(tmp_path, kind, streets))
    init_default_scope(cfg.default_scope)
    dataset = cfg.test_dataloader.dataset
    truth = DATASETS.build(dataset)[0]['data_samples'].get(field).data
    assert not torch.equal(truth, truth.flip(2))
    augmented = DATASETS.build(dict(dataset, pipeline=cfg.tta_pipeline))[0]
    plain, mirrored = (inputs['img'] for inputs in augmented['inputs'])
    assert torch.equal(plain, mirrored.flip(2)) and not torch.equal(plain, mirrored)
    assert [sample.flip for sample in augmented['data_samples']] == [False, True]
    for sample in augmented['data_samples']:
        assert torch.equal(sample.get(field).data, truth)


@pytest.mark.parametrize('kind', KINDS)
def test_browse_dataset(kind, streets, tmp_path):
    config = write_config(tmp_path, kind, streets)
    out = tmp_path / 'pictures'
    call('analysis_tools/browse_dataset.py', config, '--output-dir', out, '--not-show')
    pictures = [*out.rglob('*.png')]
    assert pictures and cv2.imread(str(pictures[0])).std() > 1


@broken_in_originals(
    'get_flops.py of MMSegmentation 1.2.2 gives MMEngine 0.10.7 both the shape and the '
    'inputs, which refuses that',
    ValueError,
)
@pytest.mark.parametrize('kind', KINDS)
def test_get_flops(kind, streets, tmp_path, capsys):
    config = write_config(tmp_path, kind, streets)
    call('analysis_tools/get_flops.py', config, '--shape', 48, 96)
    flops = re.search(r'Flops: ([\d.]+)([MG])', capsys.readouterr().out)
    assert float(flops[1]) > 0


def test_parameters_of_the_network_that_predicts(streets, tmp_path, capsys):
    """The guide's command counts what the student has for its predictions."""
    guide = (REPO / 'docs/mmseg_tools.md').read_text()
    code = re.search(r'python -c "(from mmseg[^"]+)"', guide)[1].replace('\\\n', '')
    for kind in ('teacher', 'joint'):
        config = write_config(tmp_path, kind, streets)
        exec(re.sub(' +', ' ', code).replace('CONFIG', str(config)), {})
        parts = dict(init_model(str(config), None, 'cpu').student.named_children())
        parts.pop('pose_net', None)
        own = sum(p.numel() for part in parts.values() for p in part.parameters())
        assert int(capsys.readouterr().out.split()[-1]) == own > 0


CLIPS = """
_base_ = {base!r}
test_dataloader = dict(dataset=dict(
    _delete_=True, type='ClipDataset', data_root={root!r}, require_labels=True,
    metainfo=dict(classes=__import__('mmdepthseg.cityscapes').cityscapes.CLASSES),
    pipeline=_base_.test_pipeline))
test_evaluator = dict(numbered=True)
"""


@pytest.fixture
def labelled_clips(tmp_path):
    """Two clips with frames of the same names, in the order of their numbers."""
    random = np.random.default_rng(0)
    for clip in ('a', 'b'):
        for frame in ('2', '10'):
            for kind, shape in (('frames', (48, 96, 3)), ('labels', (48, 96))):
                path = tmp_path / f'clips/{clip}/{kind}/{frame}.png'
                write_image(path, random.integers(0, 19, shape, dtype=np.uint8))
    return tmp_path / 'clips'


@pytest.mark.parametrize('layout', ['cities', 'clips'])
def test_confusion_matrix(trained, labelled_clips, tmp_path, layout):
    """The maps that it reads belong to the samples that it reads.

    It is stopped before it counts: with NumPy 2 its `19 * label` overflows 8 bits.
    """
    config, checkpoint = trained('seg')
    if layout == 'clips':
        base, config = config, tmp_path / 'clips.py'
        config.write_text(CLIPS.format(base=str(base), root=str(labelled_clips)))
    maps, right = tmp_path / 'maps', []
    options = ['--out', maps, '--work-dir', tmp_path, *unique()]
    call('test.py', config, checkpoint, *options)

    def compare(dataset, predictions):
        for sample, predicted in zip(dataset, predictions, strict=True):
            truth = sample['data_samples'].gt_sem_seg.data[0].numpy()
            right.append((truth == predicted)[truth != dataset.ignore_index])
        raise StopIteration

    tool = 'analysis_tools/confusion_matrix.py'
    with pytest.raises(StopIteration):
        call(tool, config, maps, tmp_path, calculate_confusion_matrix=compare)
    accuracy = 100 * np.concatenate(right).mean()
    assert accuracy == pytest.approx(figures_in(tmp_path)['aAcc'], abs=0.01)


@pytest.mark.parametrize('kind', KINDS)
def test_benchmark(kind, trained, tmp_path):
    """With fewer than 200 images it has no figure; it reads and predicts them all."""
    with pytest.warns(RuntimeWarning):
        call('analysis_tools/benchmark.py', *trained(kind), '--work-dir', tmp_path)
    assert json.loads(next(tmp_path.glob('fps_*.json')).read_text())['unit']


def test_analyze_logs(trained, tmp_path, monkeypatch):
    """With a stand-in for seaborn's one function if that is not installed."""
    if importlib.util.find_spec('seaborn') is None:
        seaborn = types.SimpleNamespace(set_style=lambda style: None)
        monkeypatch.setitem(sys.modules, 'seaborn', seaborn)
    logs = [
        next(trained(kind)[1].parent.glob('*/vis_data/scalars.json')) for kind in KINDS
    ]
    picture = tmp_path / 'loss.png'
    arguments = [*logs, '--keys', 'loss', '--backend', 'agg', '--out', picture]
    call('analysis_tools/analyze_logs.py', *arguments)
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize('kind', KINDS)
def test_inference(kind, trained, streets):
    config, checkpoint = map(str, trained(kind))
    image = str(next(streets.glob('leftImg8bit/val/*/*.png')))
    found = inference_model(init_model(config, checkpoint, device='cpu'), image)
    inferencer = MMSegInferencer(model=config, weights=checkpoint, device='cpu')
    same = inferencer(image, return_datasamples=True)
    if kind == 'sde':
        assert found.pred_depth_map.data.min() > 0
        assert torch.equal(found.pred_depth_map.data, same.pred_depth_map.data)
        return
    assert found.pred_sem_seg.data.shape == (1, 48, 96)
    assert torch.equal(found.pred_sem_seg.data, same.pred_sem_seg.data)


def test_inference_without_a_test_set():
    """As with the depth network of own clips, which have no true depth."""
    config = f'{mmdepthseg.CONFIGS}/clips/sde_r18-w16_1k_320x160.py'
    found = inference_model(init_model(config, device='cpu'), np.zeros((60, 120, 3)))
    assert found.pred_depth_map.data.shape == (1, 60, 120)


# MMEngine calls `set_device` without a GPU, too. And it leaves the process group open:
# NCCL then warns, but gloo sometimes aborts (signal 6), so it is ended here, unless an
# error ends the process, when the other may wait in another collective.
WITHOUT_GPU = """
import atexit
import sys
import torch

torch.cuda.set_device = lambda device: None

@atexit.register
def leave():
    if torch.distributed.is_initialized() and not hasattr(sys, 'last_value'):
        from mmdepthseg.launch.setup import leave_distributed

        leave_distributed()
        print('left the process group')
"""


def test_several_processes(streets, tmp_path, run_process, free_port):
    """MMSegmentation's dist_train.sh and dist_test.sh, as they are, on a CPU.

    What needs a GPU is replaced from outside: see `WITHOUT_GPU` (`sitecustomize.py` on
    the PYTHONPATH); options name the backend gloo and a wrapper of the model without
    `device_ids`.
    """
    config, run = write_config(tmp_path, 'teacher', streets), tmp_path / 'run'
    (tmp_path / 'site').mkdir()
    (tmp_path / 'site/sitecustomize.py').write_text(WITHOUT_GPU)
    wrapper = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    options = [f'model_wrapper_cfg.{key}={value}' for key, value in wrapper.items()]
    options.append('env_cfg.dist_cfg.backend=gloo')

    def script(name, *arguments):
        done = run_process(
            *('bash', TOOLS / name, *arguments, '--cfg-options', *options),
            PYTHONPATH=os.pathsep.join(
                [str(tmp_path / 'site'), str(REPO), os.environ['PYTHONPATH']]
            ),
            PATH=os.pathsep.join(
                [str(Path(sys.executable).parent), os.environ['PATH']]
            ),
            PORT=free_port(),
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count('left the process group') == 2
        return done.stdout + done.stderr

    said = script('dist_train.sh', config, 2, '--work-dir', run)
    assert 'on each of 2 processes' in said and (run / 'iter_1.pth').is_file()
    where = ('--work-dir', tmp_path / 'test', '--out', tmp_path / 'maps')
    script('dist_test.sh', config, run / 'iter_1.pth', 2, *where)
    assert figures_in(tmp_path / 'test')['teacher/mIoU'] >= 0
    frames = [*streets.glob('leftImg8bit/val/*/*.png')]
    assert len([*(tmp_path / 'maps/teacher').glob('*.png')]) == len(frames) == 1


def test_another_project_derives(tmp_path):
    """By MMEngine's own paths: their scope does not disturb our checks of keys."""
    name = 'classmix_r18-w16_600it_192x96_n8.py'
    config = tmp_path / 'mine.py'
    config.write_text(
        f"_base_ = ['mmdepthseg::streets/{name}']\n"
        'model = dict(segmentor=dict(decode_head=_base_.decode_head))\n'
    )
    ours = load_config(Path(mmdepthseg.CONFIGS) / 'streets' / name)
    assert load_config(config).to_dict() == ours.to_dict()


OF_MMSEG = [
    '_base_/models/upernet_swin.py',
    'pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py',
]


@pytest.mark.parametrize('name', OF_MMSEG)
def test_configs_of_mmsegmentation(tmp_path, name):
    """Also where it is installed as `onedl-mmsegmentation`."""
    config = tmp_path / 'mine.py'
    config.write_text(f"_base_ = 'mmseg::{name}'\nmodel = dict(auxiliary_head=None)\n")
    model = load_config(config).model
    assert model.type == 'EncoderDecoder' and model.auxiliary_head is None
