"""Tools that write files, killed: the same command again ends as if nobody had.

`MMDEPTHSEG_KILLS=20 make test-long` kills each of them more often.
"""

import json
import os
import re
import shutil
import signal

import cv2
import numpy as np
import pytest
from helpers.kills import (
    KILLS,
    ONE_AND_MANY,
    Writer,
    assert_survives,
    family,
    start,
    wait,
    wait_for_end,
)
from helpers.monodepth2_weights import write_published
from helpers.selection_runs import BUDGETS
from helpers.tiny_streets import SDE, STREETS
from helpers.tiny_tables import TinyTable, stage_is_done, wait_for_lock
from helpers.tools import load_tool
from helpers.untrained import TEACHER, save_untrained

from mmdepthseg.apis import depth_labels, prediction
from mmdepthseg.datasets import imported_depth


def tool(name, *arguments):
    load_tool(name).main([str(argument) for argument in arguments])


def streets(workers):
    """Rendered clips; a clip is finished when it is whole."""
    size = '--clips 2 --val-clips 0 --frames 3 --size 64 32 --supersample 1'.split()

    def work(folder):
        given = (*size, '--workers', workers, '--out', folder)
        tool('dataset_converters/streets', *given)

    def finished(name, before):
        clip = re.search(r'(\w+_\d{6})_', name)
        return bool(clip) and sum(f'{clip[1]}_' in other for other in before) == 9

    return Writer(work, finished=finished, at_once=workers == 1)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_streets(counts, tmp_path):
    assert_survives(streets(1), tmp_path, *counts)


@pytest.mark.long
def test_streets_by_several_processes(tmp_path):
    assert_survives(streets(2), tmp_path, KILLS)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_cityscapes(counts, streets, tmp_path):
    given = '--size 48 24 --splits train val --workers 1 --allow-partial'.split()

    def work(folder):
        tool('dataset_converters/cityscapes', streets, *given, '--out', folder)

    def finished(name, before):
        other = name.replace('labelTrainIds', 'labelIds')  # written together
        both = {other, other.replace('labelIds', 'labelTrainIds')}
        return name != 'converted.json' and both <= before.keys()

    assert_survives(Writer(work, finished=finished), tmp_path, *counts)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_depth_labels(counts, options, run_tool, monkeypatch, tmp_path):
    """The manifest is written by time; what it has is finished."""
    monkeypatch.setattr(depth_labels, 'FLUSH_SECONDS', 0)
    checkpoint = save_untrained(SDE, tmp_path / 'sde.pth')

    def work(folder):
        given = ('--out', folder, '--batch-size', 1, '--device', 'cpu')
        more = ('--cfg-options', *options['sde'])
        run_tool('generate_depth', SDE, checkpoint, *given, *more)

    def finished(name, before):
        manifest = json.loads(before.get('manifest.json', ['{}'])[0])
        return name.removesuffix('.png') in manifest.get('files', ())

    assert_survives(Writer(work, finished=finished), tmp_path, *counts)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_imported_depth(counts, monkeypatch, tmp_path):
    monkeypatch.setattr(imported_depth, 'FLUSH_SECONDS', 0)
    maps, images = tmp_path / 'maps', tmp_path / 'images'
    for folder, kind in ((maps, np.uint16), (images, np.uint8)):
        folder.mkdir()
        for number in range(8):
            image = np.full((32, 48), 200 + number, kind)
            cv2.imwrite(str(folder / f'{number}.png'), image)

    def work(folder):
        given = ('--images', images, '--kind', 'depth', '--divisor', 8)
        tool('import_depth', maps, *given, '--out', folder)

    def finished(name, before):
        manifest = json.loads(before.get('manifest.json', ['{}'])[0])
        return name.removesuffix('.png') in manifest.get('files', ())

    assert_survives(Writer(work, finished=finished), tmp_path, *counts)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_predictions(counts, streets, monkeypatch, tmp_path):
    monkeypatch.setattr(prediction, 'NOTE_SECONDS', 0)
    checkpoint = save_untrained(TEACHER, tmp_path / 'teacher.pth')
    (images := tmp_path / 'images').mkdir()
    for path in sorted(streets.rglob('leftImg8bit_sequence/*/*/*.png'))[:6]:
        shutil.copy2(path, images / path.name)

    def work(folder):
        given = ('--out', folder, '--batch-size', 2, '--device', 'cpu', '--fps', 5)
        tool('predict', TEACHER, checkpoint, images, *given)

    def finished(name, before):
        stamp = json.loads(before.get('stamp.json', ['{}'])[0])
        done = stamp.get('facts', {}).get('frames', {})
        return os.path.basename(name).removesuffix('.png') in done

    assert_survives(Writer(work, finished=finished), tmp_path, *counts)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_converted_weights(counts, tmp_path):
    source = write_published(tmp_path / 'mono_64x32')

    def work(folder):
        tool('model_converters/monodepth2', source, folder / 'sde.pth')

    def finished(name, before):
        return False  # it is one file, which is written again

    assert_survives(Writer(work, finished=finished), tmp_path, *counts)


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_selection(counts, select_world, finished, choose, tmp_path):
    """Features, depth labels, students and their scores, each with its stamp."""
    networks = ('features.npy', 'names.txt')

    def kept(name):
        return name.endswith(('.npy', '.txt', '.png'))

    def is_finished(name, before):
        if name.startswith('scores'):
            return name.endswith('.npy')
        return name in networks

    def work(folder):
        choose(folder, *BUDGETS, '--num-workers', 0)

    writer = Writer(work, kept, is_finished, whole=(finished, 120))
    assert_survives(writer, tmp_path, *counts)
    if counts == (1, 0):
        return
    written = json.loads((tmp_path / 'runs/killed/selection.json').read_text())
    expected = json.loads((finished / 'selection.json').read_text())
    assert written['order'] == expected['order']


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_tables(counts, tiny_table, tmp_path):
    def kept(name):
        return os.sep in name or name == 'results.md'

    def work(folder):
        wait_for_lock(folder)
        tiny_table.work = folder
        tiny_table.run('--jobs', 2)

    assert_survives(Writer(work, kept, stage_is_done), tmp_path, *counts)


