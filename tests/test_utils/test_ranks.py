"""What ranks do for each other; the group is played."""

import os
import pickle
import subprocess
import sys

import mmengine.dist
import pytest
from helpers import REPO

from mmdepthseg.utils.ranks import from_main


@pytest.fixture
def on_all_ranks(monkeypatch):
    """Function that calls `from_main` on rank 0, then on rank 1 with what it sent."""
    sent = []

    def broadcast(box):
        if sent:
            box[:] = pickle.loads(sent[0])
        else:
            sent.append(pickle.dumps(box))

    monkeypatch.setattr(mmengine.dist, 'broadcast_object_list', broadcast)

    def call(function):
        results = []
        for rank in range(2):
            monkeypatch.setattr(mmengine.dist, 'get_dist_info', lambda r=rank: (r, 2))
            try:
                results.append(from_main(function))
            except ValueError as error:
                results.append(str(error))
        return results

    return call


def test_one_calls_and_all_know(on_all_ranks):
    calls = []
    assert on_all_ranks(lambda: calls.append(1) or [3]) == [[3], [3]]
    assert calls == [1]


def test_an_error_reaches_those_who_wait(on_all_ranks):
    def fail():
        raise ValueError('the folder is taken')

    assert on_all_ranks(fail) == ['the folder is taken'] * 2


def test_without_a_group():
    assert from_main(lambda: 3) == 3
    with pytest.raises(KeyError):
        from_main(lambda: {}['x'])


STARTS = """
import multiprocessing, signal, sys
from mmdepthseg.utils.ranks import end_with_parent

def child():
    end_with_parent()
    print('ready', flush=True)
    signal.pause()

if __name__ == '__main__':
    spawn = multiprocessing.get_context('spawn')
    spawn.Process(target=child).start()
    signal.pause()
"""


def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    script = tmp_path / 'starts.py'
    script.write_text(STARTS)
    command = [sys.executable, str(script)]
    environment = {**os.environ, 'PYTHONPATH': str(REPO)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout.readline() == b'ready\n'
        parent.kill()
        # the child has the other end, too: it is closed when both have ended
        assert parent.communicate(timeout=60)[0] == b''
