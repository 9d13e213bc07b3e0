"""Tools that read what tests and trainings have written."""

import json
import shutil

import cv2
import numpy as np
import pytest
from helpers import REPO
from helpers.tools import load_tool


def call(name, *arguments):
    load_tool(f'analysis_tools/{name}').main([str(argument) for argument in arguments])


def test_bootstrap_iou(tmp_path, capsys):
    hits = np.arange(101, dtype=np.float32)
    for name, more in (('plain', 0), ('full', 2)):
        areas = np.stack([hits + more, np.full(101, 200)], 1)[..., None]
        np.savez(tmp_path / f'{name}.npz', areas=areas)
    files = [tmp_path / f'{name}.npz' for name in ('plain', 'full')]
    call('bootstrap_iou', *files, '--images', 10, 100)
    rows = capsys.readouterr().out.splitlines()
    assert '| plain | 25.00 |' in rows[-2]
    # always one more, on whichever images
    assert '| full | 26.00 |' in rows[-1] and '| +1.00 | 0.00 | 0.00 |' in rows[-1]


def test_bootstrap_iou_options(tmp_path, capsys):
    areas = np.ones((3, 2, 1), np.float32)
    np.savez(tmp_path / 'a.npz', areas=areas)
    for option, *values in (
        ('--images', 0), ('--images', 5, -1), ('--draws', 0), ('--draws', 1),
        ('--seed', -1),
    ):  # fmt: skip
        with pytest.raises(SystemExit):
            call('bootstrap_iou', tmp_path / 'a.npz', option, *values)
        assert f'{option} {values[-1]}' in capsys.readouterr().err
    few = ('--images', 1, '--draws', 2, '--seed', 0)
    call('bootstrap_iou', tmp_path / 'a.npz', *few)
    assert 'nan' not in capsys.readouterr().out


def test_compare_results(tmp_path, capsys):
    for name, value in (('plain', 10.0), ('full', 12.5)):
        cell = dict(metric='mIoU', method=name, labels=8, values={'1': value})
        content = dict(summary=[cell])
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
    call(
        'compare_results', f'{tmp_path}/plain.json:plain', f'{tmp_path}/full.json:full'
    )
    assert '| 12.5 (1) | +2.5 (1) |' in capsys.readouterr().out.splitlines()[-1]
    # tools/run_experiments.py names all its files alike
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/full.json').write_text((tmp_path / 'full.json').read_text())
    call(
        'compare_results', f'{tmp_path}/full.json:full',
        f'{tmp_path}/other/full.json:full', f'{tmp_path}/plain.json:plain',
    )  # fmt: skip
    rows = [line.split(' |')[0] for line in capsys.readouterr().out.splitlines()[-3:]]
    assert rows == [
        f'| full ({tmp_path}/full.json)',
        f'| full ({tmp_path}/other/full.json)',
        '| plain (plain)',
    ]
    more = dict(content['summary'][0], values={'2': 13.5})
    (tmp_path / 'more.json').write_text(json.dumps(dict(summary=[more])))
    call('compare_results', f'{tmp_path}/full.json+{tmp_path}/more.json:full')
    assert '| full (full+more) | 12.5 | 13.5 | 13.0 ' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call('compare_results', f'{tmp_path}/plain.json')
    assert 'RESULTS.json:METHOD' in capsys.readouterr().err


def write_log(folder, part, lines):
    log = folder / part / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(json.dumps(line) for line in lines))


def test_class_curves(tmp_path, capsys):
    figures = {'teacher/IoU/car': 10, 'student/IoU/car': 70, 'loss': 1}
    write_log(tmp_path, '20200101_000000', [dict(figures, step=50)])
    more = {'teacher/coverage.car': 20, 'teacher/precision.road': 30}
    later = [dict(figures, step=50), dict(figures | more, step=100)]
    write_log(tmp_path, '20200102_000000', later)
    curves = load_tool('analysis_tools/class_curves').read_curves(tmp_path, 'teacher')
    assert curves == {
        'car': {'IoU': {50: 10, 100: 10}, 'coverage': {100: 20}},
        'road': {'precision': {100: 30}},
    }
    pytest.importorskip('matplotlib')
    call('class_curves', tmp_path, '--out', tmp_path / 'curves.png')
    assert len(np.unique(cv2.imread(str(tmp_path / 'curves.png')))) > 2
    with pytest.raises(SystemExit):
        call('class_curves', tmp_path, '--out', tmp_path / 'curves.xyz')
    assert '.png' in capsys.readouterr().err


