#!/usr/bin/env python
"""Try backbones x heads x stages, and write a table of what works.

Each network takes one training step and makes one prediction at 64x128 (networks with
patches of 14 pixels: 70x140), with random images:

- depth: self-supervised depth with a `UNetDepthHead`;
- transfer: the backbone of that network arrives in a student (all of its entries are
  compared), which learns with a mean teacher and DepthMix;
- multi-task: student with both heads and a mean teacher with DepthMix.

Results are kept in FOLDER/results.json; the same command goes on where it stopped
(--retry: and tries once more what did not work).
Backbones of mmpretrain and timm need `pip install mmdepthseg[mmpretrain] timm`.

Example:
    python tools/analysis_tools/compatibility.py --out work_dirs/compatibility
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from mmdepthseg.launch.tool import run_tool  # noqa: E402

STAGES = ('depth', 'transfer', 'multi-task')
WORKS = 'works'
PATCH = 14
PREPROCESSOR = dict(
    type='DepthSegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    keep_raw=True,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from networks import BACKBONES, HEADS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', required=True, help='folder of results and table')
    parser.add_argument(
        '--retry', action='store_true', help='try once more what did not work'
    )
    for kind, there in (('--backbones', BACKBONES), ('--heads', HEADS)):
        parser.add_argument(
            kind,
            nargs='+',
            choices=there,
            default=[*there],
            metavar='NAME',
            help='some of them, by name (default: all)',
        )
    return parser.parse_args(argv)


def batch(size: tuple[int, int], branches: list[str], classes: int) -> dict:
    """Return samples as the data loader gives them, one per branch."""
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    from mmdepthseg.geometry import Camera

    height, width = size
    camera = Camera([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], size)
    inputs, samples = [], []
    for index, branch in enumerate(branches):
        image = torch.randint(0, 256, (3, 3, height, width), dtype=torch.uint8)
        inputs.append(dict(img=image[0], adjacent=image[1:]))
        sample = SegDataSample(
            metainfo=dict(
                img_path=f'{index}.png',
                ori_shape=size,
                img_shape=size,
                branch=branch,
                camera=camera,
                adjacent_offsets=(-1, 1),
            )
        )
        truth = dict(
            gt_sem_seg=torch.randint(0, classes, (1, height, width)),
            gt_edge_map=torch.randint(0, 2, (1, height, width)),
            disparity_map=torch.rand(1, height, width),
        )
        sample.set_data({key: PixelData(data=value) for key, value in truth.items()})
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def step_and_predict(model: Any, size: tuple[int, int], branches: list[str]) -> None:
    """Take one optimiser step and make one prediction; raise if a figure is odd."""
    import torch
    from mmengine.optim import OptimWrapper
    from networks import CLASSES

    model.train()
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=1e-3
    )
    losses = model.train_step(batch(size, branches, CLASSES), OptimWrapper(optimizer))
    if not torch.isfinite(losses['loss']):
        raise ValueError(f'loss is {losses["loss"]}')
    if hasattr(model, 'update_teacher'):
        model.update_teacher()
    model.eval()
    with torch.no_grad():
        sample = model.test_step(batch(size, branches[:1], CLASSES))[0]
    student = getattr(model, 'student', model)
    if getattr(student, 'with_decode_head', False):
        found = tuple(sample.pred_sem_seg.data.shape)
        if found != (1, *size):
            raise ValueError(f'labels of shape {found}')
    if getattr(student, 'depth_head', None) is not None:
        found = tuple(sample.pred_depth_map.data.shape)
        if found != (1, *size):
            raise ValueError(f'depth of shape {found}')


class Network:
    """One backbone in its three stages."""

    def __init__(self, name: str, folder: Path) -> None:
        from networks import BACKBONES

        self.parts = BACKBONES[name]
        backbone = self.parts['backbone']
        self.size = (70, 140) if backbone.get('patch_size') == PATCH else (64, 128)
        self.checkpoint = folder / 'depth.pth'
        self.given: dict = {}
        self.levels = self._find_levels()

    def _find_levels(self) -> list[tuple[int, int]]:
        from types import SimpleNamespace

        from mmdepthseg.models.segmentors.levels import find_levels
        from mmdepthseg.registry import MODELS

        built = {key: MODELS.build(dict(cfg)) for key, cfg in self.parts.items()}
        levels = find_levels(SimpleNamespace(with_neck='neck' in built, **built))
        # those that have other outputs while they train: for their own heads
        return levels or [(32, 8)]

    def depth_parts(self) -> dict:
        """Return head and pose net."""
        from networks import BN, unet_decoder

        pose = dict(
            type='PoseNet',
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=8,
                stem_channels=8,
                norm_cfg=BN,
                in_channels=6,
                out_stem=False,
            ),
            in_channels=64,
            channels=8,
        )
        return dict(
            depth_head=dict(type='UNetDepthHead', decoder=unet_decoder(self.levels)),
            pose_net=pose,
        )

    def build(self, cfg: dict) -> Any:
        """Build and initialise a model."""
        from mmengine.config import ConfigDict

        from mmdepthseg.registry import MODELS

        model = MODELS.build(ConfigDict(cfg))
        model.init_weights()
        return model

    def depth(self) -> None:
        """Train depth, and keep its weights."""
        import torch

        model = self.build(
            dict(
                type='DepthSegmentor',
                data_preprocessor=PREPROCESSOR,
                **self.parts,
                **self.depth_parts(),
            )
        )
        step_and_predict(model, self.size, ['labeled', 'labeled'])
        self.given = model.state_dict()
        torch.save(dict(state_dict=self.given), self.checkpoint)

    def student(self, head: Any, **more: Any) -> dict:
        """Return the config of a student with a head, or with a cascade of two."""
        parts = dict(self.parts, decode_head=head, **more)
        if not isinstance(head, list):
            return dict(type='DepthSegmentor', **parts)
        return dict(
            type='mmseg.CascadeEncoderDecoder',
            num_stages=len(head),
            train_cfg=dict(
                num_points=16, oversample_ratio=3, importance_sample_ratio=0.75
            ),
            test_cfg=dict(
                mode='whole',
                subdivision_steps=1,
                subdivision_num_points=64,
                scale_factor=2,
            ),
            **parts,
        )

    def teacher(self, segmentor: dict) -> Any:
        """Build a student with its teacher."""
        return self.build(
            dict(
                type='MeanTeacher',
                segmentor=segmentor,
                mixing=dict(type='DepthMix'),
                data_preprocessor=PREPROCESSOR,
            )
        )

    def teach(self, model: Any) -> None:
        """Train a student with its teacher for a step."""
        step_and_predict(model, self.size, ['labeled', 'labeled', 'mix', 'mix'])

    def transfer(self, head: Any) -> None:
        """Start a student from the depth network, and compare what arrived."""
        import torch

        student = self.student(head)
        if self.checkpoint.is_file():
            init = dict(type='Pretrained', checkpoint=str(self.checkpoint))
            init['prefix'] = 'backbone.'
            student['backbone'] = dict(student['backbone'], init_cfg=init)
        model = self.teacher(student)
        if self.checkpoint.is_file():
            for name, value in model.student.backbone.state_dict().items():
                if not torch.equal(value, self.given[f'backbone.{name}']):
                    raise ValueError(f'backbone.{name} did not arrive')
        self.teach(model)

    def multi_task(self, head: Any) -> None:
        """Train both heads with a teacher."""
        if isinstance(head, list):
            raise ValueError('a cascade: only as mmseg.CascadeEncoderDecoder, no depth')
        self.teach(self.teacher(self.student(head, **self.depth_parts())))


def attempt(work: Callable[[], object]) -> str:
    """Return `WORKS`, or why something does not."""
    import torch

    torch.manual_seed(0)
    try:
        work()
    except Exception as error:  # noqa: BLE001  # whatever a foreign network raises
        return f'{type(error).__name__}: {error}'.splitlines()[0][:300]
    return WORKS


def keys_of(backbone: str, heads: list[str]) -> list[str]:
    """Return the keys of a backbone's cells in the results, depth first."""
    from networks import PAIRS

    fitting = [head for head in heads if PAIRS.get(head, backbone) == backbone]
    cells = [f'{backbone}|{head}|{stage}' for head in fitting for stage in STAGES[1:]]
    return [f'{backbone}||{STAGES[0]}', *cells]


