"""tools/analysis_tools/benchmark_loader.py and the plain loader that it compares."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import REPO
from helpers.tools import load_tool

from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import DATASETS

SIZE = (256, 128)
KINDS = ('triplet', 'labelled', 'mix', 'multi-task')


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(REPO / 'tools/analysis_tools'))
    register_all_modules()
    yield load_tool('analysis_tools/benchmark_loader')
    for name in [n for n in sys.modules if n.startswith(('plain_form', 'loader_w'))]:
        del sys.modules[name]


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A small data set in both formats."""
    sys.path.insert(0, str(REPO / 'tools/analysis_tools'))
    try:
        made = tmp_path_factory.mktemp('images')
        tool = load_tool('analysis_tools/benchmark_loader')
        tool.DEPTH_SIZE = SIZE
        tool.make_images(made, 1, SIZE, 95, full=SIZE)
    finally:
        sys.path.remove(str(REPO / 'tools/analysis_tools'))
    return made


def side_of(tool, images, kind, **given):
    args = tool.parse_args(['--keep', str(images)])
    return dict(tool.sides(args, kind, 'png', images)[0], **given)


@pytest.mark.parametrize('kind', KINDS)
def test_both_sides_load_the_same(tool, images, kind, monkeypatch):
    """Whole images without flips and jitter: equal numbers."""
    import loader_worker as worker

    side = side_of(tool, images, kind)
    cfg = load_config(side['config'], None)
    spec = worker.dataset_config(cfg.train_dataloader.to_dict(), side)
    for step in spec['pipeline']:
        settings = dict(
            Resize=dict(scale=SIZE),
            RandomCrop=dict(crop_size=SIZE[::-1]),
            RandomFlip=dict(prob=0.0),
        )
        step.update(settings.get(step['type'], {}))
    spec['pipeline'][1].pop('min_size')
    cfg.model['data_preprocessor'].pop('color_jitter', None)
    monkeypatch.setattr(random, 'random', lambda: 0.9)
    dataset = DATASETS.build(spec)
    ours = worker.OurLoader(cfg, dataset)
    made = ours.prepare(ours.load([0]))
    inputs, sample = made['inputs'], made['data_samples'][0]
    for wasteful in (False, True):
        other = worker.PlainSide(cfg, dataset, spec['pipeline'], wasteful)
        plain = other.prepare(other.load([0]))
        torch.testing.assert_close(plain['img', 0], inputs.img)
        if inputs.adjacent is not None:
            torch.testing.assert_close(plain['img', 2], inputs.adjacent[:, 1])
            torch.testing.assert_close(plain['raw', 1, 0], inputs.adjacent_raw[:, 0])
            torch.testing.assert_close(plain['K'].float(), inputs.cam2img)
            assert (('seen', 1, 3) in plain) == wasteful
        if 'gt_sem_seg' in sample:
            label = sample.gt_sem_seg.data
            found = plain['label'].argmax(1) if wasteful else plain['label']
            known = label != 255
            assert torch.equal(found[known], label[known]) and known.any()
        if kind == 'mix':
            torch.testing.assert_close(plain['disparity'][0], sample.disparity_map.data)
        expected = {'triplet': (1, 0), 'labelled': (0, 1), 'multi-task': (1, 1)}
        triplet, labelled = expected.get(kind, (0, 0))
        assert (('K' in plain), ('label' in plain)) == (triplet, labelled)
        assert (inputs.adjacent is not None, 'gt_sem_seg' in sample) == (
            triplet,
            labelled,
        )


@pytest.mark.parametrize('plain', [None, 'wasteful'])
def test_worker_answers(tool, images, plain, capsys, monkeypatch):
    import loader_worker as worker

    monkeypatch.setattr('sys.stdin', ['1'])
    worker.serve(side_of(tool, images, 'triplet', plain=plain, batch=1))
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith('STEPS')]
    assert len(lines) == 2 and 'preprocessor' in lines[1]


def test_jitter_of_the_plain_form(tool):
    from PIL import Image
    from plain_form.loader import jittered

    pixels = np.full((2, 2, 3), (200, 100, 50), np.uint8)
    image = Image.fromarray(pixels)
    bright = np.array(jittered(image, [('brightness', 0.5)]))
    assert bright[0, 0].tolist() == [100, 50, 25]
    turned = np.array(jittered(image, [('hue', 1 / 3)]))[0, 0]
    assert turned.argmax() == 1 and abs(int(turned.max()) - 200) <= 2


def test_what_is_asked_for_and_made_of_the_answers(tool, tmp_path):
    args = tool.parse_args(['--against-tree', str(tmp_path), '--cfg-options', 'a.b=1'])
    own, other = tool.sides(args, 'mix', 'jpg', Path('data'))
    assert own['config'] == str(REPO / 'configs/cityscapes' / tool.CONFIGS['mix'])
    assert other['config'].startswith(str(tmp_path)) and other['plain'] is None
    assert own['data_root'] == 'data/jpg' and own['suffix'].endswith('.jpg')
    plain = tool.sides(tool.parse_args(['--plain', 'wasteful']), 'mix', 'png', tmp_path)
    assert [side['plain'] for side in plain] == [None, 'wasteful']
    turns = [
        [dict(seconds=a, preprocessor=0.5), dict(seconds=4, preprocessor=0)]
        for a in (1, 2, 4)
    ]
    assert tool.summary(turns, 8) == dict(
        samples_per_second=[4, 2],
        times=2,
        least=1,
        largest=4,
        preprocessor_share=0.25,
    )


def test_kept_images_of_other_options_or_half_made(tool, tmp_path, monkeypatch, capsys):
    made = []
    found = dict(samples_per_second=[2, 1], times=2, least=1, largest=3)
    found['preprocessor_share'] = 0.5
    monkeypatch.setattr(tool, 'measure', lambda *_: found)
    monkeypatch.setattr(tool, 'make_images', lambda root, *given: made.append(given))
    call = ['--keep', str(tmp_path / 'kept'), '--formats', 'jpg', '--kinds', 'mix']
    for _ in range(2):
        tool.main([*call])
    assert len(made) == 1
    with pytest.raises(SystemExit):
        tool.main([*call, '--quality', '50'])
    assert 'quality (then 95, now 50)' in capsys.readouterr().err
    (tmp_path / 'foreign/png').mkdir(parents=True)
    call[1] = str(tmp_path / 'foreign')
    with pytest.raises(SystemExit):
        tool.main([*call])
    assert 'holds other files' in capsys.readouterr().err and len(made) == 1
