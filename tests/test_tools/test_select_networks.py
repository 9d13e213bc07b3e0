"""`tools/select_samples.py CONFIG CHECKPOINT`: what is chosen, and by what."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.selection_runs import BUDGETS, record_of, times
from helpers.tiny_models import HEIGHT, WIDTH
from helpers.tiny_selection import NAMES

from mmdepthseg.apis import load_model
from mmdepthseg.datasets.depth_maps import DepthKind
from mmdepthseg.datasets.imported_depth import import_depth
from mmdepthseg.selection import farthest_point, select
from mmdepthseg.structures import FrameBatch


def test_features_are_those_of_the_teachers_decoder(select_world, finished):
    features = np.load(finished / 'features.npy')
    assert features.shape == (len(NAMES), 8, 2, 3)
    assert (finished / 'names.txt').read_text().splitlines() == NAMES
    model = load_model(str(select_world / 'teacher.py'), select_world / 'teacher_0.pth')
    import cv2

    for row in (0, 7):
        clip, frame = NAMES[row].split('/')
        image = cv2.imread(str(select_world / f'clips/{clip}/frames/{frame}.png'))
        image = torch.from_numpy(image).permute(2, 0, 1)
        batch = model.data_preprocessor(dict(inputs=[image]))
        with torch.no_grad():
            levels = model.extract_feat(FrameBatch.of(batch['inputs']).img)
            expected = F.avg_pool2d(model.depth_head.decoder(levels)[3], 4)[0]
        np.testing.assert_allclose(features[row], expected, rtol=1e-4, atol=1e-5)


def test_picks_follow_from_features_and_scores(finished):
    record = record_of(finished)
    order = record['order']
    features = np.load(finished / 'features.npy')
    # no student yet: the first step is by distance alone
    assert order[:3] == farthest_point(features, 3, seed=5).order.tolist()
    for known, budget in ((3, 6), (6, 8)):
        rest = [row for row in range(len(NAMES)) if row not in order[:known]]
        scores = np.zeros(len(NAMES))
        scores[rest] = np.load(finished / f'scores/{known}/scores.npy')
        assert scores[rest].min() > 0
        part = select(features, 'ds_us', budget, scores=scores, initial=order[:known])
        assert part.order.tolist() == order[:budget]
        assert record['score'][known:budget] == scores[order[known:budget]].tolist()
        lines = (finished / f'students/{known}/images.txt').read_text().splitlines()
        assert lines == [NAMES[row] for row in order[:known]]
    assert record['score'][:3] == [None] * 3


def test_record_and_split_files(select_world, finished):
    record = record_of(finished)
    names = [NAMES[row] for row in record['order']]
    for budget in (3, 6, 8):
        text = (finished / f'budget_{budget}.txt').read_text()
        assert text.splitlines() == names[:budget]
    assert record['names'] == names and record['seed'] == 5
    steps = record['steps']
    assert [(s['known'], s['budget'], s['method']) for s in steps] == [
        (0, 3, 'ds'),
        (3, 6, 'ds_us'),
        (6, 8, 'ds_us'),
    ]
    assert steps[0]['student'] is None
    assert [s['student']['iterations'] for s in steps[1:]] == [4, 4]
    assert set(record['files']) == {'checkpoint', 'config', 'features', 'names'}
    assert record['files']['checkpoint']['path'] == str(select_world / 'teacher_0.pth')
    assert record['options']['criterion']['far_threshold'] == 0.07
    assert record['images'] == len(NAMES) and 'torch' in record['versions']
    assert 'loss_disparity' in (finished / 'config.py').read_text()
    assert '<html' in (finished / 'selection.html').read_text()[:300]


def test_a_split_file_restricts_a_data_set(select_world, finished):
    from mmdepthseg.datasets import ClipDataset

    dataset = ClipDataset(
        data_root=str(select_world / 'clips'),
        labeled_subset=dict(ann_file=str(finished / 'budget_6.txt')),
        pipeline=[],
    )
    names = {dataset.get_data_info(i)['img_id'] for i in range(len(dataset))}
    assert names == set((finished / 'budget_6.txt').read_text().splitlines())


def test_teachers_output_is_shared(finished, choose, tmp_path):
    out = tmp_path / 'out'
    before = times(finished)
    choose(out, *BUDGETS[:3], '--teacher-dir', finished, method='us')
    assert times(finished) == before and not (out / 'features.npy').exists()
    order = record_of(out)['order']
    assert order[:3] == np.random.RandomState(5).permutation(len(NAMES))[:3].tolist()
    score = record_of(out)['score'][3:]
    assert score == sorted(score, reverse=True)


def test_depth_labels_follow_their_teachers_config(
    choose, select_world, tmp_path, capsys
):
    teacher, config = tmp_path / 'teacher.py', tmp_path / 'select.py'
    teacher.write_text((select_world / 'teacher.py').read_text())
    text = (select_world / 'select.py').read_text()
    config.write_text(text.replace("teacher='teacher.py'", f"teacher='{teacher}'"))
    out, given = tmp_path / 'out', ('--budget', 3, 4)
    choose(out, *given, method='us', config=config)
    label = out / f'depth_labels/{NAMES[0]}.png'
    before = label.read_bytes()
    with teacher.open('a') as file:
        file.write("\nmodel['data_preprocessor']['mean'] = [60.0, 60.0, 60.0]\n")
    with pytest.raises(SystemExit):
        choose(out, *given, method='us', config=config)
    assert 'model.data_preprocessor.mean' in capsys.readouterr().err
    assert label.read_bytes() == before
    choose(out, *given, '--overwrite', method='us', config=config)
    assert label.read_bytes() != before


def test_given_depth_labels_in_the_place_of_the_teachers(
    choose, select_world, tmp_path, capsys
):
    """Without a teacher: the method needs no features."""
    random = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / f'maps/{name}.npy'
        path.parent.mkdir(parents=True, exist_ok=True)
        inverse = np.linspace(0.05, random.uniform(0.2, 0.5), WIDTH)
        depth = np.tile(1 / inverse, (HEIGHT, 1))
        depth[:4] = 0  # not measured
        np.save(path, depth)
    labels, out = tmp_path / 'labels', tmp_path / 'out'
    meaning = DepthKind('depth')
    import_depth(tmp_path / 'maps', select_world / 'clips', labels, meaning)
    given = ('--budget', 3, 4, '--depth-labels', labels)
    choose(out, *given, method='us', checkpoint=None)
    record = record_of(out)
    assert set(record['files']) == {'config', 'depth_labels'}
    assert 0 < record['score'][3] < 1 and not (out / 'features.npy').exists()
    scores = np.load(out / 'scores/3/scores.npy')
    assert np.isfinite(np.delete(scores, record['order'][:3])).all()
    np.save(tmp_path / f'maps/{NAMES[0]}.npy', np.full((HEIGHT, WIDTH), 3.0))
    import_depth(tmp_path / 'maps', select_world / 'clips', labels, meaning)
    with pytest.raises(SystemExit):
        choose(out, *given, method='us', checkpoint=None)
    assert 'depth_labels' in capsys.readouterr().err


def test_labelled_and_excluded_frames(choose, finished, tmp_path):
    order = record_of(finished)['order']
    (tmp_path / 'initial.txt').write_text(
        '# labelled\n' + ''.join(f'{NAMES[row]}\n' for row in order[:3])
    )
    (tmp_path / 'exclude.txt').write_text(f'{NAMES[order[3]]}\n')
    out = tmp_path / 'out'
    choose(
        out,
        '--budget',
        5,
        '--teacher-dir',
        finished,
        '--initial',
        tmp_path / 'initial.txt',
        '--exclude',
        tmp_path / 'exclude.txt',
    )
    record = record_of(out)
    assert record['order'][:3] == order[:3] and order[3] not in record['order']
    assert record['initial'] == 3
    # a student of the labelled ones, the same as in the other selection
    scores = np.load(out / 'scores/3/scores.npy')
    rest = [row for row in range(len(NAMES)) if row not in order[:3]]
    expected = np.load(finished / 'scores/3/scores.npy')[
        [row != order[3] for row in rest]
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_a_depth_config_alone_serves_diversity(select_world, choose, tmp_path):
    """CONFIG may be the teacher's own; no students, no `selection` in it."""
    pool = (select_world / 'select.py').read_text()
    start = pool.index('predict_pipeline')
    loader = (
        pool[start : pool.index('train_pipeline')]
        + pool[pool.index('predict_dataloader') : pool.index('train_dataloader')]
    )
    text = (select_world / 'teacher.py').read_text() + loader
    text += 'selection = dict(features=dict(size=(2, 3)))\n'
    (select_world / 'sde.py').write_text(text)
    choose(tmp_path / 'out', '--budget', 4, method='ds', config='sde.py')
    order = record_of(tmp_path / 'out')['order']
    features = np.load(tmp_path / 'out/features.npy')
    assert order == farthest_point(features, 4, seed=5).order.tolist()
    assert not (tmp_path / 'out/students').exists()


