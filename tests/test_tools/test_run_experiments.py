"""Tables of experiments: what is run, what is not run again, what is printed."""

import re
import shutil

import pytest
from helpers import REPO
from helpers.tiny_streets import ITERS
from helpers.tiny_tables import TinyTable

from mmdepthseg.experiments import lock_folder

ALL = sorted(
    f'{method}_n{n}_seed{seed}'
    for method in ('plain', 'full')
    for n in (10, 20)
    for seed in (1, 3)
)


def rows(text):
    """Cells of all Markdown rows of a printed text."""
    return [
        [cell.strip() for cell in line.strip('| ').split('|')]
        for line in text.splitlines()
        if re.match(r'\| (?!method)', line)
    ]


def stops(table, *arguments):
    """Exit code of a run that does not end well."""
    with pytest.raises(SystemExit) as stop:
        table.run(*arguments)
    return stop.value.code


def test_prints_means_spreads_and_writes_every_run(tiny_table, capfd):
    tiny_table.run()
    calls = tiny_table.calls()
    trained = sorted(c['name'] for c in calls if c['tool'] == 'train')
    assert trained == sorted([*ALL, 'depth'])
    assert [c['tool'] for c in calls[:3]] == ['train', 'generate_depth', 'train']
    printed = capfd.readouterr().out
    # n + seed: 11 and 13; their sample standard deviation is the root of 2
    assert rows(printed) == [
        ['plain', '12.0 ± 1.4 (2)', '22.0 ± 1.4 (2)'],
        ['the full method', '16.0 ± 1.4 (2)', '26.0 ± 1.4 (2)'],
        ['the full method', '+4.0 ± 0.0 (2)', '+4.0 ± 0.0 (2)'],
    ]
    assert 'seeds 1, 3' in printed
    assert 'teacher' not in printed
    assert (tiny_table.work / 'results.md').read_text().strip() in printed
    results = tiny_table.results()
    assert [run['state'] for run in results['runs']] == ['done'] * 8
    (run,) = (r for r in results['runs'] if r['name'] == 'full_n20_seed3')
    assert run['figures'] == dict(test=dict(mIoU=27.0))
    assert (run['method'], run['labels'], run['seed']) == ('full', 20, 3)
    assert 'start={work_dir}/labels' in run['options']
    assert results['version'] and run['versions'] == [results['version']]
    assert results['version'] in printed
    (cell,) = (
        c
        for c in results['summary']
        if c['method'] == 'full' and c['labels'] == 20 and c['n']
    )
    assert cell['values'] == {'1': 25.0, '3': 27.0}
    assert (cell['min'], cell['max'], cell['gains']) == (
        25.0,
        27.0,
        {'1': 4.0, '3': 4.0},
    )


def test_options_of_a_run(tiny_table):
    tiny_table.run(
        '--methods',
        'full',
        '--label-counts',
        20,
        '--seeds',
        3,
        '--cfg-options',
        '+more=1',
    )
    calls = tiny_table.calls()
    subset = 'train_dataloader.dataset.labeled_subset'
    wanted = {
        'randomness.seed': '3',
        f'{subset}.n': '20',
        f'{subset}.seed': '3',
        'gain': '4.0',
        'start': f'{tiny_table.work}/labels',
        '+more': '1',
    }
    assert [c['options'] for c in calls if c['name'] == 'full_n20_seed3'] == [wanted]
    assert [c['options'] for c in calls if c['name'] == 'test'] == [wanted]
    assert [c['options'] for c in calls if c['name'] == 'depth'] == [{'+more': '1'}]


def test_nothing_is_done_twice(tiny_table):
    tiny_table.run('--methods', 'plain')
    assert tiny_table.trained() == [n for n in ALL if 'plain' in n]
    tiny_table.run()
    assert tiny_table.trained() == sorted([*(n for n in ALL if 'full' in n), 'depth'])
    tiny_table.run()
    with open(tiny_table.folder / 'random.py', 'a') as config:
        config.write('# a comment\n')
    tiny_table.run()
    assert tiny_table.calls() == []