def cells(backbone: str, heads: list[str], scratch: Path) -> dict[str, str]:
    """Try a backbone; return what `attempt` says of each of its cells."""
    from networks import HEADS

    made: list[Network] = []
    why = attempt(lambda: made.append(Network(backbone, scratch)))
    found = {}
    for key in keys_of(backbone, heads):
        _, head, stage = key.split('|')
        if not made:
            found[key] = why
        elif not head:
            found[key] = attempt(made[0].depth)
        else:
            work = getattr(made[0], stage.replace('-', '_'))
            found[key] = attempt(lambda: work(HEADS[head](made[0].levels)))
    return found


def run(args: argparse.Namespace) -> None:
    """Try all, and write results and table."""
    from mmengine.logging import MMLogger
    from networks import HEADS

    from mmdepthseg.plugin import register_all_modules
    from mmdepthseg.utils.files import read_json, write_atomically

    register_all_modules()
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / 'results.json'
    results = read_json(file, dict) if file.is_file() else {}
    for backbone in args.backbones:
        wanted = keys_of(backbone, args.heads)
        known = [k for k in wanted if results.get(k) == WORKS or not args.retry]
        if not results.keys() >= {*wanted} or len(known) < len(wanted):
            with tempfile.TemporaryDirectory() as scratch:
                results |= cells(backbone, args.heads, Path(scratch))
            write_atomically(file, json.dumps(results, indent=1).encode())
        works = [results.get(key) == WORKS for key in wanted]
        print(f'{backbone}: {sum(works)} of {len(works)} work')
    text = table(results, list(HEADS))
    write_atomically(folder / 'table.md', text.encode())
    print(text)


