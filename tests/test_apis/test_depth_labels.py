"""Depth labels: the manifest is written while they are made."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from helpers.images import write_image
from helpers.tiny_selection import NAMES, load, make_pool
from mmengine.logging import MMLogger

from mmdepthseg.apis import depth_labels
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.registry import DATASETS, MODELS

pytestmark = pytest.mark.usefixtures('our_scope')


class Slow:
    """A network that takes a minute for a batch, and is killed in the sixth."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.calls, self.seconds = 0.0, 0, seconds
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(depth_labels, 'time', clock)

    def data_preprocessor(self, batch, training):
        return dict(inputs=torch.stack(batch['inputs']['img']))

    def predict_disparity(self, images):
        self.calls += 1
        if self.calls == 6:
            raise KeyboardInterrupt
        self.now += self.seconds
        return torch.zeros(len(images), 1, 4, 4)


@pytest.mark.parametrize('width', [40, 32])
def test_labels_cover_the_image_without_the_padding(width, tmp_path):
    path = tmp_path / 'clips/ride/frames/0.png'
    image = np.random.default_rng(0).integers(0, 256, (20, width, 3), np.uint8)
    write_image(path, image)
    steps = [dict(type=t) for t in ('LoadImageFromFile', 'PackDepthSegInputs')]
    dataset = DATASETS.build(
        dict(type='ClipDataset', data_root=str(tmp_path / 'clips'), pipeline=steps)
    )
    store = DepthLabelStore(tmp_path / 'labels')
    store.begin(path, {})  # any file
    preprocessor = dict(type='DepthSegDataPreProcessor', size_divisor=32)
    model = SimpleNamespace(
        data_preprocessor=MODELS.build(preprocessor),
        predict_disparity=lambda img: img.mean(1, keepdim=True),
    )
    depth_labels.generate_depth_labels(model, dataset, store, 1, 0)
    label = cv2.imread(str(store.path('ride/0')), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(label / 65535, image.mean(2) / 255, atol=1e-4)


def ramp(near, far):
    return torch.linspace(far, near, 100).view(1, 10, 10)


@pytest.mark.parametrize(
    ('disparity', 'empty'),
    [
        (ramp(1, 1), True),
        (ramp(0, 0), True),
        (ramp(0.5, 0.5), True),
        (ramp(0.505, 0.5), True),
        (ramp(0.55, 0.5), False),
        (ramp(0.03, 0.002), False),  # a street
        (ramp(0.0002, 0.0001), False),  # far, but not equally
        (ramp(0.00003, 0.00002), True),
        ((ramp(1, 0) > 0.5).float(), True),  # both limits
        ((ramp(1, 0) > 0.1).float() * ramp(0.5, 0.1), False),  # with a sky
    ],
)
def test_labels_that_tell_nothing(disparity, empty):
    assert depth_labels.is_empty(disparity[0].numpy()) == empty
    large = disparity[0].repeat_interleave(20, 0).repeat_interleave(20, 1)
    assert depth_labels.is_empty(large.numpy()) == empty


@pytest.mark.parametrize('empty', [0, 6, 7, 12])
def test_a_network_that_has_learned_no_depth_is_told(empty, tmp_path, caplog):
    """If most of 12 labels are empty; not again without new ones."""
    make_pool(tmp_path)
    cfg = load(tmp_path)
    dataset = DATASETS.build(
        dict(cfg.predict_dataloader.dataset, pipeline=cfg.predict_pipeline)
    )
    (tmp_path / 'sde.pth').write_bytes(b'weights')
    store = DepthLabelStore(tmp_path / 'labels')
    store.begin(tmp_path / 'sde.pth', {})
    maps = iter([ramp(1, 1)] * empty + [ramp(0.5, 0.1)] * (12 - empty))

    def normalize(batch, training):
        return dict(inputs=torch.stack(batch['inputs']['img']))

    model = SimpleNamespace(
        data_preprocessor=normalize,
        predict_disparity=lambda images: torch.stack([next(maps) for _ in images]),
    )
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    for told in (empty > 6, False):
        caplog.clear()
        depth_labels.generate_depth_labels(model, dataset, store, 2, 0)
        assert (f'labels: {empty} of the 12 depth labels' in caplog.text) == told
        assert ('no depth' in caplog.text) == told
    logger.removeHandler(caplog.handler)


@pytest.mark.parametrize(('seconds', 'noted'), [(60.0, 5), (0.1, 0)])
def test_the_manifest_is_written_by_time(seconds, noted, tmp_path, monkeypatch):
    make_pool(tmp_path)
    cfg = load(tmp_path)
    dataset = DATASETS.build(
        dict(cfg.predict_dataloader.dataset, pipeline=cfg.predict_pipeline)
    )
    (tmp_path / 'sde.pth').write_bytes(b'weights')
    store = DepthLabelStore(tmp_path / 'labels')
    store.begin(tmp_path / 'sde.pth', {})
    model = Slow(monkeypatch, seconds)
    with pytest.raises(KeyboardInterrupt):
        depth_labels.generate_depth_labels(model, dataset, store, 1, 0)
    manifest = json.loads((tmp_path / 'labels/manifest.json').read_text())
    assert [*manifest['files']] == NAMES[:noted] and not manifest['complete']
