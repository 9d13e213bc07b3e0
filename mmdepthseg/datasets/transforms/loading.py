"""Loading images, neighbours, cameras and labels."""

import cv2
import mmcv.transforms
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import LoadAnnotations

from mmdepthseg.camera import Size, same_aspect
from mmdepthseg.cityscapes import IGNORED
from mmdepthseg.datasets.errors import BrokenFileError, require_one_size
from mmdepthseg.datasets.intrinsics import file_size, listed_camera
from mmdepthseg.datasets.label_tables import UNKNOWN, LabelTable
from mmdepthseg.datasets.transforms.authors_camera import AuthorsCamera
from mmdepthseg.datasets.transforms.files import decode, decode_stored, read_bytes
from mmdepthseg.datasets.transforms.foreign import LABEL, NEIGHBOURS
from mmdepthseg.datasets.transforms.jpeg import jpeg_size, reduction_for
from mmdepthseg.datasets.transforms.label_checks import (
    LABELS_ARE_OPTIONAL,
    refuse_other_ids,
)
from mmdepthseg.datasets.transforms.state import map_size, require_whole_image
from mmdepthseg.names import sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError, refuse


@TRANSFORMS.register_module()
class LoadImageFromFile(mmcv.transforms.LoadImageFromFile):
    """mmcv's `LoadImageFromFile` with one clear error for a bad file.

    mmcv's passes on the decoder's errors, without the file's name, accepts truncated
    JPEGs, turns images by their EXIF data, and silently drops alpha and lower bits.

    Adds `img` (H, W, 3) uint8 BGR, `img_shape`, and `ori_shape`, the file's size.

    Args:
        *args: Of mmcv's.
        min_size: Decode a JPEG, and its neighbours, at a half, a quarter or an eighth
            of its size, if that is at least this (width, height) and whole; other files
            are decoded whole. It takes less time, and gives an image between those of
            bilinear and of area resizing. `Resize` to at most that size must follow
            before anything else moves; labels and depth are resized from their files'
            sizes, as without. None: decode whole.
        **kwargs: Of mmcv's.

    Raises:
        BrokenFileError: The file is missing, truncated or not an image, or would be
            changed by decoding (see `files`).
        UserError: `min_size` is not a size, or goes with another decoder.
    """

    def __init__(
        self, *args, min_size: tuple[int, int] | None = None, **kwargs
    ) -> None:
        super().__init__(*args, **kwargs)
        sides = [] if min_size is None else list(min_size)
        decoder = (self.color_type, self.imdecode_backend)
        refuse(
            'LoadImageFromFile',
            {
                f'min_size={min_size} is not a size (width, height)': (
                    min_size is not None
                    and (len(sides) != 2 or min(map(int, sides)) < 1)
                ),
                "min_size goes with color_type='color' and imdecode_backend='cv2', "
                f'got {decoder}': bool(sides) and decoder != ('color', 'cv2'),
            },
        )
        self.min_size = (sides[0], sides[1]) if sides else None

    def transform(self, results: dict) -> dict | None:
        """Load `results['img_path']`."""
        path = results['img_path']
        try:
            content = read_bytes(path, 'Image', self.backend_args)
            divisor = reduction_for(content, self.min_size)
            img = decode(
                content,
                path,
                'Image',
                self.color_type,
                self.imdecode_backend,
                divisor,
            )
        except BrokenFileError:
            if self.ignore_empty:
                return None
            raise
        results['img'] = img.astype(np.float32) if self.to_float32 else img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        if divisor > 1:
            results['reduction'] = divisor
            results['ori_shape'] = map_size(results)
        return results


