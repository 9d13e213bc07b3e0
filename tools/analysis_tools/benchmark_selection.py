"""Compare CPU time and memory of farthest point selection with the naive form.

Runs each route in a separate process and prints, per case: CPU and wall seconds, CPU
seconds of the picking alone (without distances and the first pass over the features)
and peak memory, each also as a share of the naive form's (picking as a share of its
whole CPU time), memory above the features, and whether the picks agree.

The naive form is written from the formula: the whole distance matrix (by one matrix
product), and the minimum over all chosen rows computed again for each pick. In float64
("naive64") its picks are the reference. In float32 ("naive", the base of all shares) it
is the fastest naive form, but rounding decides near-ties.

Matrix products use as many threads as BLAS takes: all cores, or OMP_NUM_THREADS. CPU
seconds are the sum over threads, including the time they spin while waiting. To get
comparable figures, set OMP_NUM_THREADS, for example to 2.

The exit code is 1 if a route failed or the picks of the exact routes differ.

Example:
    python tools/analysis_tools/benchmark_selection.py --case small medium large
    python tools/analysis_tools/benchmark_selection.py --shape 600 512 150 --data clips
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

import step_worker  # noqa: E402

from mmdepthseg.launch.tool import add_debug, add_json, run_tool  # noqa: E402
from mmdepthseg.selection import FeaturePool, farthest_point  # noqa: E402
from mmdepthseg.selection.farthest import lazy_greedy  # noqa: E402
from mmdepthseg.selection.farthest.farthest_point import ROUTES  # noqa: E402
from mmdepthseg.selection.farthest.screening import Screen  # noqa: E402
from mmdepthseg.utils.files import atomic_path, write_atomically  # noqa: E402

NAIVE = ('naive64', 'naive')
#: In memory, without the leading candidates of `selection/farthest/front.py`.
NO_FRONT = 'no-front'
ALL = (*NAIVE, *ROUTES, NO_FRONT)
#: frames, dimensions, picks, type, routes
CASES = {
    'small': (3_000, 8_192, 743, 'float32', NAIVE + ROUTES),
    'medium': (12_000, 8_192, 1_487, 'float32', ('naive', *ROUTES)),
    'large': (200_000, 2_048, 300, 'float16', ROUTES),
}
MIB = 2**20


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--case',
        nargs='+',
        choices=CASES,
        default=['small'],
        help='sizes to time (default: small)',
    )
    parser.add_argument(
        '--shape',
        type=int,
        nargs=3,
        metavar=('N', 'D', 'PICKS'),
        help='your own case instead',
    )
    parser.add_argument(
        '--dtype',
        choices=('float16', 'float32', 'float64'),
        default='float32',
        help='with --shape',
    )
    parser.add_argument(
        '--data',
        nargs='+',
        choices=DATA,
        default=['gaussian'],
        help='gaussian: all frames about equally far from each other; clips: groups '
        'of 30 similar frames',
    )
    parser.add_argument(
        '--routes',
        nargs='+',
        choices=ALL,
        help='ways to search (default: all that fit the case)',
    )
    parser.add_argument(
        '--device', default='cpu', help='cpu, cuda, cuda:1, ... (default: cpu)'
    )
    parser.add_argument('--work', help='folder for the features (default: temporary)')
    add_json(parser)
    add_debug(parser)
    parser.add_argument('--child', nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def gaussian(random: np.random.Generator, first: int, shape: tuple) -> np.ndarray:
    """Return independent normal numbers."""
    return random.standard_normal(shape, dtype=np.float32)


def clips(random: np.random.Generator, first: int, shape: tuple) -> np.ndarray:
    """Return clips of 30 frames: one place per clip, a small change per frame."""
    count, dims = shape
    clip = (first + np.arange(count)) // 30
    out = 0.1 * random.standard_normal(shape, dtype=np.float32)
    for number in np.unique(clip):
        place = np.random.default_rng(number).standard_normal(dims, dtype=np.float32)
        out[clip == number] += place
    return out


DATA: dict[str, Callable] = {'gaussian': gaussian, 'clips': clips}


def write_features(path: Path, kind: str, shape: tuple, dtype: str) -> None:
    """Write (N, D) features block by block."""
    random = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, 'w+', dtype=dtype, shape=shape)
    for start in range(0, shape[0], 3000):
        stop = min(start + 3000, shape[0])
        out[start:stop] = DATA[kind](random, start, (stop - start, shape[1]))
    out.flush()


def naive(features: np.ndarray, picks: int, dtype: str, timers: dict) -> np.ndarray:
    """Return the farthest point order by the formula."""
    start = time.process_time()
    features = features.astype(dtype, copy=False)
    lengths = np.square(features).sum(axis=1)
    squared = lengths[:, None] + lengths[None] - 2 * (features @ features.T)
    distances = np.sqrt(np.maximum(squared, 0))
    timers['products'] = time.process_time() - start
    order = [int(np.random.RandomState(0).permutation(len(features))[0])]
    while len(order) < picks:
        nearest = distances[order].min(axis=0)
        nearest[order] = -np.inf
        order.append(int(nearest.argmax()))
    return np.array(order)


def ours(
    route: str, features: np.ndarray, picks: int, device: str, timers: dict
) -> np.ndarray:
    """Return the order of one route; time spent on distances is kept separately."""
    for owner, name in (
        (FeaturePool, '__init__'),
        (Screen, '__init__'),
        (Screen, 'bounds'),
        (Screen, 'vectors'),
        (FeaturePool, 'exact_squared'),
    ):
        setattr(owner, name, _timed(getattr(owner, name), timers))
    if route == NO_FRONT:
        lazy_greedy._MIN_FRONT = lazy_greedy._MAX_FRONT = 1
        route = 'memory'
    result = farthest_point(features, picks, route=route, device=device)
    timers['pairs'] = result.pairs
    return result.order


def _timed(function: Callable, timers: dict) -> Callable:
    def timed(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent = time.process_time() - start
            timers['products'] = timers.get('products', 0.0) + spent

    return timed


class Memory(threading.Thread):
    """Samples the peak anonymous memory of this process (no file pages); Linux."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._stop_event = threading.Event()

    @staticmethod
    def now() -> int:
        """Return the memory in bytes; 0 if the system does not report it."""
        try:
            text = Path('/proc/self/status').read_text()
        except OSError:
            return 0
        fields = dict(line.split(':', 1) for line in text.splitlines())
        return 1024 * int(fields.get('RssAnon', '0 kB').split()[0])

    def run(self) -> None:
        """Sample until stopped."""
        while not self._stop_event.wait(0.02):
            self.peak = max(self.peak, self.now())

    def stop(self) -> int:
        """Stop sampling and return the peak in bytes."""
        self._stop_event.set()
        self.join()
        return max(self.peak, self.now())


