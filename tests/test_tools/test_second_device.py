"""The tools compute on the device that MMEngine takes or `--device` names."""

import pytest
from helpers.checkpoints import load
from helpers.second_device import second_device
from helpers.tiny_selection import make_config, make_pool, make_teacher
from helpers.tiny_streets import FULL, ITERS, SDE, full_options, make_labels
from helpers.untrained import TEACHER, save_untrained

# load_state_dict takes its tensors for empty ones
pytestmark = pytest.mark.filterwarnings('ignore:.*copying from a non-meta parameter')


@pytest.fixture
def device(streets, monkeypatch):
    with second_device(monkeypatch) as device:
        yield device


def test_both_stages(run_tool, options, tmp_path, device, capfd):
    sde = ('--cfg-options', *options['sde'])
    run_tool('train', SDE, '--work-dir', tmp_path / 'sde', *sde)
    make_labels(run_tool, options, tmp_path)
    full = ('--cfg-options', *full_options(options, tmp_path))
    run_tool('train', FULL, '--work-dir', tmp_path / 'full', *full)
    checkpoint = tmp_path / f'full/iter_{ITERS}.pth'
    values = load(checkpoint)['state_dict'].values()
    assert {value.device.type for value in values} == {'cpu'}
    on = [f'train_cfg.max_iters={ITERS + 1}', f'train_cfg.val_interval={ITERS + 1}']
    run_tool('train', FULL, '--work-dir', tmp_path / 'full', '--resume', *full, *on)
    capfd.readouterr()
    run_tool('test', FULL, checkpoint, '--work-dir', tmp_path / 'test', *full)
    printed = capfd.readouterr()
    assert 'teacher/mIoU' in printed.out + printed.err


def test_predict(call_tool, streets, tmp_path, device):
    checkpoint = save_untrained(TEACHER, tmp_path / 'a.pth')
    frames = next(streets.glob('leftImg8bit/val/*'))
    where = (frames, '--out', tmp_path / 'out', '--device', device)
    done = call_tool('predict', TEACHER, checkpoint, *where, '--part', 'student')
    assert done.returncode == 0, done.stderr
    assert any((tmp_path / 'out/overlays').iterdir())


def test_selection(run_tool, tmp_path, device):
    make_pool(tmp_path)
    make_teacher(tmp_path)
    make_config(tmp_path)
    run_tool(
        'select_samples',
        tmp_path / 'select.py',
        tmp_path / 'teacher_0.pth',
        *('--method', 'ds_us', '--out', tmp_path / 'out', '--device', device),
        *('--budget', 3, 6, '--seed', 5),
    )
    chosen = (tmp_path / 'out/budget_6.txt').read_text().splitlines()
    assert len(set(chosen)) == 6