@TRANSFORMS.register_module()
class LoadAdjacentFrames(BaseTransform):
    """Load the neighbouring frames of a sample.

    Uses `adjacent_paths`; adds `adjacent`, a list of (H, W, 3) uint8 BGR in the
    order of `adjacent_offsets`. A sample without neighbours is not changed.

    Args:
        imdecode_backend: Of `mmcv.imfrombytes`.
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: A frame is missing, damaged or a file of another size.
        UserError: After a transform that moved or resized the image.
    """

    loads = NEIGHBOURS

    def __init__(
        self, imdecode_backend: str = 'cv2', backend_args: dict | None = None
    ) -> None:
        self.imdecode_backend = imdecode_backend
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Load `results['adjacent_paths']`."""
        if 'adjacent_paths' not in results:
            return results
        require_whole_image(results, 'LoadAdjacentFrames')
        adjacent = []
        for path in results['adjacent_paths']:
            content = read_bytes(path, 'Neighbouring frame', self.backend_args)
            frame, size = self._decode(content, path, results)
            whole = file_size(results, map_size(results))
            require_one_size(path, size, sample_name(results), whole)
            if size != map_size(results) or frame.shape != results['img'].shape:
                raise UserError(
                    'LoadAdjacentFrames must stand right after LoadImageFromFile with '
                    f"color_type='color': neighbouring frame {path} has shape "
                    f'{frame.shape}, the image has been made {results["img"].shape} '
                    f'(sample {sample_name(results)})'
                )
            adjacent.append(frame)
        results['adjacent'] = adjacent
        return results

    def _decode(
        self, content: bytes, path: str, results: dict
    ) -> tuple[np.ndarray, Size]:
        """Return a frame, as small as the image was decoded, and its file's size."""
        kind, divisor = 'Neighbouring frame', results.get('reduction', 1)
        size = jpeg_size(content) if divisor > 1 else None
        if size is not None:
            return decode(content, path, kind, reduction=divisor), size
        frame = decode(content, path, kind, backend=self.imdecode_backend)
        size = frame.shape[:2]
        if size == map_size(results) and divisor > 1:  # not a JPEG, but the image is
            small = results['img'].shape[1::-1]
            frame = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        return frame, size


@TRANSFORMS.register_module()
class LoadCamera(BaseTransform):
    """Load the camera of the current image.

    Uses `camera_path` (Cityscapes json; without `width` and `height` in it K
    refers to an image of `camera_size` or, if that is not set, to the image file),
    or `file_camera`. Adds `camera`, a `Camera` of the image's current size. A sample
    without a camera is not changed.

    Args:
        legacy_authors_k: Treat K as the public code of 3W does, with which its
            published weights were trained, although it is wrong (`AuthorsCamera`). As
            there, `RandomFlip` must come before `RandomCrop`. For comparisons only.

    Raises:
        UserError: The json lacks a key, K does not fit the image, or after a
            transform that moved it.
    """

    loads = 'a camera'

    def __init__(self, legacy_authors_k: bool = False) -> None:
        self.legacy_authors_k = legacy_authors_k

    def transform(self, results: dict) -> dict:
        """Load the camera of `results`."""
        size = results['img'].shape[:2]
        whole = file_size(results, size)
        camera = listed_camera(results, whole)
        if camera is None:
            return results
        require_whole_image(results, 'LoadCamera')
        fitted = camera.fitted(whole, f'the image {sample_name(results)}')
        own = AuthorsCamera.of(camera) if self.legacy_authors_k else fitted
        results['camera'] = own.resized(size)
        return results