def test_class_curves_without_figures_by_class(tmp_path, capsys):
    write_log(tmp_path, '20200101_000000', [dict(step=50, mIoU=1)])
    with pytest.raises(SystemExit):
        call('class_curves', tmp_path, '--out', tmp_path / 'curves.png')
    assert 'per_class' in capsys.readouterr().err


def test_watch_resources(tiny_config, plain_layout, tmp_path, capsys):
    options = ('train_cfg.val_interval=100', f'+experiment_name={tmp_path.name}')
    out = ('--out', tmp_path / 'run', '--iters', 8, '--every', 2)
    call('watch_resources', tiny_config(), *out, '--cfg-options', *options)
    found = json.loads((tmp_path / 'run/resources.json').read_text())
    at, memory, files = zip(*found['points'])
    assert at == (2, 4, 6, 8) and min(memory) > 50 and min(files) > 2
    assert 'per 1000 iterations' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call('watch_resources', tiny_config(), *out, '--every', 0)
    assert "'0' is not a whole number above 0" in capsys.readouterr().err


def test_slopes():
    slopes = load_tool('analysis_tools/watch_resources').slopes
    points = [(i, 100 + max(0, 100 - i), 7 + i / 500) for i in range(0, 300, 10)]
    memory, files = slopes(points)  # a start that shrinks does not count
    assert abs(memory) < 1e-6 and abs(files - 2) < 1e-6


def test_time_resume(tiny_config, plain_layout, tmp_path, capsys):
    """The second training really is at the iteration."""
    config = tiny_config()
    call('time_resume', config, '--iteration', 5000, '--out', tmp_path / 'out')
    assert 'resumed at 5,000' in capsys.readouterr().out
    assert (tmp_path / 'out/training/iter_5001.pth').is_file()


SUPERVISED = REPO / 'configs/streets/supervised_lite0_900it_192x96_n8.py'


def test_class_shares(streets, tmp_path, capsys):
    labels = sorted(streets.glob('gtFine/train/*/*_labelTrainIds.png'))
    (tmp_path / 'one.txt').write_text(labels[1].name.split('_gtFine')[0])
    call(
        'class_shares', SUPERVISED, '--lists', tmp_path / 'one.txt',
        '--random', 2, '--seeds', 0,
        '--cfg-options', f'train_dataloader.dataset.data_root={streets}',
    )  # fmt: skip
    rows = [row.split(' | ')[1:] for row in capsys.readouterr().out.splitlines()[-21:]]
    assert rows[0] == ['pool: 3', 'random, 0: 2', f'{tmp_path}/one.txt: 1 |']
    counts = np.array(
        [np.bincount(cv2.imread(str(f), -1).ravel(), minlength=256) for f in labels]
    )[:, :19]
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    # RandomState(0).permutation(3)
    for column, places in enumerate(([0, 1, 2], [2, 1], [1])):
        assert [row[column].removesuffix(' |') for row in rows[2:]] == [
            f'{shares[places, k].mean():.1f} ({(counts[places, k] > 0).sum()})'
            for k in range(19)
        ]


def test_class_shares_count_a_frame_once(streets, tmp_path, capsys):
    names = sorted(
        str(path.relative_to(streets / 'gtFine/train')).split('_gtFine')[0]
        for path in streets.glob('gtFine/train/*/*_labelTrainIds.png')
    )[:2]
    last = names[0].rpartition('/')[2]
    for name, lines in (('once', names), ('twice', [*names, last, names[0]])):
        (tmp_path / f'{name}.txt').write_text('\n'.join(lines))
    call(
        'class_shares', SUPERVISED,
        '--lists', tmp_path / 'once.txt', tmp_path / 'twice.txt',
        '--cfg-options', f'train_dataloader.dataset.data_root={streets}',
    )  # fmt: skip
    rows = [row.split(' | ')[2:] for row in capsys.readouterr().out.splitlines()[-21:]]
    assert rows[0][1] == f'{tmp_path}/twice.txt: 2 |'
    assert all(once == twice.removesuffix(' |') for once, twice in rows[2:])


