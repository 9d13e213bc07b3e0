#!/usr/bin/env python
"""Measure how long a training takes to go on from a high iteration.

One iteration is made and saved. The checkpoint is then given the number, and the log of
losses, of a long training, and a second training resumes it and makes one iteration.
Both times are from the start of the training (with its checks of a sample) to the end
of its first iteration; what is proportional to the iteration shows in the difference.

Example:
    python tools/analysis_tools/time_resume.py configs/streets/NAME.py \
        --iteration 100000 --out work_dirs/resume
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdepthseg.launch.tool import add_config_options, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--iteration',
        type=int,
        default=100_000,
        help='where to go on (default: 100000)',
    )
    parser.add_argument('--out', required=True, help='folder of logs and weights')
    add_config_options(parser)
    return parser.parse_args(argv)


def first_iteration(args: argparse.Namespace, folder: Path, last: int) -> float:
    """Train to iteration `last`; return the seconds until the first one is made.

    A checkpoint in the folder is resumed.
    """
    from mmengine.hooks import Hook

    from mmdepthseg.launch.config import load_config, prepare_work_dir
    from mmdepthseg.launch.runner import build_runner
    from mmdepthseg.launch.setup import setup_resume

    ends: list[float] = []

    class Watch(Hook):
        priority = 'HIGHEST'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            ends.append(time.monotonic())

    config = load_config(args.config, args.cfg_options)
    config.train_cfg['max_iters'] = last
    schedules = config.get('param_scheduler') or []
    for schedule in schedules if isinstance(schedules, list) else [schedules]:
        schedule.setdefault('end', args.iteration + 1)  # the same for both
    # a validation takes the same time at any iteration
    config.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    config.experiment_name = folder.name
    prepare_work_dir(config, args.config, str(folder))
    setup_resume(config, 'auto')
    needs = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    runner = build_runner(config, needs=needs)
    runner.register_hook(Watch())
    started = time.monotonic()
    runner.train()
    return ends[0] - started


def move(path: Path, iteration: int) -> None:
    """Turn the checkpoint of iteration 1 into one of a long training."""
    import torch

    from mmdepthseg.checkpoints.reading import read_checkpoint

    content: dict[str, Any] = read_checkpoint(path)
    content['meta']['iter'] = iteration
    for history in content['message_hub']['log_scalars'].values():
        for name in ('_log_history', '_count_history'):
            values = getattr(history, name)
            setattr(history, name, values[-1:].repeat(iteration))
    for schedulers in content['param_schedulers']:
        schedulers.update(last_step=iteration, _global_step=iteration + 1)
    path.unlink()
    new = path.with_name(f'iter_{iteration}.pth')
    torch.save(content, new)
    (path.parent / 'last_checkpoint').write_text(str(new))


def measure(args: argparse.Namespace) -> None:
    """Measure both and print them."""
    from mmdepthseg.utils.errors import UserError
    from mmdepthseg.utils.files import check_writable

    if args.iteration < 1:
        raise UserError(f'--iteration must be at least 1, got {args.iteration}')
    folder = Path(args.out, 'training')
    if folder.exists():
        raise UserError(
            f'{folder} is there already and would be replaced: give another --out, or '
            'remove it'
        )
    check_writable(folder, 'folder of --out')
    folder.rmdir()
    fresh = first_iteration(args, folder, 1)
    move(folder / 'iter_1.pth', args.iteration)
    resumed = first_iteration(args, folder, args.iteration + 1)
    print(
        f'first iteration after {fresh:.1f} s from the start, after {resumed:.1f} s '
        f'resumed at {args.iteration:,}'
    )


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, measure, argv)


if __name__ == '__main__':
    main()
