"""Tables of depth: trainings without labels, and what decides depth labels."""

import re

import pytest
from helpers.tiny_tables import CONFIG

from mmdepthseg.experiments import ExperimentTable, make_stages

DEPTH = """
label_counts = [0]
metrics = [dict(title='abs_rel', keys=['mIoU'], decimals=3)]
methods = [dict(m, config={config!r}, options=dict(gain=g))
           for m, g in zip(methods, (0.25, 0.3125))]
"""


def depth(table, content=CONFIG.replace('labeled_subset', 'whole')):
    """Let the tiny table train a config without labels."""
    config = table.folder / 'depth.py'
    config.write_text(content)
    table.add(DEPTH.format(config=str(config)))


def test_a_table_without_labels(tiny_table, capfd):
    depth(tiny_table)
    tiny_table.run()
    calls = [c for c in tiny_table.calls() if c['name'] == 'full_n0_seed3']
    assert [c['tool'] for c in calls] == ['train']
    assert set(calls[0]['options']) == {'randomness.seed', 'gain'}
    printed = capfd.readouterr().out
    assert '| method | no labels |' in printed
    # seed + gain: 1.25 and 3.25, their sample standard deviation is the root of 2
    assert '| plain | 2.250 ± 1.414 (2) |' in printed
    assert '| the full method | +0.062 ± 0.000 (2) |' in printed
    assert {cell['decimals'] for cell in tiny_table.results()['summary']} == {3}


def test_labels_in_a_table_without(tiny_table, capfd):
    depth(tiny_table, CONFIG)
    with pytest.raises(SystemExit):
        tiny_table.run()
    assert re.search(
        '0 is for .*depth.py has .*dataset.labeled_subset', capfd.readouterr().err
    )


@pytest.mark.parametrize(
    'line, wanted',
    [
        ('label_counts = [8]', r'no labeled_subset .*\[0\] is for'),
        ('label_counts = [-1]', r'not be negative, got \[-1\]'),
        ("metrics[0]['decimals'] = -1", 'abs_rel: decimals .* got -1'),
        ("metrics[0]['decimals'] = 1.5", 'abs_rel: decimals .* got 1.5'),
    ],
)
def test_numbers_that_are_refused(line, wanted, tiny_table, capfd):
    depth(tiny_table)
    tiny_table.add(line)
    with pytest.raises(SystemExit):
        tiny_table.run()
    assert re.search(wanted, capfd.readouterr().err)


def test_the_network_config_of_depth_labels_decides(tiny_table):
    network = tiny_table.folder / 'network.py'
    network.write_text('depth = 18')
    tiny_table.add(f"prerequisites[1]['model_config'] = '{network}'")
    arguments = ('--methods', 'full', '--seeds', 1, '--label-counts', 10)
    tiny_table.run(*arguments)
    assert 'labels' in {c['name'] for c in tiny_table.calls()}
    tiny_table.run(*arguments)
    assert tiny_table.calls() == []
    network.write_text('depth = 50')
    tiny_table.run(*arguments)
    names = {c['name'] for c in tiny_table.calls()}
    assert {'labels', 'full_n10_seed1'} <= names and 'depth' not in names
    # that of the training whose checkpoint it is counts there
    tiny_table.add("prerequisites[1]['model_config'] = prerequisites[0]['train']")
    table = ExperimentTable(tiny_table.path, tiny_table.work)
    stages = {stage.name: stage for stage in make_stages(table, table.runs)}
    assert 'second_config' not in stages['labels'].key({})