def table(results: dict[str, str], heads: list[str]) -> str:
    """Return the results as Markdown: a row per backbone, a column per head."""
    notes: dict[str, str] = {}

    def note(reason: str) -> str:
        return notes.setdefault(reason, f'{len(notes) + 1}')

    def cell(backbone: str, head: str) -> str:
        found = [results.get(f'{backbone}|{head}|{stage}') for stage in STAGES[1:]]
        if None in found:
            return ''
        marks = ['+' if reason == WORKS else note(str(reason)) for reason in found]
        return '+' if marks == ['+', '+'] else '/'.join(marks)

    backbones = list(dict.fromkeys(key.split('|')[0] for key in results))
    shown = [head for head in heads if any(f'|{head}|' in key for key in results)]
    letters = [chr(ord('A') + index) for index in range(len(shown))]
    lines = [
        '| | depth | ' + ' | '.join(letters) + ' |',
        '|---' * (len(shown) + 2) + '|',
    ]
    for backbone in backbones:
        depth = results[f'{backbone}||depth']
        cells = ['+' if depth == WORKS else note(depth)]
        cells += [cell(backbone, head) for head in shown]
        lines.append(f'| {backbone} | ' + ' | '.join(cells) + ' |')
    legend = ', '.join(f'{k} {v}' for k, v in zip(letters, shown, strict=True))
    lines += ['', f'Heads: {legend}.', '']
    lines += [f'{number}. `{reason}`' for reason, number in notes.items()]
    return '\n'.join(lines) + '\n'


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, run, argv)


if __name__ == '__main__':
    main()