def load_numpy() -> None:
    """Load parts of numpy that load on first use, so no route pays their 20 ms."""
    np.unique(np.random.RandomState(0).permutation(8))


def run_child(path: str, route: str, picks: str, device: str) -> None:
    """Run one route in this process; print a line of JSON."""
    # float16 stays on disk, like the features of an archive.
    mapped = np.load(path, mmap_mode='r')
    features = mapped if mapped.dtype == np.float16 else np.array(mapped)
    load_numpy()
    before = Memory.now()
    memory = Memory()
    memory.start()
    wall, cpu, timers = time.monotonic(), time.process_time(), {}
    if route in NAIVE:
        dtype = 'float64' if route == 'naive64' else 'float32'
        order = naive(features, int(picks), dtype, timers)
    else:
        order = ours(route, features, int(picks), device, timers)
    cpu = time.process_time() - cpu
    wall = time.monotonic() - wall
    numbers = dict(
        route=route,
        cpu_s=cpu,
        wall_s=wall,
        picking_cpu_s=cpu - timers.pop('products'),
        # `ru_maxrss` has the parent's, too
        peak_mib=step_worker.memory('VmHWM'),
        above_features_mib=(memory.stop() - before) / MIB,
        order=order.tolist(),
        **timers,
    )
    print(json.dumps(numbers))


