"""Measurements that tell whether a streets data set is suitable for training.

The main figure compares two photometric errors: that of a neighbouring frame warped
with the *true* depth and pose, and that of the unwarped neighbour (identity). If the
first is not far below the second, aliasing or missing texture hide the signal that
self-supervised depth estimation needs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.cityscapes import CLASSES, decode_disparity, train_id_table
from mmdepthseg.streets import layout
from mmdepthseg.streets.dataset import Clip, Options, render_clip
from mmdepthseg.streets.visits import SPLITS
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.pictures import read_picture

MAX_DEPTH = 80.0
MAX_RATIO = 0.2
_SCALES = {'full': 1.0, 'half': 0.5}
_DEPTH_TOLERANCE = 0.03


def photometric_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return 0.85 SSIM' + 0.15 L1, (H, W), of two images (H, W, 3) in [0, 1].

    SSIM' = clamp((1 - SSIM) / 2, 0, 1) with 3x3 means and reflected borders (Godard
    et al., ICCV 2019, equation 3).
    """

    def mean(image: np.ndarray) -> np.ndarray:
        return cv2.blur(image, (3, 3), borderType=cv2.BORDER_REFLECT_101)

    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    ssim /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    dissimilarity = np.clip((1.0 - ssim) / 2.0, 0.0, 1.0).mean(axis=-1)
    return 0.85 * dissimilarity + 0.15 * np.abs(a - b).mean(axis=-1)


@dataclass
class View:
    """A frame at some size: image in [0, 1], depth (0 = sky), mask of moving pixels."""

    image: np.ndarray
    depth: np.ndarray
    moving: np.ndarray


def _view(
    image: np.ndarray, depth: np.ndarray, moving: np.ndarray, size: tuple
) -> View:
    """Resize a frame; pixels that mix near and far are marked as moving (unusable)."""
    if (image.shape[1], image.shape[0]) == size:
        return View(image / 255.0, depth, moving > 0)
    area = cv2.INTER_AREA
    inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth > 0)
    inverse = cv2.resize(inverse, size, interpolation=area)
    small = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 1e-4)
    sky = cv2.resize((depth == 0).astype(np.float32), size, interpolation=area)
    share = cv2.resize((moving > 0).astype(np.float32), size, interpolation=area)
    picture = cv2.resize(image / 255.0, size, interpolation=area)
    return View(
        picture, np.where(sky > 0, 0, small), (share > 0) | ((sky > 0) & (sky < 1))
    )


