"""Names in the files of Hoyer et al. (CVPR 2021) and of Monodepth2, and ours.

The names are those of the published files' entries. Both projects keep a network in
modules `encoder`, `depth`, `pose_encoder`, `pose` (one file each), which precede the
names here; in the `best_model*.pkl` of the former the whole network is below `models.`,
which is removed first.

Their decoders list their layers in the order of creation. With the five steps from the
bottleneck (0) to full resolution (4), each of two conv blocks:

- Hoyer et al.: block one, a skip projection without weights (not in the last step),
  block two; then the disparity convolutions of scale 0, 1, ...: 0, 2 | 3, 5 | 6, 8 | 9,
  11 | 12, 13 | 14 ... 17;
- Monodepth2: block one, block two: 0, 1 | 2, 3 | ... | 8, 9 | 10 ... 13.

In our `UNetDecoder` these blocks are called `reduce` and `fuse`.
"""

import re
from collections.abc import Collection

from mmdepthseg.checkpoints.converters.rules import Rule

PARAMETERS = 'weight|bias'
BATCH_NORM = 'weight|bias|running_mean|running_var|num_batches_tracked'
CLASSIFIER = 'ImageNet classifier of the encoder, which nothing uses'
SECOND_POSE = 'second predicted pose, which nothing uses'
UNUSED_DISPARITY = 'disparity convolution of a segmentation decoder, never trained'
TOO_FINE = 'decoder step finer than the tapped levels, not built here'
FULL_RESOLUTION_LEVEL = 9
ASPP_RATES = (6, 12, 18)

_AUTHORS_REDUCE = (0, 3, 6, 9, 12)
_AUTHORS_FUSE = (2, 5, 8, 11, 13)
_AUTHORS_DISPARITY = 14
_MONODEPTH2_DISPARITY = 10


def _encoder_and_pose() -> list[Rule]:
    """Return the rules that both projects have in common."""
    rules = []
    pose = ('pose_encoder', 'pose_net.backbone')
    for theirs, ours in (('encoder', 'backbone'), pose):
        rules += [
            Rule(rf'{theirs}\.encoder\.((?:conv1|bn1|layer[1-4])\..+)', rf'{ours}.\1'),
            Rule(rf'{theirs}\.encoder\.fc\.(?:{PARAMETERS})', None, CLASSIFIER),
        ]
    return rules + [
        # in ours the ReLUs in between are layers of their own
        Rule(
            rf'pose\.net\.([0-2])\.({PARAMETERS})',
            lambda m: f'pose_net.head.{2 * int(m[1])}.{m[2]}',
        ),
        Rule(rf'pose\.net\.3\.({PARAMETERS})', r'pose_net.head.6.\1', SECOND_POSE, 6),
    ]


def monodepth2_rules(names: Collection[str]) -> list[Rule]:
    """Return the rules for Monodepth2's files (ResNet encoder, separate pose encoder).

    Args:
        names: Names in the source; not needed here, see `authors_rules`.
    """

    def block(match: re.Match) -> str:
        step, second = divmod(int(match[1]), 2)
        part = 'fuse' if second else 'reduce'
        return f'depth_head.decoder.{part}.{step}.conv.{match[2]}'

    return [
        *_encoder_and_pose(),
        Rule(rf'depth\.decoder\.(\d)\.conv\.conv\.({PARAMETERS})', block),
        Rule(
            rf'depth\.decoder\.(1[0-3])\.conv\.({PARAMETERS})',
            lambda m: (
                f'depth_head.disparity.{int(m[1]) - _MONODEPTH2_DISPARITY}.{m[2]}'
            ),
        ),
    ]


def authors_rules(names: Collection[str]) -> list[Rule]:
    """Return the rules for the files of Hoyer et al.

    Args:
        names: Names in the source; a segmentation decoder's tapped levels decide which
            of its steps are needed.
    """
    rules = [*_encoder_and_pose(), *_authors_multi_task()]
    rules += _authors_decoder(r'depth\.', 'depth_head')
    levels = tapped_levels(names)
    last_step = FULL_RESOLUTION_LEVEL - max(levels, default=FULL_RESOLUTION_LEVEL)
    rules += _authors_decoder(r'segmentation\.unet_dec\.', 'decode_head', last_step)
    for place, level in enumerate(levels):
        rules.append(
            Rule(
                rf'segmentation\.project\.seg{level}\.0\.weight',
                f'decode_head.project.{place}.conv.weight',
            )
        )
    if 'segmentation.head.5.weight' in names:  # convolution, batch norm, classifier
        rules += [
            Rule(r'segmentation\.head\.1\.weight', 'decode_head.inter.conv.weight'),
            Rule(rf'segmentation\.head\.2\.({BATCH_NORM})', r'decode_head.inter.bn.\1'),
            Rule(rf'segmentation\.head\.5\.({PARAMETERS})', r'decode_head.conv_seg.\1'),
        ]
    else:
        rules.append(
            Rule(rf'segmentation\.head\.2\.({PARAMETERS})', r'decode_head.conv_seg.\1')
        )
    return rules


