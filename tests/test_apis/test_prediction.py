"""Predictions of images and videos: what is written, and what is not done twice."""

import shutil
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import torch
from helpers.untrained import (
    DEPTH,
    MULTI_TASK,
    SEGMENTATION,
    TEACHER,
    save_untrained,
)
from mmseg.apis import inference_model, init_model

from mmdepthseg import CONFIGS
from mmdepthseg.apis import Network, predict
from mmdepthseg.apis import prediction as module
from mmdepthseg.apis.network import inference_pipeline
from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.launch.config import load_config
from mmdepthseg.utils.errors import UserError

SIZE = (40, 64)
LABELS = {'labels', 'label_pictures', 'overlays'}
DEPTHS = {'disparity', 'depth_pictures'}


@pytest.fixture(scope='module')
def networks(tmp_path_factory):
    """Config and checkpoint by kind."""
    folder, made = tmp_path_factory.mktemp('networks'), {}

    def get(config):
        if config not in made:
            made[config] = save_untrained(config, folder / f'{config.stem}.pth')
        return str(config), made[config]

    return get


@pytest.fixture
def tiny(tiny_config, tmp_path):
    """A small network of MMSegmentation; its config and checkpoint."""
    config = tiny_config()
    return config, save_untrained(config, tmp_path / 'tiny.pth')


@pytest.fixture
def images(tmp_path):
    """A folder of three images."""
    random = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    for name in ('2', '10', 'x y'):
        image = random.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'images/{name}.png'), image)
    return tmp_path / 'images'


@pytest.fixture
def seen(monkeypatch):
    """Numbers of frames per pass of a network."""
    counts, original = [], Network.predict

    def count(self, samples):
        counts.append(len(samples))
        return original(self, samples)

    monkeypatch.setattr(Network, 'predict', count)
    return counts


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def kinds_in(folder):
    return {path.name for path in folder.iterdir() if path.is_dir()}


def test_labels_and_depth_of_a_mean_teacher(networks, images, tmp_path, seen):
    config, checkpoint = networks(MULTI_TASK)
    out = tmp_path / 'out'
    done = predict(config, checkpoint, images, out, device='cpu', batch_size=2)
    assert (done.frames, done.fresh, done.video) == (3, 3, None) and seen == [2, 1]
    assert kinds_in(out) == LABELS | DEPTHS
    model = init_model(config, str(checkpoint), device='cpu')
    for path in images.iterdir():
        wanted = inference_model(model, str(path))
        labels = read(out / f'labels/{path.name}')
        assert labels.dtype == np.uint8 and labels.shape == SIZE
        assert np.mean(labels == wanted.pred_sem_seg.data[0].numpy()) > 0.999
        values = read(out / f'disparity/{path.name}')
        assert values.dtype == np.uint16
        # the inverse of the depth that the model gives, between 1/100 and 1/0.1
        inverse = 1 / 100 + (1 / 0.1 - 1 / 100) * values / 65535
        depth = wanted.pred_depth_map.data[0].numpy()
        np.testing.assert_allclose(inverse, 1 / depth, atol=3e-4)
        assert read(out / f'depth_pictures/{path.name}').shape == (*SIZE, 3)
    predict(config, checkpoint, images / '2.png', tmp_path / 'student', part='student')
    pairs = [(out, 'disparity/2.png'), (tmp_path / 'student', 'disparity/2.png')]
    first, second = (read(folder / name) for folder, name in pairs)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    'config, kinds', [(DEPTH, DEPTHS), (SEGMENTATION, LABELS), (TEACHER, LABELS)]
)
def test_models_of_one_task(config, kinds, networks, images, tmp_path):
    predict(*networks(config), images / '2.png', tmp_path / 'out', device='cpu')
    assert kinds_in(tmp_path / 'out') == kinds
    assert [p.name for p in (tmp_path / 'out').glob('*/*')] == ['2.png'] * len(kinds)


