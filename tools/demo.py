"""The main job, end to end, on the streets: what `make demo` runs.

Streets -> depth and pose from unlabelled video -> depth labels -> segmentation with a
few labels (supervised; mean teacher with ClassMix; transfer from depth + DepthMix) ->
test -> a table and a picture. Stages already done are not done again.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mmdepthseg.experiments.run import Stage, StageRunner  # noqa: E402
from mmdepthseg.launch.errors import friendly_errors  # noqa: E402
from mmdepthseg.utils.files import write_atomically  # noqa: E402

SDE = 'sde_unet-r18w16_500it_streets-192x96'
SDE_ITERS = 500
SEG_ITERS = 600
METHODS = {
    'supervised': 'supervised_unet-r18w16_600it_streets-192x96_n8',
    'classmix': 'classmix_unet-r18w16_600it_streets-192x96_n8',
    'full': 'transfer-depthmix_unet-r18w16_600it_streets-192x96_n8',
}
TITLES = {
    'supervised': 'supervised baseline',
    'classmix': 'mean teacher + ClassMix, no depth',
    'full': 'transfer from SDE + DepthMix',
}
DATA = 'data/streets'  # where the configs look
DEPTH_KEYS = ('abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'silog', 'a1', 'a2', 'a3')
DEPTH_ROWS = (
    ('self-supervised depth (SDE)', ''),
    ("baseline: training set's mean per row", 'row_mean/'),
    ('baseline: one constant depth', 'constant/'),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', default='work_dirs/demo')
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument(
        '--jobs', type=int, default=min(2, os.cpu_count() or 1), help='stages at a time'
    )
    parser.add_argument('--debug', action='store_true', help='show tracebacks')
    return parser.parse_args(argv)


def checkpoint(work: Path, name: str) -> str:
    """Last checkpoint of a training stage."""
    iters = SDE_ITERS if name == 'sde' else SEG_ITERS
    return str(work / name / f'iter_{iters}.pth')


def train_and_test(
    name: str, config: str, work: Path, options: list[str], needs: tuple[str, ...]
) -> list[Stage]:
    """Training and test of one config."""
    path = f'configs/streets/{config}.py'
    options = ['--cfg-options', *options]
    train = Stage(
        name,
        (
            (
                sys.executable,
                'tools/train.py',
                path,
                '--work-dir',
                str(work / name),
                '--resume',
                *options,
            ),
        ),
        needs=needs,
        reads=(path, *bases()),
        outputs=(checkpoint(work, name),),
        folder=str(work / name),
    )
    test = Stage(
        f'{name}-test',
        (
            (
                sys.executable,
                'tools/test.py',
                path,
                checkpoint(work, name),
                '--work-dir',
                str(work / f'{name}-test'),
                *options,
            ),
        ),
        needs=(name,),
        outputs=(str(work / f'{name}-test'),),
        folder=str(work / f'{name}-test'),
    )
    return [train, test]


def bases() -> tuple[str, ...]:
    """The config files the demo's configs build on."""
    return tuple(
        sorted(
            str(p.relative_to(ROOT))
            for p in (ROOT / 'configs/_base_').rglob('*.py')
            if 'streets' in p.name
            or 'r18-w16' in p.name
            or 'runtime' in p.name
            or p.parent.name == 'schedules'
        )
    )


def make_stages(args: argparse.Namespace) -> list[Stage]:
    """All stages of the demo."""
    work = Path(args.work_dir)
    # absolute: a relative prefix would be looked for below the data root
    labels = str((work / 'depth_labels').resolve())
    seed = f'randomness.seed={args.seed}'
    common = [seed]
    sde_config = f'configs/streets/{SDE}.py'
    streets = Stage(
        'streets',
        ((sys.executable, 'tools/dataset_converters/streets.py', '--out', DATA),),
        outputs=(f'{DATA}/streets.json',),
    )
    depth_labels = Stage(
        'depth-labels',
        (
            (
                sys.executable,
                'tools/generate_depth.py',
                sde_config,
                checkpoint(work, 'sde'),
                '--out',
                labels,
            ),
        ),
        needs=('sde',),
        outputs=(f'{labels}/manifest.json',),
        folder=labels,
    )
    transfer = [
        'model.segmentor.backbone.init_cfg.checkpoint=' + checkpoint(work, 'sde'),
        'model.segmentor.decode_head.decoder.init_cfg.checkpoint='
        + checkpoint(work, 'sde'),
        f'train_dataloader.dataset.datasets.1.data_prefix.sde_disparity_path={labels}',
    ]
    return [
        streets,
        *train_and_test('sde', SDE, work, common, ('streets',)),
        *train_and_test(
            'supervised', METHODS['supervised'], work, common, ('streets',)
        ),
        *train_and_test('classmix', METHODS['classmix'], work, common, ('streets',)),
        depth_labels,
        *train_and_test(
            'full', METHODS['full'], work, common + transfer, ('depth-labels',)
        ),
    ]