@pytest.mark.parametrize(
    'change, again',
    [
        (lambda t: t.add('methods[1]["options"]["gain"] = 5.'), 'full'),
        (lambda t: t.add('options = dict(gain=1.)'), ''),
        (lambda t: t.add('seeds[1] = dict(seed=3, list=45)'), 'seed3'),
        (
            lambda t: (t.folder / 'random.py').write_text(
                (t.folder / 'random.py').read_text().replace('gain = 0.', 'gain = 1.')
            ),
            '',
        ),
    ],
)
def test_what_changed_is_done_again(change, again, tiny_table):
    tiny_table.run()
    tiny_table.calls()
    change(tiny_table)
    tiny_table.run('--print-only')
    assert tiny_table.calls() == []
    wanted = [name for name in ALL if again in name]
    states = {r['name']: r['state'] for r in tiny_table.results()['runs']}
    assert sorted(n for n, s in states.items() if s == 'outdated') == wanted
    assert 'Out of' in (tiny_table.work / 'results.md').read_text()
    tiny_table.run()
    assert [n for n in tiny_table.trained() if n != 'depth'] == wanted


def test_a_failed_run_is_reported_and_stops_no_other(tiny_table, capfd):
    tiny_table.add(
        'methods.insert(0, dict(methods[0], name="odd", options=dict(gain=-1.0)))'
    )
    assert stops(tiny_table, '--seeds', 1, '--label-counts', 10) == 1
    printed = capfd.readouterr().out
    assert 'no such gain' in printed
    assert 'Failed, 1 of 3: odd_n10_seed1.' in printed
    assert ['odd', '-'] in rows(printed) and ['plain', '11.0 (1)'] in rows(printed)
    (failed,) = (r for r in tiny_table.results()['runs'] if r['state'] == 'failed')
    assert 'exit code 1' in failed['why']
    tiny_table.calls()
    assert stops(tiny_table, '--seeds', 1, '--label-counts', 10) == 1  # tried again
    assert tiny_table.trained() == ['odd_n10_seed1']
    assert stops(tiny_table, '--stop-on-failure') == 2
    captured = capfd.readouterr()
    assert 'stage odd_n10_seed1 failed' in captured.err
    assert ['plain', '11.0 (1)', '-'] in rows(captured.out)
    assert 'Failed, 1 of 12: odd_n10_seed1.' in captured.out
    assert ', 9 of 12' in captured.out


def test_what_needs_a_failed_prerequisite_is_left_out(tiny_table, capfd):
    tiny_table.add('prerequisites[0]["options"] = dict(gain=-1.0)')
    assert stops(tiny_table) == 1
    assert 'needs labels' in capfd.readouterr().out
    assert tiny_table.trained() == sorted([*(n for n in ALL if 'plain' in n), 'depth'])


def test_a_run_needs_the_prerequisites_of_its_seed(tiny_table, capfd):
    tiny_table.add(
        'prerequisites.extend(\n'
        "    dict(prerequisites[0], name=f'depth{s}') for s in (1, 3)\n)\n"
        "methods = [dict(methods[0], needs=['depth{seed}'])]"
    )
    tiny_table.run('--seeds', 3, '--label-counts', 10)
    assert tiny_table.trained() == ['depth3', 'plain_n10_seed3']
    tiny_table.add("prerequisites[-1]['name'] = 'another'")
    assert stops(tiny_table)
    assert 'depth3' in capfd.readouterr().err


def test_a_command_with_config_and_folder(tiny_table):
    """Another config is another result, and begins in an empty folder."""
    folder = tiny_table.work / 'chosen'
    tiny_table.add(
        "prerequisites.append(dict(name='chosen', command='choose.py --out "
        "{work_dir}/chosen', outputs=['{work_dir}/chosen/manifest.json'], "
        f"config='{tiny_table.folder}/random.py', folder='{{work_dir}}/chosen'))\n"
        "methods = [dict(methods[0], needs=['chosen'])]"
    )
    tiny_table.fake.write_text(
        tiny_table.fake.read_text()
        .replace("'generate_depth':", "'choose':")
        .replace('    assert Path(rest[1]).name', '#')
    )
    tiny_table.run()
    assert [c['name'] for c in tiny_table.calls()][0] == 'chosen'
    (folder / 'old').touch()
    tiny_table.run()
    assert tiny_table.calls() == []
    config = tiny_table.folder / 'random.py'
    config.write_text(config.read_text().replace('start = None', 'start = 1'))
    tiny_table.run()
    assert [c['name'] for c in tiny_table.calls()][0] == 'chosen'
    assert not (folder / 'old').exists()
    tiny_table.add("prerequisites[0]['folder'] = 'x'")
    with pytest.raises(SystemExit):
        tiny_table.run()