def test_model_of_mmsegmentation(tiny_config, tmp_path):
    config = tiny_config()
    meta = dict(
        classes=('road', 'car', 'sky'), palette=[[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    )
    checkpoint = save_untrained(config, tmp_path / 'a.pth', dataset_meta=meta)
    out = tmp_path / 'out'
    predict(config, checkpoint, tmp_path / 'tiny/images', out, device='cpu')
    labels, picture = read(out / 'labels/0.png'), read(out / 'label_pictures/0.png')
    palette = np.array(meta['palette'])
    assert np.array_equal(picture[..., ::-1], palette[labels])
    image = read(tmp_path / 'tiny/images/0.png').astype(float)
    overlay = read(out / 'overlays/0.png')
    assert np.abs(overlay - (image + picture) / 2).max() <= 1


def test_arrays_that_are_no_images(tiny):
    network, image = Network(*tiny, 'cpu'), np.zeros((*SIZE, 3), np.uint8)
    found = network([image, image[:, ::-1], image[::2]])
    assert [p.labels.shape for p in found] == [SIZE, SIZE, (SIZE[0] // 2, SIZE[1])]
    for wrong, named in (
        (image / 255, r'\(40, 64, 3\), float64'),
        (image.astype(np.uint16), 'uint16'),
        (image[..., 0], r'\(40, 64\), uint8'),
        (image[..., [0, 1, 2, 0]], r'\(40, 64, 4\)'),
        (image.transpose(2, 0, 1), r'\(3, 40, 64\)'),
        (image[None], r'\(1, 40, 64, 3\)'),
        (image[:0], r'\(0, 64, 3\)'),
        (torch.from_numpy(image), 'Tensor'),
        ('a.png', 'str'),
    ):
        with pytest.raises(UserError, match=f'{named}.*uint8, BGR'):
            network([wrong])


def test_finished_frames_are_not_predicted_again(tiny, images, tmp_path, seen):
    network, out = tiny, tmp_path / 'out'
    predict(*network, images, out, device='cpu')
    (out / 'overlays/10.png').unlink()
    assert predict(*network, images, out, device='cpu').fresh == 1
    cv2.imwrite(str(images / '2.png'), np.zeros((*SIZE, 3), np.uint8))
    cv2.imwrite(str(images / '3.png'), np.zeros((*SIZE, 3), np.uint8))
    assert predict(*network, images, out, device='cpu').fresh == 2
    assert predict(*network, images, out, device='cpu').fresh == 0
    assert seen == [3, 1, 2]


def test_goes_on_after_an_error(tiny, images, tmp_path, seen):
    (images / '10.png').write_bytes(b'not an image')
    network, out = tiny, tmp_path / 'out'
    with pytest.raises(ValueError, match='10.png'):
        predict(*network, images, out, device='cpu', batch_size=1)
    cv2.imwrite(str(images / '10.png'), np.zeros((*SIZE, 3), np.uint8))
    assert predict(*network, images, out, device='cpu').fresh == 2


def test_others_in_the_folder_are_refused(tiny, images, tmp_path):
    network, out = tiny, tmp_path / 'out'
    predict(*network, images, out, device='cpu')
    with pytest.raises(UserError, match='opacity'):
        predict(*network, images, out, device='cpu', opacity=1)
    other = tmp_path / 'other.pth'
    content = torch.load(network[1], weights_only=True)
    torch.save(dict(content, iter=1), other)
    with pytest.raises(UserError, match='checkpoint'):
        predict(network[0], other, images, out, device='cpu')
    (out / 'notes.txt').write_text('mine')
    done = predict(*network, images, out, device='cpu', opacity=1, overwrite=True)
    assert done.fresh == 3 and (out / 'notes.txt').read_text() == 'mine'
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/thesis.txt').write_text('mine')
    with pytest.raises(UserError, match='thesis.txt'):
        predict(*network, images, tmp_path / 'mine', device='cpu')


def test_images_of_several_sizes(networks, images, tmp_path, seen):
    """Without a Resize in the pipeline they cannot be in one batch."""
    config, checkpoint = networks(SEGMENTATION)
    network = Network(config, checkpoint, 'cpu')
    cv2.imwrite(str(images / '3.png'), np.zeros((64, 96, 3), np.uint8))
    network.pipeline.transforms = [
        step for step in network.pipeline.transforms if type(step).__name__ != 'Resize'
    ]
    frames = module.open_frames(images)
    work = module._Work(StampedFolder(tmp_path, '', {}), network, frames, 0.5)
    sizes = [len(batch) for batch in work._batches(8, lambda name: True)]
    assert sizes == [1, 1, 2]


def test_video_file(networks, tmp_path, seen):
    video, network = tmp_path / 'drive.mp4', networks(DEPTH)
    code = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(video), code, 5, SIZE[::-1])
    for value in (20, 120, 220):
        writer.write(np.full((*SIZE, 3), value, np.uint8))
    writer.release()
    out = tmp_path / 'out'
    done = predict(*network, video, out, device='cpu', batch_size=2)
    assert done.fresh == 3 and seen == [2, 1]
    assert sorted(p.stem for p in (out / 'disparity').iterdir()) == [
        '000000', '000001', '000002',
    ]  # fmt: skip
    reader = cv2.VideoCapture(str(done.video))
    assert reader.get(cv2.CAP_PROP_FPS) == 5
    frames = [reader.read()[1] for _ in range(3)]
    height, width = SIZE
    assert frames[2].shape == (height, 2 * width, 3)
    assert [round(frame[:, :width].mean() / 100) for frame in frames] == [0, 1, 2]
    (out / 'disparity/000001.png').unlink()
    assert predict(*network, video, out, device='cpu').fresh == 1
    clip = tmp_path / 'clip'
    shutil.copytree(out / 'depth_pictures', clip / 'frames')
    made = predict(*network, clip, tmp_path / 'second', device='cpu', fps=7)
    assert cv2.VideoCapture(str(made.video)).get(cv2.CAP_PROP_FPS) == 7
    assert [*made.video.parent.glob('*.mp4*')] == [made.video]


def test_the_video_has_the_frames_that_are_there(networks, images, tmp_path):
    """Also where it was interrupted, or frames went; else it stays."""
    network, out = networks(DEPTH), tmp_path / 'out'

    def made(fps=5):
        predict(*network, images, out, device='cpu', fps=fps)
        video = cv2.VideoCapture(str(out / 'side_by_side.mp4'))
        counted = video.get(cv2.CAP_PROP_FRAME_COUNT)
        return counted, video.get(cv2.CAP_PROP_FPS)

    assert made() == (3, 5)
    cv2.imwrite(str(images / '3.png'), np.zeros((*SIZE, 3), np.uint8))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, 'write_video', Mock(side_effect=KeyboardInterrupt))
        made()
    assert made() == (4, 5)
    (images / '10.png').unlink()
    assert made() == (3, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'write_video', Mock(side_effect=AssertionError))
        assert made() == (3, 5)
        predict(*network, images, out, device='cpu')  # asks for none
        assert made() == (3, 5)
    assert made(fps=7) == (3, 7)


def test_images_of_other_shapes_are_not_stretched_in_the_video(networks, tmp_path):
    shapes = (SIZE, (SIZE[0] // 2, SIZE[1] // 2), (64, 40), (20, 64))
    for number, shape in enumerate(shapes):
        image = np.full((*shape, 3), 200, np.uint8)
        cv2.imwrite(str(tmp_path / f'{number}.png'), image)
    made = predict(*networks(DEPTH), tmp_path, tmp_path / 'out', device='cpu', fps=5)
    video = cv2.VideoCapture(str(made.video))
    # height and width of the image in the first panel, which is as large as the first
    for height, width in ((40, 64), (40, 64), (40, 24), (20, 64)):
        shown = video.read()[1][:, : SIZE[1], 0] > 100
        assert shown.any(axis=1).sum() == pytest.approx(height, abs=2)
        assert shown.any(axis=0).sum() == pytest.approx(width, abs=2)
        assert abs(np.argwhere(shown).mean(axis=0) - (19.5, 31.5)).max() < 1
    assert not video.read()[0]


def test_inputs_that_are_none(networks, tmp_path):
    network = networks(DEPTH)
    (tmp_path / 'ride/frames').mkdir(parents=True)
    (tmp_path / 'film.mp4').write_bytes(b'nothing')
    for source, name in (
        ('absent.png', 'absent.png'), ('.', 'ride'), ('film.mp4', 'film.mp4'),
    ):  # fmt: skip
        with pytest.raises(UserError, match=name):
            predict(*network, tmp_path / source, tmp_path / 'out', device='cpu')
    with pytest.raises(UserError, match='--part'):
        Network(*network, 'cpu', 'teacher')


def write_film(path, count, code='MJPG'):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 5, SIZE[::-1])
    for value in range(count):
        writer.write(np.full((*SIZE, 3), 5 * value, np.uint8))
    writer.release()


def test_broken_off_videos_are_named(tmp_path):
    """Their beginning would be taken for the whole."""
    whole, half = tmp_path / 'whole.avi', tmp_path / 'half.avi'
    write_film(whole, 40)
    content = whole.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    assert len(list(module.open_frames(whole).read(lambda name: True))) == 40
    with pytest.warns(UserWarning, match=r'half.avi.* 40 frames, .* decodes \d'):
        frames = list(module.open_frames(half).read(lambda name: True))
    assert 0 < len(frames) < 40


def test_a_video_that_is_not_written_whole_is_refused(
    networks, images, tmp_path, monkeypatch
):
    """As on a full disk, of which OpenCV says nothing."""

    class FullDisk:
        fourcc = cv2.VideoWriter.fourcc

        def __init__(self):
            self.writer = writer()

        def __getattr__(self, name):
            return getattr(self.writer, name)

        def open(self, name, *options):
            self.path = Path(name)
            return self.writer.open(name, *options)

        def release(self):
            self.writer.release()
            self.path.write_bytes(self.path.read_bytes()[:100])

    writer = cv2.VideoWriter
    network, out = networks(DEPTH), tmp_path / 'out'
    monkeypatch.setattr(cv2, 'VideoWriter', FullDisk)
    with pytest.raises(UserError, match='side_by_side.mp4.* disk full'):
        predict(*network, images, out, device='cpu', fps=5)
    assert not [*out.glob('*.mp4*')]
    monkeypatch.undo()
    assert predict(*network, images, out, device='cpu', fps=5).fresh == 0
    assert (out / 'side_by_side.mp4').exists()


def test_size_of_images_where_a_config_has_no_test():
    """That of `predict_pipeline`, also beside a `test_pipeline` (MMSegmentation)."""
    config = f'{CONFIGS}/clips/sde_r18-w16_1k_320x160.py'
    cfg = load_config(config, {'predict_pipeline.Resize.scale': (384, 128)})
    (resize,) = (s for s in inference_pipeline(cfg) if s['type'] == 'Resize')
    assert cfg.test_pipeline and resize['scale'] == (384, 128)
