"""Ten cells of the table of backbones and heads, and the table itself."""

import sys

import pytest
from helpers import REPO
from helpers.tools import load_tool

from mmdepthseg.plugin import register_all_modules

CELLS = [
    ('ResNet (mmdepthseg)', 'UNetSegHead (mmdepthseg)'),
    ('ResNet (mmdepthseg)', 'K-Net'),
    ('EfficientNetLite (mmdepthseg)', 'DepthwiseSeparableASPP (DeepLabV3+)'),
    ('ResNet', 'Enc'),
    ('ResNet', 'DA'),
    ('MixVisionTransformer (SegFormer)', 'Segformer'),
    ('SwinTransformer', 'UPer'),
    ('MSCAN (SegNeXt)', 'LightHam (SegNeXt)'),
    ('VisionTransformer, pyramid neck', 'FPN'),
    ('HRNet', 'OCR, a cascade'),
]


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(REPO / 'tools/analysis_tools'), *sys.path])
    register_all_modules()
    return load_tool('analysis_tools/compatibility')


@pytest.mark.parametrize(('backbone', 'head'), CELLS)
def test_cell(backbone, head, tool, tmp_path):
    import networks

    network = tool.Network(backbone, tmp_path)
    make = networks.HEADS[head]
    assert tool.attempt(network.depth) == tool.WORKS
    assert network.checkpoint.is_file()
    found = tool.attempt(lambda: network.transfer(make(network.levels)))
    assert found == tool.WORKS
    found = tool.attempt(lambda: network.multi_task(make(network.levels)))
    if 'cascade' in head:
        assert 'CascadeEncoderDecoder' in found
    else:
        assert found == tool.WORKS


def test_a_cell_that_does_not_work_says_why(tool, tmp_path):
    import networks

    network = tool.Network('DDRNet', tmp_path)
    assert tool.attempt(network.depth) != tool.WORKS
    pair = networks.HEADS['DDR'](network.levels)
    assert tool.attempt(lambda: network.transfer(pair)) == tool.WORKS
    odd = networks.HEADS['FCN']([(3, 8)])
    assert tool.attempt(lambda: network.transfer(odd)) != tool.WORKS


def test_goes_on_where_it_stopped(tool, monkeypatch, tmp_path, capsys):
    tried = []

    class Fake:
        levels = [(8, 4)]

        def __init__(self, name, folder):
            tried.append(name)
            if name == 'PIDNet':
                raise ValueError('odd')

        def depth(self):
            pass

        def transfer(self, head):
            pass

        multi_task = transfer

    monkeypatch.setattr(tool, 'Network', Fake)
    given = ['--heads', 'FCN', 'DDR', '--out', str(tmp_path), '--backbones', 'ResNet']
    tool.main(given)
    tool.main([*given, 'DDRNet', 'PIDNet'])
    assert tried == ['ResNet', 'DDRNet', 'PIDNet']
    lines = (tmp_path / 'table.md').read_text().splitlines()
    assert lines[2:5] == [
        '| ResNet | + | + |  |',
        '| DDRNet | + | + | + |',
        '| PIDNet | 1 | 1/1 |  |',
    ]
    tool.main([*given, 'DDRNet', 'PIDNet'])
    assert len(tried) == 3
    tool.main([*given, 'DDRNet', 'PIDNet', '--retry'])
    assert tried[3:] == ['PIDNet']  # it may work now
    with pytest.raises(SystemExit):
        tool.main([*given, 'Resnet'])
    assert 'Resnet' in capsys.readouterr().err


def test_table(tool):
    results = {'A||depth': tool.WORKS, 'B||depth': 'ValueError: odd'}
    for backbone, transfer in (('A', tool.WORKS), ('B', 'ValueError: odd')):
        results[f'{backbone}|FCN|transfer'] = transfer
        results[f'{backbone}|FCN|multi-task'] = tool.WORKS
    lines = tool.table(results, ['PSP', 'FCN']).splitlines()
    assert lines[2:4] == ['| A | + | + |', '| B | 1 | 1/+ |']
    assert 'A FCN' in lines[5] and lines[7] == '1. `ValueError: odd`'