def test_print_only_and_list_run_nothing(tiny_table, capfd):
    tiny_table.run('--print-only')
    assert ', 8 of 8' in capfd.readouterr().out
    tiny_table.run('--list')
    listed = capfd.readouterr().out
    assert 'full_n20_seed3: missing' in listed
    assert f'--work-dir {tiny_table.work}/full_n20_seed3' in listed
    assert tiny_table.calls() == []


def test_one_process_per_gpu(tiny_table):
    tiny_table.run('--methods', 'plain', '--gpus', 3, 5)
    assert {c['gpu'] for c in tiny_table.calls()} == {'3', '5'}


def test_on_slurm(tiny_table, fake_slurm, capfd):
    tiny_table.run('--slurm', 'partition=gpu', 'timeout_min=9')
    assert set(fake_slurm.jobs()) == {'depth', 'labels', *ALL}
    assert '#SBATCH --time=9\n' in fake_slurm.jobs()['depth']
    assert 'Queued, 8 of 8' in capfd.readouterr().out
    assert stops(tiny_table) == 2  # nothing beside the jobs
    assert 'full_n10_seed1' in capfd.readouterr().err
    tiny_table.run('--slurm', '--list')
    assert 'full_n20_seed3: queued' in capfd.readouterr().out
    assert tiny_table.calls() == []
    fake_slurm.work()
    assert tiny_table.trained() == sorted([*ALL, 'depth'])
    tiny_table.run('--slurm', 'partition=gpu', '--print-only')
    assert ['plain', '12.0 ± 1.4 (2)', '22.0 ± 1.4 (2)'] in rows(capfd.readouterr().out)
    tiny_table.run('--slurm', 'partition=gpu')
    tiny_table.run()
    assert not fake_slurm.jobs() and tiny_table.calls() == []


def test_one_run_at_a_time(tiny_table, capfd):
    with lock_folder(tiny_table.work):
        assert stops(tiny_table) == 2
    assert str(tiny_table.work) in capfd.readouterr().err
    assert tiny_table.calls() == []


def test_given_in_the_place_of_a_prerequisite(tiny_table):
    labels = tiny_table.folder / 'mine'
    labels.mkdir()
    (labels / 'manifest.json').write_text('1')
    arguments = ('--methods', 'full', '--seeds', 1, '--given', f'labels={labels}')
    tiny_table.run(*arguments)
    calls = tiny_table.calls()
    assert {c['name'] for c in calls} == {'full_n10_seed1', 'full_n20_seed1', 'test'}
    assert {c['options']['start'] for c in calls} == {str(labels)}
    tiny_table.run(*arguments)
    assert tiny_table.calls() == []
    (labels / 'manifest.json').write_text('2')
    tiny_table.run(*arguments)
    assert len(tiny_table.trained()) == 2


def test_results_of_another_machine_are_not_made_again(tiny_table, capfd):
    tiny_table.run('--seeds', 1)
    earlier = tiny_table.folder / 'seed1.json'
    earlier.write_text((tiny_table.work / 'results.json').read_text())
    before = tiny_table.results()
    shutil.rmtree(tiny_table.work)
    tiny_table.calls()
    tiny_table.run('--results', earlier)
    assert tiny_table.trained() == sorted(['depth', *(n for n in ALL if '1' != n[-1])])
    whole = tiny_table.results()
    assert len(whole['runs']) == len(ALL)
    assert all(run in whole['runs'] for run in before['runs'])
    assert ['plain', '12.0 ± 1.4 (2)', '22.0 ± 1.4 (2)'] in rows(capfd.readouterr().out)
    # all of them: not even the prerequisites
    shutil.rmtree(tiny_table.work)
    tiny_table.calls()
    tiny_table.run('--results', earlier, '--seeds', 1)
    assert tiny_table.calls() == []
    assert tiny_table.results()['summary'] == before['summary']
    # of other options: said, and made
    capfd.readouterr()
    tiny_table.add('prerequisites[0]["options"] = dict(gain=5.0)')
    tiny_table.run('--results', earlier, '--seeds', 1)
    said = re.search('seed1.json: not used.*', capfd.readouterr().out)[0]
    assert 'full_n10_seed1, full_n20_seed1' in said and 'plain' not in said
    assert tiny_table.trained() == ['depth', 'full_n10_seed1', 'full_n20_seed1']


