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