@pytest.mark.parametrize(
    'arguments, wanted',
    [
        ([SUPERVISED, '--random', 2], '--random N and --seeds'),
        ([SUPERVISED, '--seeds', 2], '--random N and --seeds'),
        ([REPO / 'configs/streets/sde_lite0_500it_192x96.py'], 'no labeled_subset'),
    ],
)
def test_class_shares_that_are_refused(arguments, wanted, capsys):
    with pytest.raises(SystemExit):
        call('class_shares', *arguments)
    assert wanted in capsys.readouterr().err


def test_class_shares_of_an_empty_list(streets, tmp_path, capsys):
    (tmp_path / 'none.txt').write_text('# nothing\n')
    with pytest.raises(SystemExit):
        call(
            'class_shares', SUPERVISED, '--lists', tmp_path / 'none.txt',
            '--cfg-options', f'train_dataloader.dataset.data_root={streets}',
        )  # fmt: skip
    assert 'none.txt: no name' in capsys.readouterr().err


def test_class_shares_of_frames_without_labels(streets, tmp_path, capsys):
    copy = shutil.copytree(streets, tmp_path / 'streets')
    labels = sorted(copy.glob('gtFine/train/*/*_labelTrainIds.png'))
    lines = [path.name.split('_gtFine')[0] for path in labels]
    for path in copy.glob(f'gtFine/train/*/{lines[1]}_*'):
        path.unlink()
    bare = f'{labels[1].parent.name}/{lines[1]}'
    for names, wanted in (
        (lines, f'list.txt: 1 of its 3 frames have no label, the first is {bare}'),
        (['elsewhere'], "'elsewhere' is not among the names"),
    ):
        (tmp_path / 'list.txt').write_text('\n'.join(names))
        with pytest.raises(SystemExit):
            call(
                'class_shares', SUPERVISED, '--lists', tmp_path / 'list.txt',
                '--cfg-options', f'train_dataloader.dataset.data_root={copy}',
            )  # fmt: skip
        assert wanted in capsys.readouterr().err


def test_picture_sheet(tmp_path, capsys):
    for folder, value, names in (
        ('images', 40, ('a.jpg', 'b.jpg')), ('depth', 200, ('b.png', 'a.png', 'c.png')),
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
        for name in names:
            picture = np.full((20, 40, 3), value, np.uint8)
            cv2.imwrite(str(tmp_path / folder / name), picture)
    columns = f'image={tmp_path}/images', f'depth={tmp_path}/depth'
    out = tmp_path / 'sheet.png'
    call('picture_sheet', *columns, '--out', out, '--width', 80)
    whole = cv2.imread(str(out))
    middle = [whole[-20, 40, 0], whole[-20, 84 + 40, 0]]
    assert np.abs(np.array(middle, int) - (40, 200)).max() < 3
    call('picture_sheet', *columns, '--out', out, '--width', 80, '--names', 'b')
    assert cv2.imread(str(out)).shape[0] < whole.shape[0]
    (tmp_path / 'images/c.jpg').write_bytes(b'no picture')
    for arguments, reason in (
        (('--names', 'd'), 'd: not in all folders'),
        (('--names', 'c'), 'c.jpg: not a readable image'),
        (('--width', 0), '--width 0'),
        ((f'depth={tmp_path}/images',), 'depth='),
        ((f'more={tmp_path}/none',), 'not a folder'),
        (('--out', tmp_path / 'sheet'), 'end it with .png'),
    ):
        with pytest.raises(SystemExit):
            call('picture_sheet', '--out', out, *columns, *arguments)
        assert reason in capsys.readouterr().err
    cv2.imwrite(str(tmp_path / 'depth/a.jpg'), picture)
    with pytest.raises(SystemExit):
        call('picture_sheet', *columns, '--out', out)
    assert 'a.jpg and a.png' in capsys.readouterr().err
