"""Predict images or a video: labels, depth, and pictures of both."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

from mmdepthseg.apis.frames import Frame, ImageFrames, VideoFrames, open_frames
from mmdepthseg.apis.network import Network, Prediction
from mmdepthseg.apis.pool import image_shape
from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.checkpoints.reading import is_remote
from mmdepthseg.datasets.depth_labels import SCALE, to_16_bits
from mmdepthseg.names import check_below
from mmdepthseg.utils.errors import UserError, refuse
from mmdepthseg.utils.files import (
    atomic_path,
    check_writable,
    file_hash,
    remove_leftovers,
)
from mmdepthseg.utils.pictures import read_picture, write_picture
from mmdepthseg.visualization.drawing import (
    color_disparity,
    color_labels,
    disparity_range,
    overlay,
)

VIDEO = 'side_by_side.mp4'
#: Folders of the outputs: of labels, and of depth.
KINDS = ('labels', 'label_pictures', 'overlays', 'disparity', 'depth_pictures')
PANEL_WIDTH = 640
#: Frames whose disparities give the range of colours of a video.
RANGE_FRAMES = 50
NOTE_SECONDS = 20.0
_WRITERS = 4


@dataclass(frozen=True)
class Predicted:
    """Result of `predict`.

    Attributes:
        folder: Where it is.
        frames: Number of frames.
        fresh: How many of them were predicted now; the others were there.
        video: The video, if one was asked for.
    """

    folder: Path
    frames: int
    fresh: int
    video: Path | None


def predict(
    config: Config | str | Path,
    checkpoint: str | Path,
    source: str | Path,
    out: str | Path,
    *,
    batch_size: int = 4,
    device: str | None = None,
    part: str | None = None,
    opacity: float = 0.5,
    fps: float | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predicted:
    """Predict an image, a folder of images, a clip or a video file.

    Writes for each frame, as far as the model predicts it: `labels/NAME.png` (class
    indices), `label_pictures/NAME.png`, `overlays/NAME.png`, `disparity/NAME.png` (16
    bit; `stamp.json` tells the scale) and `depth_pictures/NAME.png`; and for videos
    `side_by_side.mp4`. Called again, it goes on where it stopped.

    Args:
        config: The model's config or its path.
        checkpoint: Its checkpoint.
        source: See `open_frames`.
        out: Folder to write to.
        batch_size: Frames per forward pass.
        device: See `Network`.
        part: See `Network`.
        opacity: Of the labels in the overlays, 0..1.
        fps: Frames per second of the video; None: those of a video file, and no video
            of images.
        overwrite: Replace predictions that were made with something else.
        progress: Called with (frames done, total).

    Raises:
        UserError: An input is wrong, or `out` holds other predictions.
    """
    refuse(
        'predict',
        {
            f'batch_size={batch_size}: expected at least 1': batch_size < 1,
            f'opacity={opacity}: expected 0 to 1': not 0 <= opacity <= 1,
            f'fps={fps}: expected more than 0': fps is not None and not fps > 0,
        },
    )
    frames = open_frames(source)
    folder = Path(out).expanduser()
    check_writable(folder, 'folder of --out')
    network = Network(config, checkpoint, device, part)
    made_with = dict(
        frames.made_with,
        checkpoint=_weights(checkpoint),
        opacity=opacity,
        **network.made_with,
    )
    stamp = _Predictions(folder, 'predictions', made_with)
    stamp.begin(overwrite)
    remove_leftovers(folder)
    work = _Work(stamp, network, frames, opacity)
    fresh = work.run(batch_size, progress)
    rate = fps or frames.fps
    video = folder / VIDEO
    if rate:
        # noted after it is written, so that one that was interrupted is made again
        content = dict(fps=rate, frames=frames.states())
        if fresh or stamp.facts.get('video') != content or not video.exists():
            write_video(video, frames, folder, network, rate)
        work.finish(video=content)
    else:
        work.finish()
    return Predicted(folder, len(frames), fresh, video if rate else None)


def _weights(checkpoint: str | Path) -> str:
    """Return what tells a checkpoint from another: its hash, or its address."""
    if is_remote(checkpoint):
        return str(checkpoint)
    return file_hash(Path(checkpoint).expanduser())


class _Predictions(StampedFolder):
    """Stamp of predictions, in a folder that the user has named."""

    def clear(self) -> None:
        """Remove the predictions and nothing that lies beside them."""
        for kind in KINDS:
            if (self.folder / kind).exists():
                shutil.rmtree(self.folder / kind)
        (self.folder / VIDEO).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class _Work:
    """The frames of a source that are predicted, and the record of those that are."""

    def __init__(
        self,
        stamp: StampedFolder,
        network: Network,
        frames: ImageFrames | VideoFrames,
        opacity: float,
    ) -> None:
        self.stamp, self.network, self.frames = stamp, network, frames
        self.opacity = opacity
        self.states: dict[str, list[int]] = dict(stamp.facts.get('frames', {}))
        self.noted = time.monotonic()

    def run(
        self, batch_size: int, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Predict what is not there yet; return the number of frames."""
        fresh = kept = 0

        def wanted(name: str) -> bool:
            nonlocal kept
            if there := self._is_done(name):
                kept += 1
            return not there

        with ThreadPoolExecutor(_WRITERS) as pool:
            try:
                for batch in self._batches(batch_size, wanted):
                    found = self.network.predict([sample for _, sample in batch])
                    list(pool.map(self._write, [frame for frame, _ in batch], found))
                    for frame, _ in batch:
                        self.states[frame.name] = self.frames.state(frame.name)
                    fresh += len(batch)
                    if progress is not None:
                        done = kept + fresh
                        progress(done, max(done, len(self.frames)))
                    if time.monotonic() - self.noted > NOTE_SECONDS:
                        self._note()
            finally:
                if fresh:
                    self._note()
        if progress is not None and not fresh:
            progress(len(self.frames), len(self.frames))
        return fresh

    def finish(self, **facts: object) -> None:
        """Write that everything is there, and what the files mean."""
        network = self.network
        near, far = network.depth_range
        meaning = dict(classes=network.classes, palette=network.palette)
        meaning['disparity'] = (
            f'inverse depth = {1 / far!r} + {1 / near - 1 / far!r} * value / {SCALE}, '
            'in units of the model (metres up to one factor)'
        )
        self.stamp.finish(frames=self.states, **meaning, **facts)

    def _note(self) -> None:
        self.noted = time.monotonic()
        self.stamp.note(frames=self.states)

    def _batches(
        self, size: int, wanted: Callable[[str], bool]
    ) -> Iterator[list[tuple[Frame, dict]]]:
        """Yield frames that the network sees in one size, with what it sees."""
        batch: list[tuple[Frame, dict]] = []
        for frame in self.frames.read(wanted):
            sample = self.network.prepare(frame.image)
            if batch and image_shape(sample) != image_shape(batch[0][1]):
                yield batch
                batch = []
            batch.append((frame, sample))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _is_done(self, name: str) -> bool:
        if self.states.get(name) != self.frames.state(name):
            return False
        kinds = output_kinds(self.network)
        return all(_file(self.stamp.folder, kind, name).exists() for kind in kinds)

    def _write(self, frame: Frame, found: Prediction) -> None:
        for kind, image in pictures(frame.image, found, self.network, self.opacity):
            write_picture(_file(self.stamp.folder, kind, frame.name), image)


