"""The store of depth labels: exact values, restart, stale and truncated files."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdepthseg.datasets.depth_labels import DepthLabelError, DepthLabelStore
from mmdepthseg.utils.errors import UserError

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
    # trainings that read them meanwhile go on
    DepthLabelStore(store.root).verify(['a/one', 'a/two'])
    again.flush()
    with pytest.raises(DepthLabelError, match='incomplete'):
        DepthLabelStore(store.root).verify(['a/one'])


def test_damaged_manifest_is_kept_and_all_labels_made_again(store, checkpoint):
    store.manifest_path.write_text('{"files": ')
    with pytest.raises(DepthLabelError, match='manifest.json'):
        store.verify(['a/one'])
    again = DepthLabelStore(store.root)
    with pytest.warns(UserWarning, match='manifest.json: damaged.*damaged-1'):
        assert again.begin(checkpoint, OPTIONS) == []
    assert again.manifest['files'] == {} and store.path('a/one').exists()
    kept = store.root / 'manifest.json.damaged-1'
    assert kept.read_text() == '{"files": '


def test_truncated_label_is_named_and_made_again(store, checkpoint):
    path = store.path('a/two')
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DepthLabelError, match='truncated.*a/two'):
        store.verify(['a/one', 'a/two'])
    again = DepthLabelStore(store.root)
    assert again.begin(checkpoint, OPTIONS) == ['a/two']
    assert set(again.manifest['files']) == {'a/one'}


def test_missing_label_is_named(store):
    with pytest.raises(DepthLabelError, match='a/three'):
        store.verify(['a/one', 'a/three'])


def test_labels_of_another_checkpoint_are_stale(store, checkpoint):
    checkpoint.write_bytes(b'other weights')
    with pytest.raises(DepthLabelError, match='sde.pth.*--overwrite'):
        store.verify(['a/one'])
    with pytest.raises(UserError, match='checkpoint_sha256'):
        DepthLabelStore(store.root).begin(checkpoint, OPTIONS)


def test_other_options_are_refused(store, checkpoint):
    with pytest.raises(UserError, match='options.scale'):
        DepthLabelStore(store.root).begin(checkpoint, dict(scale=[16, 8]))


def test_no_labels_at_all(tmp_path):
    with pytest.raises(DepthLabelError, match='generate_depth'):
        DepthLabelStore(tmp_path / 'none').verify(['x'])
    (tmp_path / 'manifest.json').write_text('{')
    with pytest.raises(DepthLabelError, match='not a manifest'):
        DepthLabelStore(tmp_path).load_manifest()


def test_nan_is_refused_by_name(store, checkpoint):
    again = DepthLabelStore(store.root)
    again.begin(checkpoint, OPTIONS)
    for bad in (np.nan, np.inf):
        with pytest.raises(DepthLabelError, match='a/bad: .*NaN.*sde.pth'):
            again.write('a/bad', np.array([[0.5, bad]], np.float32))
    assert 'a/bad' not in again.manifest['files']


@pytest.fixture
def images(store, checkpoint, tmp_path):
    """Images of the labels, known to the manifest: id -> path."""
    paths = {}
    store.begin(checkpoint, OPTIONS)
    for name in ('a/one', 'a/two'):
        path = tmp_path / f'images/{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'pixels')
        paths[name] = str(path)
        store.write(name, np.full((4, 8), 0.5, np.float32), paths[name])
    store.flush(complete=True)
    return paths


def test_labels_of_changed_images_are_out_of_date(store, images):
    DepthLabelStore(store.root).verify(images, images)
    Path(images['a/two']).write_bytes(b'others')  # as many bytes
    os.utime(images['a/two'], ns=(1, 1))
    with pytest.raises(DepthLabelError, match='a/two'):
        DepthLabelStore(store.root).verify(images, images)
    DepthLabelStore(store.root).verify(images)


def test_images_copied_or_mounted_again_have_not_changed(store, images, checkpoint):
    os.utime(images['a/two'], ns=(1, 1))
    DepthLabelStore(store.root).verify(images, images)
    before = store.manifest_path.read_bytes()
    again = DepthLabelStore(store.root)
    again.begin(checkpoint, OPTIONS)
    assert again.outdated(images) == again.outdated(images) == []
    again.flush(complete=True)
    assert store.manifest_path.read_bytes() == before  # a key of selections and tables
    Path(images['a/two']).write_bytes(b'others')
    assert again.outdated(images) == ['a/two']


def test_labels_of_earlier_versions_know_times_alone(store, images):
    manifest = json.loads(store.manifest_path.read_text())
    del manifest['images']['a/two']['sha256']
    store.manifest_path.write_text(json.dumps(manifest))
    DepthLabelStore(store.root).verify(images, images)
    os.utime(images['a/two'], ns=(1, 1))
    with pytest.raises(DepthLabelError, match='a/two'):
        DepthLabelStore(store.root).verify(images, images)


def test_moved_images_are_compared_by_size_alone(store, images, tmp_path):
    os.rename(tmp_path / 'images', tmp_path / 'moved')
    moved = {i: p.replace('/images/', '/moved/') for i, p in images.items()}
    os.utime(moved['a/one'], ns=(1, 1))
    DepthLabelStore(store.root).verify(moved, moved)
    with open(moved['a/one'], 'ab') as file:
        file.write(b'more')
    with pytest.raises(DepthLabelError, match='labels: .*a/one'):
        DepthLabelStore(store.root).verify(moved, moved)


def test_labels_that_know_no_images_pass(store, images):
    manifest = json.loads(store.manifest_path.read_text())
    del manifest['images']
    store.manifest_path.write_text(json.dumps(manifest))
    DepthLabelStore(store.root).verify(images, images)


def test_vanished_checkpoint_is_logged_once(store, checkpoint, monkeypatch):
    logged = []
    monkeypatch.setattr(
        'mmdepthseg.datasets.depth_labels.print_log',
        lambda message, **kwargs: logged.append(message),
    )
    checkpoint.unlink()
    for _ in range(2):
        DepthLabelStore(store.root).verify(['a/one'])
    assert len(logged) == 1 and str(checkpoint) in logged[0]


def test_removed_is_what_is_listed_and_nothing_else(store, tmp_path):
    mine = store.root / 'a/mine.png'
    mine.write_text('')
    outside = tmp_path / 'outside.png'
    outside.write_text('')
    store.manifest['files']['../outside'] = 0
    store.flush(complete=True)
    DepthLabelStore(store.root).remove_labels()
    left = {p for p in store.root.rglob('*') if p.is_file()}
    assert left == {mine, store.manifest_path} and outside.exists()


def test_labels_of_a_foreign_manifest_stay(tmp_path):
    text = json.dumps(dict(files={'x': 1}))
    (tmp_path / 'manifest.json').write_text(text)
    (tmp_path / 'x.png').write_text('')
    with pytest.raises(DepthLabelError, match='manifest.json: .*checkpoint_sha256'):
        DepthLabelStore(tmp_path).remove_labels()
    assert (tmp_path / 'x.png').exists()


def test_other_files_are_not_replaced(store, checkpoint, tmp_path):
    """But labels that a killed run has not listed yet, and those of a damaged list."""
    names = ['a/one', 'a/two', 'a/three']
    foreign = DepthLabelStore(tmp_path / 'images')
    foreign.path('a/two').parent.mkdir(parents=True)
    foreign.path('a/two').write_bytes(b'image')
    with pytest.raises(UserError, match='a/two.png, without manifest.json'):
        foreign.begin(checkpoint, OPTIONS, overwrite=True, names=names)
    assert not foreign.manifest_path.exists()
    store.path('a/three').write_bytes(b'label')
    again = DepthLabelStore(store.root)
    assert again.begin(checkpoint, OPTIONS, names=names) == []
    again.begin(checkpoint, dict(scale=1), overwrite=True, names=names)
    store.path('a/three').write_bytes(b'label')
    store.manifest_path.write_text('{')
    with pytest.warns(UserWarning, match='damaged'):
        again.begin(checkpoint, OPTIONS, names=names)
    again.write('a/one', np.ones((4, 8)))
    again.flush()
    again.remove_labels()  # and killed before it begins again
    store.path('a/three').write_bytes(b'label')
    again = DepthLabelStore(store.root)
    assert again.begin(checkpoint, OPTIONS, True, names) == ['a/one']