@pytest.mark.parametrize(
    'text',
    [
        '{}',
        '{"runs": [1]}',
        '{"runs": [{"name": "plain_n10_seed1", "state": "done"}]}',
        '{"runs": [{"name": "a", "state": "done", "hash": "b", "best": {}, '
        '"figures": {"test": {"mIoU": NaN}}, "seconds": 1, "versions": []}]}',
    ],
)
def test_results_that_are_none(text, tiny_table, capfd):
    (tiny_table.folder / 'odd.json').write_text(text)
    assert stops(tiny_table, '--results', tiny_table.folder / 'odd.json') == 2
    assert 'odd.json' in capfd.readouterr().err
    assert tiny_table.calls() == []


@pytest.mark.parametrize(
    'arguments, wanted',
    [
        (['--methods', 'fall'], 'fall.*plain, full'),
        (['--seeds', '2'], ' 2.*1, 3'),
        (['--given', 'sde=x'], "'sde'.*depth, labels"),
        (
            ['--given', 'labels=/no/where'],
            '/no/where.*labels',
        ),
        (['--given', 'labels'], "--given .*not 'labels'"),
        (['--given', 'labels=a', 'labels=b'], '--given: labels .* a and b'),
        (['--cfg-options', 'gainn=1'], "random.py.*'gainn'.*'gain'"),
        (['--retry'], '--retry.*--slurm'),
        (['--slurm', '--no-fork'], '--no-fork.*--slurm'),
        (['--jobs', '0'], "--jobs.*'0'"),
    ],
)
def test_bad_arguments(arguments, wanted, tiny_table, capfd):
    assert stops(tiny_table, *arguments) == 2
    assert re.search(wanted, capfd.readouterr().err)
    assert tiny_table.calls() == []


REAL = """
_base_ = {base!r}
seeds = [7]
label_counts = [2]
prerequisites = [
    dict(name='sde', train=_base_.sde, options={sde!r}),
    dict(name='depth_labels', depth_labels=_base_.sde, checkpoint='{{sde}}',
         options={labels!r})]
methods = [dict(m, options=dict(m['options'], **{full!r}))
           for m in _base_.methods if m['name'] == 'transfer-depthmix']
baseline = None
"""


def test_a_real_run(streets, options, plain_layout, tmp_path, capfd):
    """Depth, its labels, transfer and DepthMix, as the table of the streets has it."""
    base = REPO / 'configs/tables/streets_methods.py'

    def as_dict(pairs):
        return dict(pair.split('=', 1) for pair in pairs)

    sde = as_dict(options['sde'])
    full = {
        k: v
        for k, v in as_dict(options['full']).items()
        if not k.endswith('labeled_subset.n')
    }
    table = TinyTable(tmp_path)
    table.path.write_text(
        REAL.format(
            base=str(base),
            sde=sde,
            full=full,
            labels={k: v for k, v in sde.items() if k.startswith('predict')},
        )
    )
    table.run()
    printed = capfd.readouterr().out
    (_, student), (_, teacher), (_, pixels) = rows(printed)
    assert all(cell.endswith('(1)') for cell in (student, teacher, pixels))
    (run,) = table.results()['runs']
    assert run['state'] == 'done' and run['name'] == 'transfer-depthmix_n2_seed7'
    assert (tmp_path / f'work/{run["name"]}/iter_{ITERS}.pth').is_file()
    assert run['figures']['test']['student/mIoU'] == pytest.approx(
        float(student.split()[0]), abs=0.06
    )
    assert run['figures']['test']['student/aAcc'] == pytest.approx(
        float(pixels.split()[0]), abs=0.06
    )
    log = (tmp_path / f'work/{run["name"]}.log').read_text()
    assert '2 labels' in log and '3 depth labels' in log
    assert str(tmp_path / 'work/sde/iter_2.pth') in log