@pytest.mark.long
def test_sigterm_to_a_table_leaves_no_process(options, plain_layout, tmp_path):
    """A training with loader workers ends with a checkpoint, and goes on from it."""
    table = TinyTable(tmp_path)
    given = dict(
        option.replace('.shared', '').split('=', 1)
        for option in options['full']
        if not option.endswith('subset.n=2')
        and 'sampler' not in option
        and 'mean_teacher' not in option
    )
    given |= {
        'train_cfg.max_iters': '60',
        'train_cfg.val_interval': '60',
        'train_dataloader.num_workers': '2',
        'default_hooks.logger.interval': '1',
    }
    config = str(STREETS / 'supervised_r18-w16_600it_192x96_n8.py')
    method = dict(name='plain', config=config, options=given)
    table.path.write_text(
        f"title = 'One'\nseeds = [7]\nlabel_counts = [2]\nmethods = [{method}]\n"
    )
    said, say = os.pipe()

    def work():
        os.dup2(say, 1)
        table.run()

    runner, log = start(work, tmp_path / 'run.log'), tmp_path / 'run.log'
    os.close(say)
    with open(said) as output:
        assert any('] iteration' in line for line in output), log.read_text()
        members = family(runner)
        # itself, two processes of the fork server, the training, two loader workers;
        # perhaps one that ends soon, such as git for the version
        assert len(members) >= 6
        os.kill(runner, signal.SIGTERM)
        assert 'SIGTERM: waiting for plain_n2_seed7' in output.read()
    assert wait(runner) == 143, log.read_text()
    wait_for_end(members)
    text = (table.work / 'plain_n2_seed7.log').read_text()
    (last,) = re.findall(r'SIGTERM: ended after iteration (\d+), saved', text)
    assert (table.work / f'plain_n2_seed7/iter_{last}.pth').is_file()
    assert wait(start(table.run, log)) == 0, log.read_text()
    text = (table.work / 'plain_n2_seed7.log').read_text()
    assert f'resumed epoch: 0, iter: {last}' in text
    assert not [*tmp_path.rglob('*.tmp-*')]
