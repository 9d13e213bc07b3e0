"""A network over a pool of images, in parts."""

import numpy as np
import pytest
import torch
from tiny_models import DEPTH_HEAD, build
from tiny_selection import NAMES, load, make_pool

from mmdepthseg.apis import pool as pool_module
from mmdepthseg.apis.pool import ImagePool, compute_in_parts
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError


@pytest.fixture(scope='module')
def model():
    return build(depth_head=DEPTH_HEAD).eval()


@pytest.fixture
def pool(tmp_path, model):
    make_pool(tmp_path)
    cfg = load(tmp_path)
    dataset = DATASETS.build(
        dict(cfg.predict_dataloader.dataset, pipeline=cfg.predict_pipeline))
    return ImagePool(dataset, batch_size=2)


def mean_of(batch):
    return batch['inputs'].img.mean((1, 2, 3)).numpy()


def test_names_and_paths(pool, tmp_path):
    assert pool.names == NAMES
    assert pool.paths[0] == str(tmp_path / 'clips/drive 1/frames/0.png')
    before = pool.fingerprint()
    assert before == pool.fingerprint()
    (tmp_path / 'clips/drive 1/frames/0.png').write_bytes(b'other')
    assert pool.fingerprint() != before


def test_images_without_or_with_equal_names():
    class Unnamed(torch.utils.data.Dataset):
        infos = [dict(img_path='a')]

        def __len__(self):
            return len(self.infos)

        def get_data_info(self, index):
            return self.infos[index]

    with pytest.raises(UserError, match='Unnamed does not name its images'):
        ImagePool(Unnamed())
    Unnamed.infos = [dict(img_path=path, img_id='x') for path in 'ab']
    with pytest.raises(UserError, match="two images named 'x'"):
        ImagePool(Unnamed())


def test_goes_on_with_the_same_batches(pool, model, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_module, 'BATCHES_PER_PART', 2)
    rows, folder, out = [0, 2, 3, 5, 6, 7, 9], tmp_path / 'parts', tmp_path / 'x.npy'
    seen = []

    def compute(batch):
        names = [s.metainfo['img_id'] for s in batch['data_samples']]
        if len(seen) == 3:
            seen.append('stopped')
            raise KeyboardInterrupt
        seen.append(names)
        return mean_of(batch)

    with pytest.raises(KeyboardInterrupt):
        compute_in_parts(pool, rows, model, compute, folder, out, 'means')
    assert [path.name for path in folder.iterdir()] == ['part_00000.npy']
    assert not out.exists()
    compute_in_parts(pool, rows, model, compute, folder, out, 'means')
    wanted = [[NAMES[row] for row in rows[i:i + 2]] for i in (0, 2, 4, 6)]
    assert seen == [*wanted[:3], 'stopped', *wanted[2:]]
    assert not folder.exists()
    expected = [mean_of(next(pool.load([[row]], model)))[0] for row in rows]
    np.testing.assert_allclose(np.load(out), expected, rtol=1e-6)


def test_what_is_not_finite_is_named(pool, model, tmp_path):
    def compute(batch):
        values = mean_of(batch)
        values[1] = np.nan
        return values

    with pytest.raises(UserError, match=f'means: NaN .* for {NAMES[1]}; the network'):
        compute_in_parts(
            pool, [0, 1], model, compute, tmp_path / 'parts', tmp_path / 'x', 'means')
    assert not (tmp_path / 'x').exists()
