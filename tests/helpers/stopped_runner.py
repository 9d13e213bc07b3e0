"""A runner of two stages that is sent signals."""

import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path

from mmdepthseg.experiments.run import StageRunner
from mmdepthseg.experiments.stage import Stage, StageBook


def stopped_runner(
    command: Sequence[str], signals: Sequence[int], folder: Path, **options: bool
) -> int:
    """Run a command twice, send signals, and wait until nobody of them is left.

    Args:
        command: Two processes of it write a byte each into the named pipe of its last
            argument, which is made here, and hold it open.
        signals: The first one is sent when all are up, the others after the answer.
        folder: For the pipe and the stages.
        options: Of `StageRunner`.

    Returns:
        The runner's exit code.
    """
    fifo = folder / 'up'
    os.mkfifo(fifo)
    up = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    stages = [Stage(name, ((*command, str(fifo)),), str) for name in 'ab']
    said, say = os.pipe()
    runner = os.fork()
    if not runner:
        os.close(said)
        sys.stdout = open(say, 'w')
        ended = 1
        try:
            StageRunner(StageBook(stages, folder), [{}, {}], **options).run()
        except SystemExit as stop:
            ended = stop.code
        finally:
            os._exit(ended)
    os.close(say)
    with open(said) as output:
        begun = ''
        while len(begun) < 4:  # two stages, two workers
            assert select.select([up], [], [], 60)[0], 'a stage did not start'
            begun += os.read(up, 100).decode()
        os.kill(runner, signals[0])
        for number in signals[1:]:
            assert any(line.startswith('SIGTERM: ') for line in output)
            os.kill(runner, number)
        output.read()
    code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    # nobody holds the other end of the pipe
    assert select.select([up], [], [], 60)[0] and os.read(up, 1) == b''
    os.close(up)
    return code
