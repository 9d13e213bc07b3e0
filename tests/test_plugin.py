"""Our configs in the hands of MMSegmentation: its training tool, its `init_model`."""

import sys
from pathlib import Path

import mmseg
import pytest
from helpers import REPO

TRAIN = Path(mmseg.__file__).parent / '.mim/tools/train.py'

INIT_MODEL = """
import sys
from mmseg.apis import inference_model, init_model
model = init_model(*sys.argv[1:3], device='cpu')
print('map', *inference_model(model, sys.argv[3]).pred_sem_seg.data.shape)
"""


@pytest.mark.skipif(not TRAIN.is_file(), reason='mmseg without its tools')
def test_mmsegs_own_tools(tiny_config, run_process, tmp_path):
    config = tiny_config()
    work_dir = tmp_path / 'run'
    options = ['--work-dir', work_dir, '--cfg-options', 'train_cfg.max_iters=2']
    path = dict(PYTHONPATH=str(REPO))
    done = run_process(sys.executable, TRAIN, config, *options, **path)
    assert done.returncode == 0, done.stderr[-3000:]
    checkpoint, image = work_dir / 'iter_2.pth', tmp_path / 'tiny/images/0.png'
    done = run_process(
        sys.executable, '-c', INIT_MODEL, config, checkpoint, image, **path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'map 1 32 48' in done.stdout
