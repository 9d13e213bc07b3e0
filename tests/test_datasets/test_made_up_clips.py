"""Whatever is loaded from random folders of clips equals what was written.

About 50 trees, half of them with a defect; `MMDEPTHSEG_TREES=2000` in the environment
makes about as many.
"""

import os
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.made_up_clips import DEFECTS, clip_names, stems, trees
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st

from mmdepthseg.datasets import ClipDataset
from mmdepthseg.name_lists import match_list, write_names
from mmdepthseg.names import output_name
from mmdepthseg.utils.errors import UserError

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='LoadSegLabel'),
    dict(type='LoadDepthMap'),
]
TREES = int(os.environ.get('MMDEPTHSEG_TREES', '50'))
#: Largest error of a JPEG of one colour.
LOSS = 2


def build(tree):
    return ClipDataset(
        data_root=str(tree.root),
        offsets=tree.offsets,
        metainfo=dict(classes=[f'class {i}' for i in range(tree.classes)]),
        depth_dir={
            name: 'lidar' if tree.single else f'{name}/lidar'
            for name, clip in tree.clips.items()
            if any(frame.depth is not None for frame in clip.frames.values())
        },
        pipeline=PIPELINE,
        serialize_data=False,  # collects garbage, for a third of a second
    )


def check(results, clip, stem, offsets):
    """Compare a sample with what was written."""
    stems = [*clip.frames]
    near = [stems[stems.index(stem) + offset] for offset in offsets]
    loaded = [results['img'], *results.get('adjacent', ())]
    assert len(loaded) == 1 + len(near)
    for image, name in zip(loaded, [stem, *near], strict=True):
        frame = clip.frames[name]
        difference = np.abs(image.astype(int) - frame.image).max()
        assert image.shape == frame.image.shape
        assert difference <= (0 if frame.exact else LOSS)
    assert ('camera' in results) == (clip.matrix is not None)
    if clip.matrix is not None:
        np.testing.assert_allclose(results['camera'].K, clip.matrix, atol=1e-9)
    for key, values in (
        ('gt_seg_map', clip.frames[stem].label),
        ('gt_depth_map', clip.frames[stem].depth),
    ):
        assert (key in results) == (values is not None)
        if values is not None:
            np.testing.assert_array_equal(results[key], values)


def expected_names(tree):
    """Clip and frame of each sample, those without a neighbour left out."""
    return [
        (name, stem)
        for name, clip in tree.clips.items()
        for place, stem in enumerate(clip.frames)
        if all(0 <= place + offset < len(clip.frames) for offset in tree.offsets)
    ]


@pytest.mark.parametrize('defect', ['', *DEFECTS])
def test_what_is_loaded_is_what_was_written(defect):
    count = TREES // 50 if defect else TREES // 2

    @seed(zlib.crc32(defect.encode()))
    @settings(
        max_examples=max(count, 2),  # the first one is the simplest
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check_trees(data):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter('ignore')
            tree = data.draw(trees(Path(folder), defect))
            assume(bool(tree.named) == bool(defect))
            check_tree(tree)

    check_trees()


def check_tree(tree):
    """Load everything; all errors are those of the tree's defect."""
    errors = []
    try:
        dataset = build(tree)
    except UserError as error:
        errors.append(str(error))
        dataset = []
    else:
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        ids = [f'{clip}/{stem}' for clip, stem in expected_names(tree)]
        assert [output_name(info) for info in infos] == ids
    for index, (name, stem) in enumerate(expected_names(tree)[: len(dataset)]):
        try:
            results = dataset[index]
        except UserError as error:
            errors.append(str(error))
        else:
            check(results, tree.clips[name], stem, tree.offsets)
    assert bool(errors) == bool(tree.named), (errors, tree.named)
    assert all(part in text for text in errors for part in tree.named), errors


@seed(0)
@settings(max_examples=TREES, database=None, deadline=None)
@given(data=st.data())
def test_lists_of_made_up_names_are_read_as_they_were_written(data):
    clips = data.draw(st.lists(clip_names(), min_size=1, max_size=3, unique=True))
    names = [f'{clip}/{stem}' for clip in clips for stem in data.draw(stems(3))]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'list.txt')
        write_names(path, chosen)
        try:
            assert [names[i] for i in match_list(path, names)] == chosen
        except UserError as error:  # names that differ only in outer spaces
            assert str(path) in str(error)
            assert len({name.strip() for name in names}) < len(names)
