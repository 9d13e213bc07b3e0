"""The cities and their camera."""

import sys


def test_no_torch_is_imported(run_process):
    code = 'import sys, mmdepthseg.streets.check; print("torch" in sys.modules)'
    done = run_process(sys.executable, '-c', code)
    assert done.stdout.strip() == 'False', done.stderr
