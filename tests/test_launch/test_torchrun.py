"""The line at the end of a run on several ranks."""

import signal
from dataclasses import dataclass

import pytest
from torch.distributed.elastic.multiprocessing.api import SignalException

from mmdepthseg.launch import torchrun
from mmdepthseg.launch.errors import LOST_RANK, friendly_errors
from mmdepthseg.launch.torchrun import describe


@dataclass
class Failure:
    """What torch's `ProcessFailure` has of it."""

    exitcode: int
    timestamp: int = 7

    def signal_name(self):
        return signal.Signals(-self.exitcode).name


@pytest.mark.parametrize(
    ('codes', 'said', 'code'),
    [
        ({0: LOST_RANK, 1: -9}, 'rank 1 was ended by SIGKILL', 137),
        ({0: -6, 1: 2, 2: LOST_RANK}, 'rank 1 failed with exit code 2', 2),
        ({0: -15, 1: 1}, 'rank 1 failed with exit code 1', 1),
        ({0: LOST_RANK, 3: LOST_RANK}, 'rank 0 failed with exit code 3', 3),
        ({0: 143, 1: 143}, 'rank 0 ended after SIGTERM', 143),
        ({1: 255}, 'rank 1 failed with exit code 255', 255),
        ({1: -11}, 'rank 1 was ended by SIGSEGV', 139),
    ],
)
def test_first_rank_is_named(codes, said, code):
    failures = {rank: Failure(number) for rank, number in codes.items()}
    message, found = describe(failures)
    assert said in message and found == code and '\n' not in message


def test_the_earlier_one_counts():
    failures = {0: Failure(2, 9), 1: Failure(1, 8)}
    assert 'rank 1 ' in describe(failures)[0]


@pytest.mark.parametrize('world', ['1', '2'])
def test_a_lost_rank_has_a_code_of_its_own(monkeypatch, capsys, world):
    monkeypatch.setenv('WORLD_SIZE', world)
    monkeypatch.setenv('RANK', '0')
    with pytest.raises(SystemExit) as stop, friendly_errors():
        raise RuntimeError('[../gloo/transport/tcp/pair.cc:1] Connection closed')
    assert stop.value.code == (LOST_RANK if world == '2' else 2)
    assert 'lost another rank' in capsys.readouterr().err


def test_a_signal_to_all_has_its_code(monkeypatch):
    """The ranks have it, too: they save and end."""

    def interrupted(args):
        raise SignalException('Process 7 got signal: 15', signal.SIGTERM)

    monkeypatch.setattr(torchrun, 'run', interrupted)
    with pytest.raises(SystemExit) as stop:
        torchrun.main(['train.py'])
    assert stop.value.code == 143
