"""What the methods of configs/tables/streets_ladder.py change is what they say."""

import pytest
from helpers import REPO

from mmdepthseg.experiments import ExperimentTable
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import DATASETS


@pytest.fixture(scope='module')
def ladder(tmp_path_factory):
    path = REPO / 'configs/tables/streets_ladder.py'
    return ExperimentTable(str(path), tmp_path_factory.mktemp('ladder'), seeds=[7])


def config_of(ladder, method):
    run = next(run for run in ladder.runs if run.method == method)
    return run, ladder.changed(run.config, run.options)


def mix_frames(ladder, method, streets, **subset):
    """Training frames of a method on other streets, labelled and mix."""
    register_all_modules()
    _, cfg = config_of(ladder, method)
    data = cfg.train_dataloader.dataset
    data.shared.data_root = str(streets)
    data.shared.labeled_subset.n = 2
    if subset:
        data.sources.mix.labeled_subset.update(subset)
    for part in (data.shared, *data.sources.values()):
        part.check_depth_labels = False
    labeled, mix, _ = DATASETS.build(data).datasets
    assert len(labeled) == 2
    infos = [mix.get_data_info(index) for index in range(len(mix))]
    names = {info['img_id'] for info in infos if info['is_labeled']}
    return len(infos), names, {labeled.get_data_info(i)['img_id'] for i in range(2)}


@pytest.mark.parametrize('mixer', ['classmix', 'depthmix'])
def test_all_mix_frames_are_labelled_where_the_truth_replaces_the_teacher(
    mixer, ladder, streets
):
    count, labelled, few = mix_frames(ladder, mixer, streets)
    assert labelled == few and count > 2
    count, labelled, few = mix_frames(ladder, f'{mixer}-truth', streets)
    assert len(labelled) == count and few < labelled


def test_a_pool_has_so_many_frames_and_no_label(ladder, streets):
    for count in (2, 3):
        found, labelled, _ = mix_frames(ladder, 'classmix-60', streets, n=count)
        assert found == count and not labelled
    for count in (60, 120, 300, 1200):
        run, cfg = config_of(ladder, f'classmix-{count}')
        data = cfg.train_dataloader.dataset
        assert data.sources.mix.labeled_subset == dict(n=count, seed=run.seed)
        assert data.shared.labeled_subset == dict(n=run.labels, seed=run.seed)


@pytest.mark.parametrize('method', ['supervised', 'classmix', 'transfer-depthmix'])
def test_a_longer_training_is_the_same_schedule_stretched(method, ladder):
    _, short = config_of(ladder, method)
    for times in (2, 5):
        _, cfg = config_of(ladder, f'{method}-x{times}')
        assert cfg.train_cfg.max_iters == times * short.train_cfg.max_iters
        ends, before = (
            [schedule.get('end') for schedule in c.param_scheduler]
            for c in (cfg, short)
        )
        assert ends[-1] == times * before[-1]
        if method != 'supervised':
            hooks, before = cfg.default_hooks, short.default_hooks
            assert hooks.mean_teacher.burn_in == times * before.mean_teacher.burn_in


def test_true_depth_is_the_start_where_it_says_so(ladder):
    product = ladder.products['depth_true_phase2']
    assert '/depth_true_phase2/iter_' in product
    for method in ('transfer-true', 'transfer-true-depthmix-true'):
        run, cfg = config_of(ladder, method)
        starts = [option for option in run.options if option.endswith(product)]
        assert len(starts) == 2
