"""What the tools write of two clips whose frames have the same names."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from PIL import Image

CLIPS = """
frames = dict(type='ClipDataset', data_root={root!r}, metainfo=metainfo, pipeline=[
    dict(type='LoadImageFromFile'), dict(type='LoadSegLabel'),
    dict(type='mmseg.PackSegInputs', meta_keys=(
        'img_path', 'img_id', 'ori_shape', 'img_shape'))])
test_dataloader = dict(test_dataloader, batch_size=2, dataset=frames)
"""
NAMES = {f'{clip}/{frame}' for clip in ('monday', 'tuesday') for frame in (1, 2, 10)}


@pytest.fixture
def clips(tmp_path):
    """Two clips with frames 1, 2 and 10, all of them different."""
    root = tmp_path / 'clips'
    for seed, name in enumerate(sorted(NAMES)):
        clip, frame = name.split('/')
        for folder in ('frames', 'labels'):
            (root / clip / folder).mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(seed).integers(0, 256, (32, 48, 3))
        cv2.imwrite(str(root / clip / f'frames/{frame}.png'), image)
        cv2.imwrite(str(root / clip / f'labels/{frame}.PNG'), np.zeros((32, 48)))
    return root


@pytest.fixture
def config(tiny_config, clips):
    return tiny_config(extra=CLIPS.format(root=str(clips)))


@pytest.fixture
def checkpoint(config, tmp_path):
    """A network that sees something else in every image."""
    path = tmp_path / 'weights.pth'
    torch.manual_seed(0)
    model = MODELS.build(dict(Config.fromfile(config).model, _scope_='mmdepthseg'))
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    torch.nn.init.zeros_(model.decode_head.conv_seg.bias)
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def names_in(folder):
    return {
        str(path.relative_to(folder).with_suffix('')) for path in folder.rglob('*.png')
    }


@pytest.mark.parametrize('labels', [True, False])
def test_maps_and_pictures_of_two_clips(
    labels, config, checkpoint, clips, run_tool, tmp_path, capfd
):
    if not labels:
        for path in clips.rglob('labels/*'):
            path.unlink()
    out, painted = tmp_path / 'maps', tmp_path / 'painted'
    work = ('--work-dir', tmp_path / 'run')
    run_tool('test', config, checkpoint, *work, '--out', out, '--show-dir', painted)
    assert names_in(out) == NAMES
    assert len({Image.open(path).tobytes() for path in out.rglob('*.png')}) == 6
    (folder,) = painted.rglob('vis_image')
    pictures = {name.rpartition('_')[0] for name in names_in(folder)}
    assert pictures == {f'test/{name}' for name in NAMES}
    printed = capfd.readouterr().out
    assert ('mIoU: ' in printed) == labels
    assert ('6 image(s) without label' in printed) != labels


def test_images_without_labels_and_no_folder(
    config, checkpoint, clips, run_tool, tmp_path, capsys
):
    for path in clips.rglob('labels/*'):
        path.unlink()
    with pytest.raises(SystemExit):
        run_tool('test', config, checkpoint, '--work-dir', tmp_path / 'run')
    message = capsys.readouterr().err
    assert 'monday/1' in message and '--out' in message
