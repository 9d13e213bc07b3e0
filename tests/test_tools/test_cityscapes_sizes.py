"""A converted data set, evaluated at the paper's size and at full resolution."""

import copy
import re

import numpy as np
import pytest
import torch
from helpers import REPO
from helpers.tools import load_tool
from PIL import Image

from mmdepthseg.cityscapes import CONVERTED, train_id_table
from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS

CONFIG = REPO / 'configs/streets/supervised_r18-w16_600it_192x96_n8.py'
FULL, SMALL = (96, 48), (80, 40)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Random weights of the streets' segmentation model."""
    register_all_modules()
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(load_config(CONFIG).model))
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


@pytest.fixture
def convert(run_tool):
    """The streets as Cityscapes: tools/dataset_converters/cityscapes.py."""

    def run(source, out, *options):
        load_tool('dataset_converters/cityscapes').main(
            [
                str(source),
                '--out',
                str(out),
                '--size',
                '80',
                '40',
                '--splits',
                'train',
                'val',
                '--workers',
                '1',
                *options,
            ]
        )

    return run


def mean_iou(predicted, label):
    """Mean IoU in per cent over the classes that occur, by counting."""
    ious = []
    for c in np.unique(np.concatenate([label[label < 255], predicted[label < 255]])):
        p, g = (predicted == c) & (label < 255), label == c
        ious.append((p & g).sum() / (p | g).sum())
    return 100 * np.mean(ious)


@pytest.mark.parametrize(
    'stored, evaluate_at, size',
    [
        (FULL, 'image', SMALL),
        (FULL, 'label', FULL),
        (SMALL, 'image', SMALL),
        (SMALL, 'label', FULL),
    ],
)
def test_sizes_of_comparison(
    stored, evaluate_at, size, streets, checkpoint, convert, tmp_path, run_tool, capfd
):
    options = [f'test_dataloader.dataset.data_root={streets}']
    if stored == SMALL:
        convert(streets, tmp_path / 'small', '--allow-partial')
        options = [f'test_dataloader.dataset.data_root={tmp_path}/small']
        if evaluate_at == 'label':  # small images, full-size labels
            options.append(
                '+test_dataloader.dataset.data_prefix.seg_map_path='
                f'{streets.resolve()}/gtFine/val'
            )
    capfd.readouterr()
    run_tool(
        'test',
        CONFIG,
        checkpoint,
        '--work-dir',
        tmp_path / 'run',
        '--out',
        tmp_path / 'maps',
        '--show-dir',
        tmp_path / 'show',
        '--cfg-options',
        f'+test_dataloader.dataset.pipeline.LoadSegLabel.evaluate_at={evaluate_at}',
        'test_dataloader.dataset.pipeline.Resize.scale=(80,40)',
        *options,
        # MMEngine keeps visualizers by name for as long as the process lives
        f'visualizer.name={tmp_path.name}',
        'test_dataloader.num_workers=0',
    )
    (file,) = (tmp_path / 'maps').glob('*.png')
    predicted = np.asarray(Image.open(file))
    assert predicted.shape == size[::-1]
    (label,) = streets.glob('gtFine/val/*/*labelIds.png')
    label = Image.open(label).resize(size, Image.NEAREST)
    expected = mean_iou(predicted, train_id_table()[np.asarray(label)])
    found = re.findall(r'mIoU: ([\d.]+)', capfd.readouterr().out)
    assert float(found[-1]) == pytest.approx(expected, abs=0.01)
    (drawn,) = (tmp_path / 'show').rglob('*.png')
    assert Image.open(drawn).size == (2 * size[0], size[1])  # truth | prediction


def test_converter_as_a_command(streets, convert, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        convert(streets, tmp_path / 'small')
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert '--allow-partial' in error
    # the official names are known, so that what is missing can be named
    assert 'missing aachen/aachen_000000_000019, ' in error
    convert(
        streets, tmp_path / 'small', '--allow-partial', '--packages', 'camera', 'gtFine'
    )
    printed = capsys.readouterr().out
    assert 'gtFine/train: 3 files' in printed
    assert 'camera/val: 1 of 500 files' in printed
    assert (tmp_path / 'small' / CONVERTED).is_file()
    assert not (tmp_path / 'small/leftImg8bit').exists()