def warp(
    target: View, source: View, target_to_source: np.ndarray, cam2img: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Warp a source frame to the target with the depth of the target.

    Returns:
        Warped image (H, W, 3), mask (H, W) of static pixels that both frames see, and
        flow (H, W, 2) in pixels.
    """
    height, width = target.depth.shape
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([x, y, np.ones_like(x)]).reshape(3, -1).astype(np.float64)
    points = (np.linalg.inv(cam2img) @ rays) * target.depth.reshape(-1)
    points = target_to_source[:3, :3] @ points + target_to_source[:3, 3:]
    z = np.maximum(points[2], 1e-3)
    pixels = (cam2img @ points)[:2] / z
    u = pixels[0].reshape(height, width)
    v = pixels[1].reshape(height, width)
    z = z.reshape(height, width)
    inside = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    mask = inside & (target.depth > 0) & ~target.moving
    u0 = np.clip(np.floor(u), 0, width - 2).astype(int)
    v0 = np.clip(np.floor(v), 0, height - 2).astype(int)
    warped = np.zeros_like(target.image)
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (1 - np.abs(u - u0 - dx)) * (1 - np.abs(v - v0 - dy))
            near = weight > 0.02
            there = source.depth[v0 + dy, u0 + dx]
            # Neighbouring pixels of a slanted plane differ in depth, so the tolerance
            # grows with the slope of the plane.
            slack = _DEPTH_TOLERANCE + _slope(source.depth)[v0 + dy, u0 + dx]
            fits = np.abs(there - z) <= slack * z
            fits &= ~source.moving[v0 + dy, u0 + dx]
            mask &= fits | ~near
            warped += (
                np.where(inside, weight, 0)[..., None] * source.image[v0 + dy, u0 + dx]
            )
    return warped, mask, np.stack([u - x, v - y], axis=-1)


def _slope(depth: np.ndarray) -> np.ndarray:
    """Return the relative change of depth per pixel, for planes, at most 0.1."""
    inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth > 0)
    total = np.zeros_like(inverse)
    for axis in (0, 1):
        ahead = np.abs(np.roll(inverse, -1, axis) - inverse)
        behind = np.abs(np.roll(inverse, 1, axis) - inverse)
        total += np.minimum(ahead, behind)
    return np.minimum(total * np.maximum(depth, 1e-3), 0.1)


def measure_triplet(clip: Clip, factor: float) -> dict[str, float]:
    """Measure photometric errors and flow between a clip's middle frame and neighbours.

    Args:
        clip: A rendered clip of at least 3 frames.
        factor: Scale of the images; 0.5 is half the size.

    Returns:
        `true` and `identity`: mean errors over pixels whose whole SSIM window is static
        and visible in both frames; `true_all` and `identity_all`: the same without
        this margin; `share`: share of the measured pixels; `flow_median`, `flow_95`,
        `flow_max`: flow as share of the width.
    """
    middle = len(clip.frames) // 2
    height, width = clip.frames[0].depth.shape
    size = (round(width * factor), round(height * factor))
    matrix = clip.camera.resized(size[::-1]).K
    views = {
        k: _view(f.image, f.depth, f.moving, size)
        for k, f in enumerate(clip.frames)
        if abs(k - middle) <= 1
    }
    sums = np.zeros(6)
    flows = []
    for neighbour in (middle - 1, middle + 1):
        relative = np.linalg.inv(clip.poses[neighbour]) @ clip.poses[middle]
        target, source = views[middle], views[neighbour]
        warped, mask, flow = warp(target, source, relative, matrix)
        true = photometric_error(warped, target.image)
        identity = photometric_error(source.image, target.image)
        window = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        sums += [true[window].sum(), identity[window].sum(), window.sum(),
                 true[mask].sum(), identity[mask].sum(), mask.sum()]  # fmt: skip
        flows.append(np.hypot(*flow[target.depth > 0].T) / size[0])
    flow = np.concatenate(flows)
    return {
        'true': sums[0] / max(sums[2], 1),
        'identity': sums[1] / max(sums[2], 1),
        'true_all': sums[3] / max(sums[5], 1),
        'identity_all': sums[4] / max(sums[5], 1),
        'share': sums[2] / (2 * size[0] * size[1]),
        'flow_median': float(np.median(flow)),
        'flow_95': float(np.quantile(flow, 0.95)),
        'flow_max': float(np.quantile(flow, 0.999)),
    }


def row_baseline(
    train: Iterable[np.ndarray], val: Iterable[np.ndarray]
) -> dict[str, float]:
    """Return the error of predicting the mean depth of each image row, median aligned.

    Args:
        train: Depth maps (H, W) in metres, 0 = none.
        val: Depth maps to predict.
    """
    total, count = np.zeros(1), np.zeros(1, int)  # per row; the first map sets the size
    for depth in train:
        valid = (depth > 0) & (depth <= MAX_DEPTH)
        total = total + np.where(valid, depth, 0).sum(axis=1, dtype=np.float64)
        count = count + valid.sum(axis=1)
    rows = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    known = np.flatnonzero(count > 0)
    rows = np.interp(np.arange(len(rows)), known, rows[known])
    errors, inliers = [], []
    for depth in val:
        valid = (depth > 0) & (depth <= MAX_DEPTH)
        truth = depth[valid].astype(np.float64)
        guess = np.broadcast_to(rows[:, None], depth.shape)[valid]
        guess = guess * np.median(truth) / np.median(guess)
        errors.append((np.abs(guess - truth) / truth).mean())
        inliers.append((np.maximum(guess / truth, truth / guess) < 1.25).mean())
    return {'abs_rel': float(np.mean(errors)), 'a1': float(np.mean(inliers))}


def _stored_clip(out: Path, options: Options, split: str, number: int) -> Clip:
    """Render the geometry of a clip again; read images, depth and labels from files."""
    clip = render_clip(options, split, number, colour=False)
    files = layout.clip_files(split, clip.city, clip.sequence, len(clip.frames))
    for name, (kind, index) in files.items():
        frame = clip.frames[index or 0]
        if kind == 'image' and name.startswith('leftImg8bit_sequence'):
            frame.image = _read_image(out / name, cv2.IMREAD_COLOR)
        elif kind == 'label':
            frame.label = _read_image(out / name)
        elif kind == 'disparity':
            code, camera = _read_image(out / name), clip.camera
            frame.depth = decode_disparity(code, camera.baseline, camera.fx)
    return clip


def _read_image(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    image = read_picture(path, flags)
    if image is None:
        raise UserError(f'{path}: not a readable image; render the data set again')
    return image


def check_neighbours(options: Options) -> None:
    """Check that there is something to measure.

    Raises:
        UserError: No clip has three frames.
    """
    counts = zip(SPLITS, (options.clips, options.val_clips), strict=True)
    if max(options.frame_count(split) for split, count in counts if count) < 3:
        raise UserError(
            'a check compares neighbours, and no clip has any: it needs frames or '
            'val_frames (--frames, --val-frames) of at least 3'
        )


def check_dataset(
    out: str | Path,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Measure a rendered data set.

    Args:
        out: Its folder.
        options: The options it was rendered with.
        progress: Called with (clips done, total).

    Returns:
        For each split, means and worst ratio of the photometric errors at full and half
        size, flow and class shares; and the error of the row means on val.
    """
    check_neighbours(options)
    out, jobs = Path(out).expanduser(), options.jobs()
    report: dict = {}
    depths: dict[str, list] = {'train': [], 'val': []}
    table = train_id_table()
    for done, (split, number) in enumerate(jobs, start=1):
        clip = _stored_clip(out, options, split, number)
        empty = {'full': [], 'half': [], 'waiting': 0, 'ids': np.zeros(256)}
        part = report.setdefault(split, empty)
        middle = clip.frames[len(clip.frames) // 2]
        part['ids'] += np.bincount(table[middle.label].ravel(), minlength=256)
        depths[split].append(middle.depth)
        if np.allclose(clip.poses, clip.poses[0]):  # no error to compare with
            part['waiting'] += len(clip.frames) >= 3
        elif len(clip.frames) >= 3:
            for name, factor in _SCALES.items():
                figures = measure_triplet(clip, factor)
                if figures['identity'] > 0:  # else no pixel could be measured
                    part[name].append(figures)
        if progress:
            progress(done, len(jobs))
    for part in report.values():
        for name in ('full', 'half'):
            part[name] = _summary(part[name])
        counts = part.pop('ids')[: len(CLASSES)]
        shares = (counts / max(counts.sum(), 1)).tolist()
        part['shares'] = dict(zip(CLASSES, shares, strict=True))
    if depths['train'] and depths['val']:
        report['row_mean'] = row_baseline(depths['train'], depths['val'])
    return report


def _summary(rows: list[dict[str, float]]) -> dict[str, float]:
    if not rows:
        return {}
    summary = {k: float(np.mean([r[k] for r in rows])) for k in rows[0]}
    summary['ratio'] = summary['true'] / summary['identity']
    summary['ratio_all'] = summary['true_all'] / summary['identity_all']
    summary['worst'] = max(r['true'] / r['identity'] for r in rows)
    summary['flow_max'] = max(r['flow_max'] for r in rows)
    return summary


def is_good(report: dict) -> bool:
    """Tell whether the error of the true warp is at most a fifth of identity.

    Clips of a camera that stands still count in neither; without others it is not.
    """
    rows = [report[s][n] for s in ('train', 'val') if s in report for n in _SCALES]
    ratios = [row['ratio'] for row in rows if row]
    return bool(ratios) and max(ratios) <= MAX_RATIO


def format_report(report: dict) -> str:
    """Return the report as text."""
    lines = []
    for split in ('train', 'val'):
        part = report.get(split)
        if part is None:
            continue
        for name in ('full', 'half'):
            row = part[name]
            if not row:
                continue
            lines.append(
                f'{split:5} {name}: true warp {row["true"]:.4f}, identity '
                f'{row["identity"]:.4f}, ratio {row["ratio"]:.3f} (must be <= 0.2; '
                f'worst clip {row["worst"]:.3f}; without margin at occlusions '
                f'{row["ratio_all"]:.3f}), {row["share"]:.0%} of the pixels'
            )
        if not part['full']:
            lines.append(f'{split:5} not measured: no clip of 3 frames moves')
        elif part['waiting']:
            lines.append(f'{split:5} not measured: {part["waiting"]} clips that stand')
        row = part['full']
        if row:
            lines.append(
                f'{split:5} flow / width: median {row["flow_median"]:.1%}, 95th '
                f'percentile {row["flow_95"]:.1%}, largest {row["flow_max"]:.1%}'
            )
        present = [f'{k} {v:.2%}' for k, v in part['shares'].items() if v > 0]
        lines.append(f'{split:5} classes ({len(present)}): ' + ', '.join(present))
    if 'row_mean' in report:
        row = report['row_mean']
        lines.append(
            f'per-row mean depth of train on val: abs_rel {row["abs_rel"]:.3f}, a1 '
            f'{row["a1"]:.3f}'
        )
    return '\n'.join(lines)