def output_kinds(network: Network) -> list[str]:
    """Return the folders of the outputs that a network has."""
    labels, depth = KINDS[:3], KINDS[3:]
    return [*labels * bool(network.classes), *depth * network.predicts_depth]


def pictures(
    image: np.ndarray, found: Prediction, network: Network, opacity: float = 0.5
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the outputs of a frame with the names of their folders.

    Args:
        image: (H, W, 3) uint8 BGR.
        found: Its prediction.
        network: For the colours.
        opacity: Of the labels in the overlay.
    """
    if found.labels is not None:
        colors = color_labels(found.labels, network.palette)
        yield 'labels', found.labels
        yield 'label_pictures', colors
        yield 'overlays', overlay(image, colors, opacity)
    if found.disparity is not None:
        yield 'disparity', to_16_bits(found.disparity)
        yield 'depth_pictures', color_disparity(found.disparity)


def write_video(
    path: Path,
    frames: ImageFrames | VideoFrames,
    folder: Path,
    network: Network,
    fps: float,
) -> None:
    """Write image, labels and depth side by side, from the files of a folder.

    Args:
        path: The .mp4 file.
        frames: The frames.
        folder: Of their predictions.
        network: Which made them.
        fps: Frames per second.

    Raises:
        UserError: OpenCV cannot write the video, or not all of it.
    """
    names = sorted(path.stem for path in (folder / 'disparity').glob('*.png'))
    every = names[:: max(1, len(names) // RANGE_FRAMES)]
    some = [_disparity(folder, name)[::4, ::4] for name in every]
    limits = (
        disparity_range(np.concatenate([d.ravel() for d in some])) if some else None
    )
    writer, written = cv2.VideoWriter(), False
    # OpenCV takes the format from the suffix
    with atomic_path(path, keep_suffix=True) as temporary:
        try:
            for strip in _strips(frames, folder, network, limits):
                if not writer.isOpened():
                    size = strip.shape[1::-1]
                    code = cv2.VideoWriter.fourcc(*'mp4v')
                    if not writer.open(str(temporary), code, fps, size):
                        raise UserError(
                            f'{path}: OpenCV cannot write an mp4 video here'
                        )
                writer.write(strip)
                written = True
        finally:
            writer.release()
        # OpenCV does not tell whether what it wrote has reached the disk
        if written and not _is_readable(temporary):
            raise UserError(
                f'{path}: the video was not written whole: is the disk full? The '
                'predictions are kept; run the command again'
            )


def _is_readable(path: Path) -> bool:
    """Tell whether a video can be read, as none can whose end, an index, is missing."""
    reader = cv2.VideoCapture(str(path))
    try:
        return reader.isOpened() and reader.read()[0]
    finally:
        reader.release()


def _strips(
    frames: ImageFrames | VideoFrames,
    folder: Path,
    network: Network,
    limits: tuple[float, float] | None,
) -> Iterator[np.ndarray]:
    """Yield the panels of each frame, side by side, as large as the first frame's."""
    size = None
    for frame in frames.read(lambda name: True):
        panels = [frame.image]
        if network.classes:
            picture = read_picture(_file(folder, 'label_pictures', frame.name))
            panels.append(_there(picture, frame.name))
        if network.predicts_depth:
            panels.append(color_disparity(_disparity(folder, frame.name), limits))
        size = size or _panel_size(frame.image)
        yield np.hstack([_panel(panel, size) for panel in panels])


def _panel_size(
    image: np.ndarray, within: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Return the width and height of an image's panel, which videos can have.

    Args:
        image: (H, W, 3).
        within: Fill this width and height; None: at most `PANEL_WIDTH`.
    """
    height, width = image.shape[:2]
    share = min(1.0, PANEL_WIDTH / width)
    if within is not None:
        share = min(within[0] / width, within[1] / height)
    width, height = (max(2, round(s * share) // 2 * 2) for s in (width, height))
    return width, height


def _panel(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a panel of a size; an image of another shape has black beside it."""
    own = _panel_size(image)
    if own != size:
        own = _panel_size(image, size)
    panel = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = ((whole - part) // 2 for whole, part in zip(size, own, strict=True))
    panel[top : top + own[1], left : left + own[0]] = cv2.resize(
        image, own, interpolation=cv2.INTER_AREA
    )
    return panel


def _disparity(folder: Path, name: str) -> np.ndarray:
    values = read_picture(_file(folder, 'disparity', name), cv2.IMREAD_UNCHANGED)
    return _there(values, name) / np.float32(SCALE)


def _there(image: np.ndarray | None, name: str) -> np.ndarray:
    if image is None:
        raise UserError(f'the prediction of {name} has gone or is damaged; start again')
    return image


def _file(folder: Path, kind: str, name: str) -> Path:
    return folder / kind / f'{check_below(name)}.png'
