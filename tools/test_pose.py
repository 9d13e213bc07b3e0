"""Evaluate the camera motion of a trained SDE or multi-task model.

The config names frames with true poses (`pose_dataloader`) and the metric
(`pose_evaluator`, a PoseMetric).

Example:
    python tools/test_pose.py CONFIG CHECKPOINT
"""

import argparse
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_config_options, output_file, run_tool  # noqa: E402

PREDICTORS = (
    ('', 'model'),
    ('constant/', 'baseline: always the same motion'),
    ('identity/', 'baseline: no motion'),
)
COLUMNS = dict(
    rotation='rotation deg',
    translation='translation m',
    relative='relative %',
    direction='direction deg',
    ate='ATE m',
    ate_std='ATE std',
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config of the model and the frames')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument(
        '--out',
        type=output_file,
        metavar='FILE',
        help='write the figures to FILE (json; null: unknown)',
    )
    parser.add_argument('--batch-size', type=int, help="default: the dataloader's")
    parser.add_argument('--num-workers', type=int, help="default: the dataloader's")
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: best)')
    add_config_options(parser)
    return parser.parse_args(argv)


def evaluate(args: argparse.Namespace) -> dict[str, float]:
    """Build model, data set and metric; predict; return the figures."""
    from mmengine.device import get_device
    from mmengine.evaluator import Evaluator

    from mmdepthseg.apis import load_model, predict_poses
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.registry import DATASETS
    from mmdepthseg.utils.errors import UserError
    from mmdepthseg.utils.progress import Progress

    config = load_config(args.config, args.cfg_options)
    missing = [
        key for key in ('pose_dataloader', 'pose_evaluator') if config.get(key) is None
    ]
    if missing:
        raise UserError(
            f'{args.config}: needs {" and ".join(missing)}: frames with true poses and '
            'a PoseMetric, as in configs/_base_/datasets/streets_sde.py'
        )
    loader = config.pose_dataloader
    checkpoint = Path(args.checkpoint).expanduser()
    model = load_model(config, checkpoint, args.device or get_device())
    dataset = DATASETS.build(dict(loader.dataset, test_mode=True))
    evaluator = Evaluator(config.pose_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    size, workers = args.batch_size, args.num_workers
    for samples in predict_poses(
        model,
        dataset,
        loader.get('batch_size', 8) if size is None else size,
        loader.get('num_workers', 0) if workers is None else workers,
        Progress('poses', 'samples'),
    ):
        evaluator.process(samples)
    return evaluator.evaluate(len(dataset))


def table(figures: dict[str, float]) -> str:
    """Return the figures as a Markdown table, one row per predictor."""
    columns = {key: title for key, title in COLUMNS.items() if key in figures}
    lines = [
        f'| predictor | {" | ".join(columns.values())} |',
        f'|---|{"---|" * len(columns)}',
    ]
    for prefix, name in PREDICTORS:
        if f'{prefix}rotation' in figures:
            values = ' | '.join(f'{figures[prefix + key]:.4f}' for key in columns)
            lines.append(f'| {name} | {values} |')
    return '\n'.join(lines)


def report(args: argparse.Namespace) -> None:
    """Evaluate, print the table, write the figures."""
    from mmdepthseg.utils.files import write_atomically

    figures = evaluate(args)
    print(table(figures))
    for key in ('scale', 'scale_spread'):
        if key in figures:
            print(f'{key}: {figures[key]:.4f}')
    if args.out:
        known = {k: v if math.isfinite(v) else None for k, v in figures.items()}
        text = json.dumps(known, indent=2, allow_nan=False) + '\n'
        write_atomically(Path(args.out).expanduser(), text.encode())


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, report, argv)


if __name__ == '__main__':
    main()
