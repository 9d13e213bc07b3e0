"""Slurm's commands with a queue of files, whose jobs run when a test says so."""

import re
from pathlib import Path

COMMANDS = dict(
    sbatch="""
number=$(($(cat {queue}/last 2>/dev/null || echo 0) + 1))
echo $number > {queue}/last
grep -q -- --partition=none "$1" && {{ echo 'invalid partition none' >&2; exit 1; }}
cp "$1" {queue}/$number.sh
echo "Submitted batch job $number"
""",
    squeue="""
for file in {queue}/*.sh; do
    [ -e "$file" ] || continue
    name=$(sed -n "s/#SBATCH --job-name=//p" "$file")
    state=$(cat "${{file%.sh}}.state" 2>/dev/null || echo PENDING)
    echo "$(basename "$file" .sh) $state $name"
done
""",
    srun='exit 1',
)


class FakeSlurm:
    """The queue.

    Attributes:
        folder: Of its files: <job>.sh, as sbatch got them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'queue'
        self.bin = folder / 'bin'
        self.folder.mkdir()
        self.bin.mkdir()
        for name, text in COMMANDS.items():
            command = self.bin / name
            command.write_text('#!/bin/sh' + text.format(queue=self.folder))
            command.chmod(0o755)

    def jobs(self) -> dict[str, str]:
        """Stage name -> what sbatch was given for it, of all in the queue."""
        files = sorted(self.folder.glob('*.sh'), key=lambda path: int(path.stem))
        texts = {path.stem: path.read_text() for path in files}
        names = {i: re.search('job-name=(.*)@', t)[1] for i, t in texts.items()}
        assert len(set(names.values())) == len(names), f'a stage twice: {names}'
        return {names[i]: text for i, text in texts.items()}

    def needs(self) -> dict[str, list[str]]:
        """Stage name -> the jobs it waits for, of all in the queue."""
        found = {n: re.search('afterok:([0-9:]+)', t) for n, t in self.jobs().items()}
        return {n: match[1].split(':') if match else [] for n, match in found.items()}

    def set_state(self, job: int, state: str) -> None:
        """What squeue is to say of a job."""
        (self.folder / f'{job}.state').write_text(state)

    def work(self) -> None:
        """Run all jobs, in this process; a failed one takes along those behind it."""
        # An extra: not wanted by the tests that need no Slurm.
        from submitit.core.utils import DelayedSubmission

        lost = set()
        for name, needs in self.needs().items():
            (path,) = (
                p for p in self.folder.glob('*.sh') if f'={name}@' in p.read_text()
            )
            error = Path(re.search('error=(.*)', path.read_text())[1])
            path.unlink()
            try:
                if not lost & set(needs):
                    pickle = error.with_name(f'{path.stem}_submitted.pkl')
                    DelayedSubmission.load(pickle).result()
            except SystemExit as stop:
                lost.add(path.stem)
                error.with_name(f'{path.stem}_0_log.err').write_text(str(stop.code))
            else:
                lost |= {path.stem} if lost & set(needs) else set()