def test_frames_of_the_validation_are_counted(select_world, choose, tmp_path):
    """Those that neither --exclude nor exclude_clips leaves out."""
    left_out = [name for name in NAMES if name.startswith('drive 2/')]
    said = []

    def chosen(name, extra, *arguments):
        (select_world / 'held.py').write_text(
            (select_world / 'select.py').read_text() + extra
        )
        with pytest.MonkeyPatch.context() as patch:
            place = 'mmdepthseg.apis.selection.run.print_log'
            patch.setattr(place, lambda text, **_: said.append(text))
            choose(
                *(tmp_path / name, '--budget', 4, *arguments),
                **dict(method='random', config='held.py', checkpoint=None),
            )

    chosen('a', "val_clips = ['drive 2']\n")
    assert len(said) == 1
    assert said[0].startswith(f'{len(left_out)} of the {len(NAMES)} frames')
    assert said[0].endswith("exclude_clips=['drive 2']")
    (tmp_path / 'most.txt').write_text('\n'.join(left_out[1:]))
    chosen('b', "val_clips = ['drive 2']\n", '--exclude', tmp_path / 'most.txt')
    assert len(said) == 2 and said[1].startswith('1 of the 12')
    pool = "predict_dataloader['dataset']['exclude_clips'] = val_clips\n"
    chosen('c', f"val_clips = ['drive 2']\n{pool}")
    for nothing in ('[]', "['drive']", '3'):
        chosen(f'd{nothing}', f'val_clips = {nothing}\n')
    assert len(said) == 2


def test_minimum_distance_ends_early(finished, choose, tmp_path, capsys):
    choose(
        tmp_path / 'out',
        '--budget',
        12,
        '--min-distance',
        5,
        '--teacher-dir',
        finished,
        method='ds',
    )
    record = record_of(tmp_path / 'out')
    assert record['stopped_by_min_distance'] and 1 < len(record['order']) < 12
    assert f' {len(record["order"])} frames' in capsys.readouterr().err


def test_random_needs_no_network(choose, tmp_path):
    choose(tmp_path / 'out', '--budget', 4, method='random', checkpoint=None)
    order = np.random.RandomState(5).permutation(len(NAMES))[:4]
    assert record_of(tmp_path / 'out')['order'] == order.tolist()
    assert not (tmp_path / 'out/features.npy').exists()


def test_names_of_the_repository_stay_out_of_the_way(finished):
    """Everything is below --out; a relative path in the stamps would not survive."""
    stamp = json.loads((finished / 'students/3/stamp.json').read_text())
    assert not Path(stamp['facts']['checkpoint']).is_absolute()
    assert 'labeled_subset' not in stamp['made_with']['train_dataloader']['dataset']
