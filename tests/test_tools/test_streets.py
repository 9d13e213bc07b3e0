"""The command line around the streets."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'streets.py'


def run(tmp_path, *args):
    command = [sys.executable, str(TOOL), '--out', 'set', *map(str, args)]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)


def test_renders_and_checks(tmp_path):
    args = '--clips 1 --val-clips 1 --frames 3 --size 192 96 --workers 1 --check'
    done = run(tmp_path, *args.split())
    assert done.returncode == 0, done.stderr
    assert 'true warp' in done.stdout and '2/2 clips' in done.stderr
    assert (tmp_path / 'set' / 'streets.json').exists()


def test_one_line_for_a_silly_option(tmp_path):
    done = run(tmp_path, '--frames', 4)
    assert done.returncode == 2
    assert done.stderr.startswith('error: streets: frames')
    assert done.stderr.count('\n') == 1