def tapped_levels(names: Collection[str]) -> list[int]:
    """Return the levels that the segmentation head projects, in its order."""
    pattern = r'segmentation\.project\.seg(\d)\.0\.weight'
    found = (re.fullmatch(pattern, name) for name in names)
    return [int(match[1]) for match in found if match]


def _authors_multi_task() -> list[Rule]:
    """Return the rules of the two decoders that exchange features, of exp. 212."""
    theirs, side = r'mtl_decoder\.', 'distillation.side_head.conv_seg'
    rules = _authors_decoder(rf'{theirs}depth_dec\.', 'depth_head')
    rules += _authors_decoder(rf'{theirs}seg_dec\.', 'decode_head')
    for sender, ours in (('depth', 'depth_to_seg'), ('seg', 'seg_to_depth')):
        ours = f'distillation.{ours}'
        rules += [
            Rule(rf'{theirs}sa_{sender}\.conv\.weight', f'{ours}.conv.weight'),
            Rule(rf'{theirs}sa_{sender}\.attention\.weight', f'{ours}.gate.weight'),
        ]
    return rules + [
        Rule(rf'{theirs}seg_intermediate_head\.0\.({PARAMETERS})', rf'{side}.\1'),
        Rule(rf'{theirs}seg_final_head\.0\.({PARAMETERS})', r'decode_head.conv_seg.\1'),
    ]


def _authors_decoder(theirs: str, ours: str, last_step: int = 0) -> list[Rule]:
    """Return a decoder's rules; only our `depth_head` has disparity convolutions."""
    built = len(_AUTHORS_REDUCE) - last_step
    unused = '|'.join(map(str, _AUTHORS_REDUCE[built:] + _AUTHORS_FUSE[built:]))
    pool = len(ASPP_RATES) + 1
    first = f'{ours}.decoder.reduce.0'
    disparity = rf'{theirs}decoder\.(1[4-7])\.conv\.({PARAMETERS})'
    rules = [
        Rule(
            rf'{theirs}decoder\.0\.convs\.([0-{pool - 1}])\.0\.weight',
            rf'{first}.branches.\1.conv.weight',
        ),
        Rule(
            rf'{theirs}decoder\.0\.convs\.([0-{pool - 1}])\.1\.({BATCH_NORM})',
            rf'{first}.branches.\1.bn.\2',
        ),
        Rule(
            rf'{theirs}decoder\.0\.convs\.{pool}\.1\.weight',
            f'{first}.image_pool.conv.weight',
        ),
        Rule(
            rf'{theirs}decoder\.0\.convs\.{pool}\.2\.({BATCH_NORM})',
            rf'{first}.image_pool.bn.\1',
        ),
        Rule(
            rf'{theirs}decoder\.0\.project\.0\.weight', f'{first}.project.conv.weight'
        ),
        Rule(
            rf'{theirs}decoder\.0\.project\.1\.({BATCH_NORM})',
            rf'{first}.project.bn.\1',
        ),
    ]
    if unused:
        rules.append(Rule(rf'{theirs}decoder\.(?:{unused})\.block\..+', None, TOO_FINE))
    for layers, part in ((_AUTHORS_REDUCE, 'reduce'), (_AUTHORS_FUSE, 'fuse')):
        for step, layer in enumerate(layers):
            block = rf'{theirs}decoder\.{layer}\.block'
            target = f'{ours}.decoder.{part}'
            rules += [
                Rule(rf'{block}\.0\.conv\.({PARAMETERS})', rf'{target}.{step}.conv.\1'),
                Rule(rf'{block}\.1\.({BATCH_NORM})', rf'{target}.{step}.bn.\1'),
            ]
    if ours == 'depth_head':
        rules.append(
            Rule(
                disparity,
                lambda m: (
                    f'depth_head.disparity.{int(m[1]) - _AUTHORS_DISPARITY}.{m[2]}'
                ),
            )
        )
    else:
        rules.append(Rule(disparity, None, UNUSED_DISPARITY))
    return rules
