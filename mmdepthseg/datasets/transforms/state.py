"""Keys of `results` that transforms share.

`moved_by`: name of the first transform that changed the field of view (crop, pad; flip
only if no other did), after which maps and cameras of the whole image can no longer be
loaded.
`depth_fields`: depth or disparity maps that move with the image, and `shown`.
`disparity_range`: depths of disparity 1 and 0 in metres, if `disparity_map` has been
made of metres.
`shown`: from `Pad`, (H, W) uint8, 0 where the image is padding.
`unmoved_fields`: maps kept at their own size for evaluation. They cover the whole
image at any size, so resizing leaves them unchanged and nothing else is allowed.
`camera`: the `Camera` of the current image, after `LoadCamera`.
`reduction`: from `LoadImageFromFile` until `Resize`, the divisor of the file's size at
which image and neighbours were decoded. Maps have the file's size until then.
"""

from mmdepthseg.camera import Size
from mmdepthseg.names import sample_name
from mmdepthseg.utils.errors import UserError

#: How maps are loaded that move with the image, as in training.
MOVABLE = dict.fromkeys(
    ('gt_depth_map', 'disparity_map'),
    'load it behind LoadImageFromFile, without keep_size=True',
) | dict(
    gt_seg_map='put LoadSegLabel right behind LoadImageFromFile, without evaluate_at, '
    "or with evaluate_at='image' where labels have another size than their images"
)


def require_whole_image(results: dict, loader: str, after_flip: bool = False) -> None:
    """Raise if the field of view has changed since the image was loaded.

    Args:
        results: The sample.
        loader: Its name, for the message.
        after_flip: The image may be mirrored, as in test-time augmentation, which
            mirrors predictions back.

    Raises:
        UserError: Naming the loader, the sample and the transform before it.
    """
    if 'moved_by' in results and not (
        after_flip and results['moved_by'] == 'RandomFlip'
    ):
        raise UserError(
            f'{loader} must stand before {results["moved_by"]} in the pipeline: what '
            f'it loads covers the whole image (sample {sample_name(results)})'
        )


def map_size(results: dict) -> Size:
    """Return the size of the maps that go with the image: not reduced."""
    height, width = results['img'].shape[:2]
    divisor = results.get('reduction', 1)
    return height * divisor, width * divisor


def mark_moved(results: dict, transform: str) -> None:
    """Note that `transform` changed the field of view.

    Raises:
        UserError: A map that is kept at its own size would be left behind, or the
            image was decoded smaller than its maps and not yet resized.
    """
    if 'reduction' in results:
        raise UserError(
            f'{transform} must stand after Resize: LoadImageFromFile has min_size '
            f'(sample {sample_name(results)})'
        )
    for field in results.get('unmoved_fields', ()):
        cure = MOVABLE.get(field, f'leave {transform} out')
        raise UserError(
            f'{transform} cannot move {field}, loaded at its own size, as an '
            f'evaluation compares it (sample {sample_name(results)}): {cure}'
        )
    # mirroring alone is what test-time augmentation undoes, so others are named first
    if results.get('moved_by', 'RandomFlip') == 'RandomFlip':
        results['moved_by'] = transform
