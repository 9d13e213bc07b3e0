"""Depth labels from depth maps: named, checked, restarted, masked, and mixed by."""

import json

import cv2
import numpy as np
import pytest
import torch
from helpers.tiny_models import HEIGHT, WIDTH, build_teacher, packed_batch
from mmengine.optim import OptimWrapper

from mmdepthseg.datasets import ClipDataset
from mmdepthseg.datasets import imported_depth as module
from mmdepthseg.datasets.depth_labels import DepthLabelError, DepthLabelStore
from mmdepthseg.datasets.depth_maps import DepthKind
from mmdepthseg.datasets.imported_depth import import_depth
from mmdepthseg.models.mixing import MixBatch
from mmdepthseg.models.mixing.depth_mix import DepthMix
from mmdepthseg.models.segmentors.samples import stack_disparity
from mmdepthseg.utils.errors import UserError

METRES = DepthKind('depth')
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadSDEDisparity'),
    dict(type='PackDepthSegInputs'),
]


@pytest.fixture
def world(tmp_path):
    """A clip of two frames: all at 5 m, but the left half of the second at 2 m.

    The top rows of the second are not measured.
    """
    frames, maps = tmp_path / 'clips/ride/frames', tmp_path / 'maps/ride'
    frames.mkdir(parents=True)
    maps.mkdir(parents=True)
    random = np.random.default_rng(0)
    depth = np.full((HEIGHT, WIDTH), 5, np.float32)
    for name in ('a', 'b'):
        image = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        cv2.imwrite(str(frames / f'{name}.png'), image)
        np.save(maps / f'{name}.npy', depth)
        depth[:, : WIDTH // 2], depth[:8] = 2, np.nan
    return tmp_path


def run(world, meaning=METRES, **options):
    places = (world / 'maps', world / 'clips', world / 'labels')
    return import_depth(*places, meaning, **options)


def dataset(world, pipeline=PIPELINE, **options):
    return ClipDataset(
        data_root=str(world / 'clips'), pipeline=pipeline,
        sde_disparity_dir='../labels', branch='mix', **options,
    )  # fmt: skip


@pytest.mark.parametrize('option', ['image', 'map'])
def test_other_images_are_left_out_with_a_cure(option, world, user_warnings):
    """The cure is an option of the tool."""
    run(world)
    assert not user_warnings()
    folder = dict(image=world / 'clips/ride/frames', map=world / 'maps/ride')[option]
    (folder / 'c.bmp').touch()
    suffixes = dict(image={}, map=dict(map_suffixes=('.npy', '.png')))[option]
    run(world, **suffixes)
    (message,) = user_warnings()
    assert 'c.bmp' in message and message.endswith(f'with --{option}-suffix')
    with pytest.raises(UserError, match=f'--{option}-suffix'):
        run(world, **{f'{option}_suffixes': ('.ppm',)})


def test_values_by_the_formula(world, our_scope):
    done = run(world)
    assert (done.written, done.total, done.scale) == (2, 2, 1)
    assert done.measured == pytest.approx(1 - 8 / HEIGHT / 2)
    first, second = (dataset(world)[i]['data_samples'] for i in range(2))
    near, far = ((1 / d - 0.01) / (10 - 0.01) for d in (2, 5))
    values = second.disparity_map.data[0]
    assert values[20, 0] == pytest.approx(near, abs=1e-5)
    assert values[20, -1] == pytest.approx(far, abs=1e-5)
    assert values[:8].isnan().all() and not values[8:].isnan().any()
    assert not first.disparity_map.data.isnan().any()


def test_the_nearer_covers_the_farther(world, our_scope):
    """2 m against 5 m, and what is not measured covers nothing."""
    run(world)
    samples = [dataset(world)[i]['data_samples'] for i in (1, 0)]
    disparity = stack_disparity(samples, torch.device('cpu'))
    images = torch.stack([torch.ones(3, HEIGHT, WIDTH), torch.zeros(3, HEIGHT, WIDTH)])
    labels = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.long)
    mixed = DepthMix(margin=0.001)(MixBatch(images, labels, labels + 1.0, disparity))
    mask = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    mask[8:, : WIDTH // 2] = True  # nearer
    mask[8:, WIDTH // 2 :] = True  # as near: the image itself stays
    assert torch.equal(mixed.images[0, 0] == 1, mask)
    # and the other image keeps only what is not farther than the first
    mask[8:, : WIDTH // 2], mask[8:, WIDTH // 2 :], mask[:8] = False, True, True
    assert torch.equal(mixed.images[1, 0] == 0, mask)


def test_a_step_of_a_mean_teacher(world, our_scope):
    run(world)
    model = build_teacher(mixing=dict(type='DepthMix', relative_margin=True)).train()
    model.teacher.module.decode_head.conv_seg.weight.data *= 1000  # it is sure
    labelled = packed_batch(2, branch='labeled', neighbours=False, disparity=False)
    samples = [dataset(world)[i] for i in range(2)]
    mix = dict(
        inputs=[dict(img=sample['inputs']['img']) for sample in samples],
        data_samples=[sample['data_samples'] for sample in samples],
    )
    batch = {key: labelled[key] + mix[key] for key in labelled}
    wrapper = OptimWrapper(torch.optim.SGD(model.student.parameters(), lr=1e-3))
    logs = model.train_step(batch, wrapper)
    assert 0 < logs['mix.loss_pseudo'] < float('inf')


def test_stretched_by_what_is_measured(world, our_scope):
    run(world)
    stretch = [dict(PIPELINE[1], stretch=True)]
    data = dataset(world, [PIPELINE[0], *stretch, PIPELINE[2]])
    values = data[1]['data_samples'].disparity_map.data
    assert sorted(set(values[~values.isnan()].tolist())) == [0, 1]


def test_finished_maps_are_not_done_again(world, monkeypatch):
    run(world)
    seen, write = [], DepthLabelStore.write
    monkeypatch.setattr(
        DepthLabelStore,
        'write',
        lambda self, name, *rest: seen.append(name) or write(self, name, *rest),
    )
    assert run(world).written == 0 and not seen
    np.save(world / 'maps/ride/b.npy', np.full((HEIGHT, WIDTH), 9.0))
    assert run(world).written == 1 and seen == ['ride/b']
    image = cv2.imread(str(world / 'clips/ride/frames/a.png'))
    cv2.imwrite(str(world / 'clips/ride/frames/a.png'), image // 2)
    with pytest.raises(DepthLabelError, match='import_depth.py'):
        dataset(world)
    assert run(world).written == 1 and seen[1:] == ['ride/a']


def test_a_stop_in_between(world, monkeypatch):
    read = module.read_map
    monkeypatch.setattr(module, 'TRIED', 1)
    monkeypatch.setattr(module, 'FLUSH_SECONDS', 0)
    calls = []

    def stop(path):
        calls.append(path)
        if len(calls) == 3:  # one was tried before
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(module, 'read_map', stop)
    with pytest.raises(KeyboardInterrupt):
        run(world)
    with pytest.raises(DepthLabelError, match='import_depth.py'):
        dataset(world)
    assert run(world).written == 1
    dataset(world)


def test_another_source_or_meaning_is_refused(world):
    run(world)
    with pytest.raises(UserError, match='max_depth'):
        run(world, DepthKind('depth', max_depth=50))
    (world / 'maps').rename(world / 'others')
    places = (world / 'others', world / 'clips', world / 'labels')
    with pytest.raises(UserError, match='options.source'):
        import_depth(*places, METRES)
    assert import_depth(*places, METRES, overwrite=True).written == 2
    manifest = json.loads((world / 'labels/manifest.json').read_text())
    assert manifest['imported'] == str(world / 'others') and manifest['masked']


@pytest.mark.parametrize('check', [True, False])
def test_the_mask_does_not_depend_on_the_check(check, world, our_scope):
    run(world)
    sample = dataset(world, check_depth_labels=check)[1]['data_samples']
    assert sample.disparity_map.data[0, :8].isnan().all()


@pytest.mark.parametrize(
    ('meaning', 'loader', 'expected'),
    [
        (DepthKind('inverse-depth', min_depth=0.15), {}, (0.15, 100.0)),
        (DepthKind('depth'), dict(stretch=True), None),
        (DepthKind('disparity'), {}, None),
    ],
)
def test_labels_carry_the_range_of_depth(meaning, loader, expected, world, our_scope):
    run(world, meaning)
    for root in (None, str(world / 'labels')):
        load = dict(type='LoadSDEDisparity', root=root, **loader)
        data = dataset(world, [PIPELINE[0], load, PIPELINE[2]])
        meta = data[0]['data_samples'].metainfo
        assert meta.get('disparity_range') == expected


def test_sparse_depth_is_refused_or_filled(world, our_scope):
    sparse = np.zeros((HEIGHT, WIDTH), np.float32)
    sparse[::8, ::8] = 7
    for name in ('a', 'b'):
        np.save(world / f'maps/ride/{name}.npy', sparse)
    with pytest.raises(UserError, match='--fill'):
        run(world)
    assert not (world / 'labels').exists()
    run(world, DepthKind('depth', fill='nearest'))
    values = dataset(world)[0]['data_samples'].disparity_map.data
    assert values.min() == values.max() > 0


def test_scale_of_disparity_is_that_of_all_maps(world):
    done = run(world, DepthKind('disparity'))
    assert done.scale == pytest.approx(1 / 5)
    values = cv2.imread(str(world / 'labels/ride/b.png'), cv2.IMREAD_UNCHANGED)
    assert values[20, 0] == round(0.4 * 65535) and values[0, 0] == 0


def test_maps_that_do_not_fit(world):
    maps = world / 'maps/ride'
    (maps / 'b.npy').rename(maps / 'c.npy')
    with pytest.raises(UserError, match='ride/b'):
        run(world)
    np.save(maps / 'b.npy', np.ones((HEIGHT, HEIGHT)))
    with pytest.raises(UserError, match='b.npy'):
        run(world)
    np.save(maps / 'b.npy', np.ones((HEIGHT // 2, WIDTH // 2)))
    assert run(world).left_over == ['ride/c']


@pytest.mark.parametrize(
    'image, depth, name',
    [
        ('x/frames/1.jpg', 'x/1.npy', 'x/1'),
        ('x/frames/1.jpg', 'x/frames/1.npy', 'x/1'),
        ('x/1.jpg', '1.npy', 'x/1'),
        ('1.jpg', '1.npy', '1'),
        ('frames/1.jpg', '1.npy', 'images/1'),
        ('x/x/1.jpg', 'x/x/1.npy', 'x/x/1'),
    ],
)
def test_names_are_those_of_the_data_sets(image, depth, name, tmp_path):
    for folder, file in (('images', image), ('maps', depth)):
        path = tmp_path / folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    images = module.list_named(tmp_path / 'images', ('.jpg',))
    maps = module.list_named(tmp_path / 'maps', ('.npy',))
    assert module.match_maps(images, maps) == (
        {name: str(tmp_path / 'maps' / depth)},
        [],
    )


def test_a_folder_without_manifest_names_the_tool(world, our_scope):
    (world / 'labels').mkdir()
    with pytest.raises(DepthLabelError, match='tools/import_depth.py'):
        dataset(world)


def test_names_of_links_are_their_own(world, our_scope):
    """As those of the data sets, whatever the links lead to."""
    (world / 'clips/ride').rename(world / '2024_05_01')
    (world / 'clips/ride').symlink_to(world / '2024_05_01')
    assert run(world).total == 2
    names = [info['img_id'] for info in dataset(world).load_data_list()]
    assert names == ['ride/a', 'ride/b']
    one = module.list_named(world / 'clips/ride', ('.png',))
    assert [*one] == names


def test_another_folder_of_frames(world, our_scope):
    """As of KITTI odometry: image_2."""
    (world / 'clips/ride/frames').rename(world / 'clips/ride/image_2')
    with pytest.raises(UserError, match='--frames-dir'):
        run(world)
    assert run(world, frames_dir='image_2').total == 2
    assert dataset(world, frames_dir='image_2')[0]['inputs']['img'].shape[0] == 3


def test_files_that_are_no_labels_are_kept(world):
    """Whether they are the images, the maps, or something else."""
    image = world / 'clips/ride/a.png'
    (world / 'clips/ride/frames/a.png').rename(image)
    (world / 'clips/ride/frames/b.png').rename(world / 'clips/ride/b.png')
    before = image.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(UserError, match='a.png, without manifest.json'):
            import_depth(
                world / 'maps', world / 'clips', world / 'clips', METRES,
                overwrite=overwrite,
            )  # fmt: skip
    assert image.read_bytes() == before
    assert not (world / 'clips/manifest.json').exists()


def test_sparse_maps_are_refused_by_all_maps_whatever_was_there_before(world):
    """The last call alone would refuse what all at once may have, or the reverse."""
    run(world)
    sparse = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    sparse[:6] = 4
    np.save(world / 'maps/ride/b.npy', sparse)
    done = run(world)
    assert done.written == 1 and done.measured == pytest.approx((1 + 6 / HEIGHT) / 2)
    np.save(world / 'maps/ride/a.npy', sparse)
    for _ in range(2):  # nothing is left to do the second time
        with pytest.raises(UserError, match='measured'):
            run(world)


def test_a_folder_that_is_not_there(world):
    with pytest.raises(UserError, match='none: no such folder'):
        import_depth(world / 'none', world / 'clips', world / 'out', DepthKind('depth'))
