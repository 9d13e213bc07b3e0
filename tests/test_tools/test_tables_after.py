"""Methods of a table that start from the runs of others."""

import re

import pytest

AFTER = """
methods.append(dict(methods[0], name='later', after='plain',
                    options=dict(start='{after}')))
"""


def test_a_run_starts_from_that_of_another_method(tiny_table):
    tiny_table.add(AFTER)
    tiny_table.run('--methods', 'later', '--seeds', 3, '--label-counts', 10)
    calls = [c for c in tiny_table.calls() if c['tool'] == 'train']
    assert [c['name'] for c in calls] == ['plain_n10_seed3', 'later_n10_seed3']
    start = f'{tiny_table.work}/plain_n10_seed3/iter_2.pth'
    assert calls[1]['options']['start'] == start
    # what was asked for
    assert [run['method'] for run in tiny_table.results()['runs']] == ['later']
    tiny_table.run('--methods', 'later', '--seeds', 3, '--label-counts', 10)
    assert tiny_table.trained() == []
    tiny_table.add("methods[0]['options'] = dict(gain=1.)")
    tiny_table.run('--methods', 'later', '--seeds', 3, '--label-counts', 10)
    assert tiny_table.trained() == ['later_n10_seed3', 'plain_n10_seed3']


@pytest.mark.parametrize('name', ['later', 'full-x', 'afterwards'])
def test_a_run_starts_from_an_earlier_method(name, tiny_table, capfd):
    tiny_table.add(AFTER + f"methods[-1]['after'] = {name!r}\n")
    tiny_table.add("methods.append(dict(methods[0], name='afterwards'))")
    with pytest.raises(SystemExit):
        tiny_table.run()
    assert re.search(f"later: after: .*'{name}'", capfd.readouterr().err)


def test_a_run_starts_from_one_with_as_many_labels(tiny_table, capfd):
    tiny_table.add(AFTER + "methods[0]['label_counts'] = [10]")
    with pytest.raises(SystemExit):
        tiny_table.run()
    assert re.search(r'later: after: plain .*\[20\]', capfd.readouterr().err)


def test_a_run_that_others_start_from_can_be_given(tiny_table, tmp_path):
    tiny_table.add(AFTER)
    given = tmp_path / 'known.pth'
    given.write_bytes(b'weights')
    arguments = (
        '--seeds',
        3,
        '--label-counts',
        10,
        '--given',
        f'plain_n10_seed3={given}',
    )
    tiny_table.run('--methods', 'later', *arguments)
    (call,) = [c for c in tiny_table.calls() if c['tool'] == 'train']
    assert (call['name'], call['options']['start']) == ('later_n10_seed3', str(given))
    tiny_table.run('--methods', 'later', *arguments)
    assert tiny_table.trained() == []
    given.write_bytes(b'other weights')
    tiny_table.run('--methods', 'later', *arguments)
    assert tiny_table.trained() == ['later_n10_seed3']


@pytest.mark.parametrize(
    'name, methods, message',
    [
        ('plain_n10_seed3', ['plain', 'later'], 'plain_n10_seed3: given.*--methods'),
        ('later_n10_seed3', ['later'], "'later_n10_seed3'.*plain_n10_seed3"),
        ('plain_n20_seed3', ['later'], 'folder.* plain_n20_seed3'),
    ],
)
def test_given_runs_that_nothing_starts_from(
    name, methods, message, tiny_table, tmp_path, capfd
):
    tiny_table.add(AFTER)
    (tmp_path / 'known.pth').touch()
    (tmp_path / 'folder').mkdir()
    file = 'folder' if 'n20' in name else 'known.pth'
    with pytest.raises(SystemExit):
        tiny_table.run('--given', f'{name}={tmp_path}/{file}', '--methods', *methods)
    assert re.search(message, capfd.readouterr().err)