def run_case(
    args: argparse.Namespace, kind: str, case: tuple, folder: str
) -> tuple[list[dict], bool]:
    """Run all routes of a case; return their numbers and whether one failed."""
    frames, dims, picks, dtype, routes = case
    path = Path(folder) / f'{kind}_{frames}x{dims}_{dtype}.npy'
    if not path.exists():
        with atomic_path(path) as partial:
            write_features(partial, kind, (frames, dims), dtype)
    print(f'\n{kind}: {frames} x {dims} {dtype}, {picks} picks', flush=True)
    print(
        f'{"route":<8} {"CPU s":>9} {"of naive":>8} {"wall s":>8} {"picking":>8} '
        f'{"of naive":>8} {"peak MiB":>9} {"of naive":>8} {"above":>7}  picks'
    )
    results, failed = [], False
    # The naive forms first: the picks of naive64 and the time of naive are what the
    # others are compared with.
    for route in sorted(args.routes or routes, key=ALL.index):
        command = [sys.executable, __file__, '--child', path, route, picks, args.device]
        command = [str(part) for part in command]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f'{route:<8} failed (exit code {done.returncode})', flush=True)
            failed = True
            continue
        numbers = json.loads(done.stdout.splitlines()[-1])
        results.append(numbers)
        print(describe(numbers, results, frames), flush=True)
    return results, failed


def describe(numbers: dict, results: list[dict], frames: int) -> str:
    """Return a line of the table."""
    base = next((r for r in results if r['route'] == 'naive'), None)

    def share(key: str, whole: str) -> str:
        return f'{numbers[key] / base[whole]:.3f}' if base else '-'

    order, first = numbers['order'], results[0]['order']
    same = sum(1 for _ in iter_equal(order, first))
    agree = 'equal' if same == len(order) else f'first {same} of {len(order)} equal'
    line = (
        f'{numbers["route"]:<8} {numbers["cpu_s"]:9.2f} {share("cpu_s", "cpu_s"):>8} '
        f'{numbers["wall_s"]:8.2f} {numbers["picking_cpu_s"]:8.3f} '
        f'{share("picking_cpu_s", "cpu_s"):>8} {numbers["peak_mib"]:9.0f} '
        f'{share("peak_mib", "peak_mib"):>8} {numbers["above_features_mib"]:7.0f}  '
        f'{agree}'
    )
    if 'pairs' in numbers:
        looked_at = numbers['pairs'] / (frames * len(order))
        line += f'; {looked_at:.0%} of N x picks distances looked at'
    return line


def iter_equal(first: list[int], second: list[int]):
    """Yield the common beginning of two lists."""
    for one, other in zip(first, second, strict=True):
        if one != other:
            return
        yield one


def benchmark(args: argparse.Namespace) -> bool:
    """Run the cases; return False if a route failed or exact routes' picks differ."""
    if args.child:
        run_child(*args.child)
        return True
    cases = [CASES[name] for name in args.case]
    if args.shape:
        cases = [(*args.shape, args.dtype, NAIVE + ROUTES)]
    threads = os.getenv('OMP_NUM_THREADS', 'not set: BLAS decides')
    print(f'{os.cpu_count()} cores, OMP_NUM_THREADS {threads}')
    everything, wrong = [], False
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.work or temporary
        Path(folder).mkdir(parents=True, exist_ok=True)
        for case in cases:
            for kind in args.data:
                results, failed = run_case(args, kind, case, folder)
                everything += [
                    dict(numbers, data=kind, shape=case[:3]) for numbers in results
                ]
                exact = [r['order'] for r in results if r['route'] != 'naive']
                wrong |= failed or any(order != exact[0] for order in exact)
                if args.json:  # after each case: a later one may fail
                    write_atomically(args.json, json.dumps(everything).encode())
    return not wrong


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, benchmark, argv, frameworks=False)


if __name__ == '__main__':
    main()
