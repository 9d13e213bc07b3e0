"""Depth labels: the manifest is written while they are made."""

import json
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_selection import NAMES, load, make_pool

from mmdepthseg.apis import depth_labels
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.registry import DATASETS

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