@TRANSFORMS.register_module()
class LoadSegLabel(LoadAnnotations):
    """MMSegmentation's `LoadAnnotations` for data whose labels are optional.

    The original needs a label for every sample and converted files for Cityscapes,
    passes unknown ids on (a CUDA assert later) and decodes with Pillow, which is much
    slower.

    Uses `seg_map_path`, `label_table` (a name in `LABEL_TABLES`, the number of classes
    or a `LabelTable`; it says whether the files hold ids or colours), `label_map`,
    `reduce_zero_label`, `palette` (of the classes, to check those of files); adds
    `gt_seg_map` (H, W) uint8, 255 = ignore, listed in `seg_fields`. A sample without
    label is not changed.
    Loaded after `Resize`, the label keeps its own size and no transform may move it.

    Args:
        evaluate_at: Size at which predictions and labels are compared. None: that of
            the image file, which the label must have. `'label'`: the label's own, for
            full-resolution ground truth of images stored smaller (as in
            MMSegmentation). `'image'`: the current size of the image, to which the
            label is resized by the half-pixel exact nearest neighbour; after `Resize`
            this is the protocol of 3W, 1024x512, and right after the image what
            training takes for labels of another size. The last two set `ori_shape`,
            the size of predictions.
        after_flip: The image may be mirrored and the label is not: for test-time
            augmentation, which mirrors the predictions back. With `evaluate_at` only.
        backend_args: Of `mmengine.fileio.get`.

    Raises:
        BrokenFileError: The file is missing, damaged or does not hold what the table
            maps (8-bit numbers, without a table), or its size differs from the image's
            (its aspect ratio, with `evaluate_at`).
        UserError: The label has an id or colour that the data set does not define,
            or ids of another kind (see `label_checks`).
    """

    def __init__(
        self,
        evaluate_at: str | None = None,
        after_flip: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(backend_args=backend_args, imdecode_backend='cv2')
        if evaluate_at not in (None, 'label', 'image'):
            raise UserError(
                f"evaluate_at must be 'label', 'image' or None, got {evaluate_at!r}"
            )
        if after_flip and evaluate_at is None:
            raise UserError('LoadSegLabel: after_flip goes with evaluate_at')
        self.evaluate_at = evaluate_at
        self.after_flip = after_flip
        self.loads = 'gt_seg_map at its own size' if evaluate_at == 'label' else LABEL

    def transform(self, results: dict) -> dict:
        """Load `results['seg_map_path']` where there is one."""
        if results.get('seg_map_path') is None:
            return results
        require_whole_image(results, 'LoadSegLabel', self.after_flip)
        path = results['seg_map_path']
        given = results.get('label_table')
        table = None if given is None else LabelTable.of(given)
        stored, name = (table.stored, table.name) if table else ('index', '')
        cure = '' if table else LABELS_ARE_OPTIONAL
        content = read_bytes(path, 'Label', self.backend_args, cure)
        label = decode_stored(content, path, 'Label', stored, name)
        self._check_size(results, label.shape)
        if table is not None and stored == 'index':
            classes = self._classes(results, table)
            palette = results.get('palette') or ()
            refuse_other_ids(content, label, path, table, classes, palette)
        if self.evaluate_at is not None:
            label = self._choose_size(results, label)
        label = self._reduced(results, label)
        if table is not None:
            label = self._translate(label, table, path)
        label = self._renamed(results, label)
        results['gt_seg_map'] = label
        at_hand = map_size(results) if 'img' in results else label.shape
        fields = 'seg_fields' if label.shape == at_hand else 'unmoved_fields'
        results.setdefault(fields, []).append('gt_seg_map')
        return results

    def _check_size(self, results: dict, shape: tuple) -> None:
        """Refuse a label that does not belong to the image."""
        if self.evaluate_at is not None and 'img' not in results:
            raise UserError(
                'LoadSegLabel with evaluate_at stands after LoadImageFromFile (sample '
                f'{sample_name(results)})'
            )
        image = tuple(results.get('ori_shape', shape))
        problem = ''
        if not same_aspect(shape, image):
            problem = ': they do not show the same'
        elif self.evaluate_at is None and shape != image:
            problem = (
                '. In training give LoadSegLabel, right behind LoadImageFromFile, '
                "evaluate_at='image', which resizes labels to their images. In a "
                "validation or test, evaluate_at='label' or 'image' compares at the "
                'size of one of them'
            )
        if problem:
            raise BrokenFileError(
                f'Label {results["seg_map_path"]} has shape {shape}, its image '
                f'{image}{problem}'
            )

    def _choose_size(self, results: dict, label: np.ndarray) -> np.ndarray:
        """Return the label at the size of the comparison, which becomes `ori_shape`."""
        results.setdefault('img_file_shape', tuple(results['ori_shape']))
        if self.evaluate_at == 'image':
            height, width = map_size(results)
            label = cv2.resize(
                label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
            )
        results['ori_shape'] = label.shape
        return label

    def _classes(self, results: dict, table: LabelTable) -> np.ndarray:
        """Return the class of each stored id, (256,) uint8, 255 or `UNKNOWN`."""
        ids = self._reduced(results, np.arange(256, dtype=np.uint8))
        return self._renamed(results, table.lookup()[ids]).ravel()

    @staticmethod
    def _reduced(results: dict, label: np.ndarray) -> np.ndarray:
        """Return ids with 0 ignored and all others lower by 1, if that is asked for."""
        if not results.get('reduce_zero_label'):
            return label
        label = np.where(label == 0, IGNORED, label - 1).astype(np.uint8)
        label[label == IGNORED - 1] = IGNORED
        return label

    @staticmethod
    def _renamed(results: dict, label: np.ndarray) -> np.ndarray:
        """Return class indices among the classes that the data set keeps."""
        if results.get('label_map') is None:
            return label
        renamed = np.arange(256, dtype=np.uint8)
        for old_id, new_id in results['label_map'].items():
            renamed[old_id] = new_id
        return cv2.LUT(label, renamed)

    @staticmethod
    def _translate(label: np.ndarray, table: LabelTable, path: str) -> np.ndarray:
        """Return the class indices of what a label file stores."""
        lookup = table.lookup()
        ids = table.stored == 'index'
        translated = cv2.LUT(label, lookup) if ids else lookup[label]
        if (translated == UNKNOWN).any():
            unknown = table.texts(np.unique(label[translated == UNKNOWN]))
            what = 'colours' if table.stored == 'colour' else 'ids'
            raise UserError(
                f'Label {path} holds {what} that the {table.name} do not have: '
                f'{unknown}. Is it another kind of label file (labelIds, '
                'labelTrainIds, colours)? A label_table says what such files hold.'
            )
        return translated
