"""The store of depth labels: exact values, restart, stale and truncated files."""

import cv2
import numpy as np
import pytest

from mmdepthseg.datasets.depth_labels import DepthLabelError, DepthLabelStore

OPTIONS = dict(scale=[8, 4])


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'sde.pth'
    path.write_bytes(b'weights')
    return path


@pytest.fixture
def store(tmp_path, checkpoint):
    """A complete store of two labels."""
    made = DepthLabelStore(tmp_path / 'labels')
    made.begin(checkpoint, OPTIONS)
    for name in ('a/one', 'a/two'):
        made.write(name, np.linspace(0, 1, 32, dtype=np.float32).reshape(4, 8))
    made.flush(complete=True)
    return made


def test_sixteen_bits_without_normalisation(store):
    values = cv2.imread(str(store.path('a/one')), cv2.IMREAD_UNCHANGED)
    assert values.dtype == np.uint16
    wanted = np.linspace(0, 1, 32).reshape(4, 8)
    assert np.abs(values / 65535 - wanted).max() < 1e-5


def test_complete_labels_pass(store):
    DepthLabelStore(store.root).verify(['a/one', 'a/two'])


def test_interrupted_labels_are_refused_and_continued(store, checkpoint):
    again = DepthLabelStore(store.root)
    assert again.begin(checkpoint, OPTIONS) == []
    assert set(again.manifest['files']) == {'a/one', 'a/two'}
    with pytest.raises(DepthLabelError, match='incomplete'):
        DepthLabelStore(store.root).verify(['a/one'])


def test_truncated_label_is_named_and_made_again(store, checkpoint):
    path = store.path('a/two')
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DepthLabelError, match='truncated.*a/two'):
        store.verify(['a/one', 'a/two'])
    again = DepthLabelStore(store.root)
    assert again.begin(checkpoint, OPTIONS) == ['a/two']
    assert set(again.manifest['files']) == {'a/one'}


def test_missing_label_is_named(store):
    with pytest.raises(DepthLabelError, match='1 image.*a/three'):
        store.verify(['a/one', 'a/three'])


def test_labels_of_another_checkpoint_are_stale(store, checkpoint):
    checkpoint.write_bytes(b'other weights')
    with pytest.raises(DepthLabelError, match='out of date'):
        store.verify(['a/one'])
    with pytest.raises(DepthLabelError, match='checkpoint_sha256'):
        DepthLabelStore(store.root).begin(checkpoint, OPTIONS)


def test_other_options_are_refused(store, checkpoint):
    with pytest.raises(DepthLabelError, match='options'):
        DepthLabelStore(store.root).begin(checkpoint, dict(scale=[16, 8]))


def test_no_labels_at_all(tmp_path):
    with pytest.raises(DepthLabelError, match='generate_depth'):
        DepthLabelStore(tmp_path / 'none').verify(['x'])
    (tmp_path / 'manifest.json').write_text('{')
    with pytest.raises(DepthLabelError, match='not a manifest'):
        DepthLabelStore(tmp_path).load_manifest()