def read_metrics(folder: Path) -> dict[str, float]:
    """Metrics of the newest test run below a work_dir."""
    files = sorted(folder.glob('2*/2*.json'))
    return json.loads(files[-1].read_text())


def table(
    results: dict[str, dict], args: argparse.Namespace, seconds: dict[str, float]
) -> str:
    """The result table, as Markdown."""
    depth = results['sde']
    lines = [
        f'Depth on held-out streets (median alignment), seed {args.seed}',
        '',
        '| predictor | ' + ' | '.join(DEPTH_KEYS) + ' |',
        '|---' * (len(DEPTH_KEYS) + 1) + '|',
    ]
    for title, prefix in DEPTH_ROWS:
        numbers = [f'{depth[prefix + key]:.3f}' for key in DEPTH_KEYS]
        lines.append(f'| {title} | ' + ' | '.join(numbers) + ' |')
    lines += [
        '',
        f'Segmentation with 8 labelled frames, mIoU %, seed {args.seed}',
        '',
        '| method | student | teacher | training s |',
        '|---|---|---|---|',
    ]
    for name, title in TITLES.items():
        metrics = results[name]
        student = metrics.get('student/mIoU', metrics.get('mIoU'))
        teacher = metrics.get('teacher/mIoU')
        lines.append(
            f'| {title} | {student:.1f} | '
            f'{"-" if teacher is None else f"{teacher:.1f}"} | '
            f'{seconds[name]:.0f} |'
        )
    lines += ['', verdict(results)]
    return '\n'.join(lines)


def verdict(results: dict[str, dict]) -> str:
    """What the figures say, and no more."""
    depth = results['sde']
    better = [key for key in DEPTH_KEYS if _better(depth, key)]
    worse = [key for key in DEPTH_KEYS if key not in better]
    full = results['full']['teacher/mIoU']
    lines = [
        'Depth from video against the mean depth per row: better in '
        f'{", ".join(better) or "nothing"}'
        + (f'; not better in {", ".join(worse)}.' if worse else '.')
    ]
    for name, key in (('supervised', 'mIoU'), ('classmix', 'teacher/mIoU')):
        gain = full - results[name][key]
        lines.append(
            f'Full method (teacher) against {TITLES[name]}: {gain:+.1f} points mIoU.'
        )
    lines.append('One seed and 8 labels: differences of one or two points are noise.')
    return '\n'.join(lines)


def _better(depth: dict, key: str) -> bool:
    gain = depth[key] - depth[f'row_mean/{key}']
    return gain > 0 if key in ('a1', 'a2', 'a3') else gain < 0


def run_demo(args: argparse.Namespace) -> None:
    """Run the stages, print the table, draw the picture."""
    os.chdir(ROOT)
    started = time.monotonic()
    work = Path(args.work_dir)
    threads = max(1, (os.cpu_count() or 1) // max(1, args.jobs))
    env = dict(
        OMP_WAIT_POLICY='PASSIVE', OMP_NUM_THREADS=str(threads), PYTHONUNBUFFERED='1'
    )
    stamps = StageRunner(make_stages(args), work, args.jobs, env).run()
    results = {name: read_metrics(work / f'{name}-test') for name in ('sde', *METHODS)}
    from mmdepthseg.experiments.demo_sheet import draw_demo_sheet

    sheet = work / 'contact_sheet.png'
    draw_demo_sheet(
        sheet,
        sde=(f'configs/streets/{SDE}.py', checkpoint(work, 'sde')),
        segmentation={
            TITLES[n]: (f'configs/streets/{c}.py', checkpoint(work, n))
            for n, c in METHODS.items()
        },
        depth_labels=work / 'depth_labels',
    )
    seconds = {name: stamp['seconds'] for name, stamp in stamps.items()}
    text = table(results, args, seconds)
    wall = time.monotonic() - started
    text += (
        f'\n\nThe stages took {sum(seconds.values()):.0f} s added up; '
        f'this call took {wall:.0f} s on {os.cpu_count()} cores.'
    )
    write_atomically(work / 'results.md', (text + '\n').encode())
    write_atomically(
        work / 'results.json',
        json.dumps(dict(results, seed=args.seed), indent=1).encode(),
    )
    print(f'\n{text}\n\nTable: {work / "results.md"}\nPicture: {sheet}')


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with friendly_errors('--debug' in (sys.argv if argv is None else argv)):
        run_demo(parse_args(argv))


if __name__ == '__main__':
    # as Ctrl-C: the processes of the stages are stopped too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
