"""One input: made from its number, written by a command, and judged."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType
from zlib import crc32

from click.testing import CliRunner
from helpers.mixing import Outcome, total_of

from fuzz.checks import check_run, place_of
from fuzz.copies import check_copies
from fuzz.mutations import DAMAGES
from fuzz.outputs import DRAWN, Output, outputs_of, quickest
from fuzz.seeds import RECORDING
from fuzz.targets import Target, targets
from pvprof.cli import cli
from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.open import open_recording
from pvprof.render.registry import Subject

MAX_CPU_S = 10
"""Of one answer, whatever the input."""

KILLED_AFTER_S = 3
"""Beyond `MAX_CPU_S`, if the code looks for no signals."""

MAX_MEMORY_BYTES = 1 << 30
"""Beyond what the process has before it reads the first input."""

_SAYS_INCOMPLETE = frozenset(("no-end-marker",))
"""Kinds of problems that tell of any loss at the end, also if the seed has them, too."""

_SINGLE = frozenset(mutation.__name__ for mutation in DAMAGES)


class LateError(BaseException):
    """An answer took too long. No code of pvprof's catches it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One input.

    Attributes:
        target: the kind of file.
        mutations: their names, joined by ``+``.
        seed: what was mutated.
        data: the input.
        output: how its result is written.
    """

    target: Target
    mutations: str
    seed: bytes
    data: bytes
    output: Output

    @property
    def has_single_damage(self) -> bool:
        """Whether one place of a recording was damaged, so that its sums show what was lost."""
        return self.mutations in _SINGLE and self.target.has_sums


def trial_of(target_name: str, run_seed: int, number: int) -> Trial:
    """Return the input of a number; it is the same each time."""
    target = targets()[target_name]
    random = Random(f"{run_seed} {target_name} {number}")
    seed = random.choice(target.seeds())
    mutations, data = target.mutate(random, seed)
    outputs = outputs_of(target.subjects)
    return Trial(target, mutations, seed, data, outputs[number % len(outputs)])


def is_written(target_name: str, number: int, write_every: int) -> bool:
    """Tell whether the result of an input is written: that of one in `write_every`, at random."""
    return crc32(f"{target_name} {number}".encode()) % write_every == 0


def judge(trial: Trial, folder: Path, *, is_written: bool = True) -> list[str]:
    """Return the kinds of failure of an input, each once.

    If its result is not to be written, the input is only read, if it can be, or else its result is
    written in the quickest way.
    """
    is_only_read = trial.target.is_readable and not is_written
    if not is_written:
        trial = replace(trial, output=quickest(outputs_of(trial.target.subjects)))
    failures: list[str] = []
    try:
        if not is_only_read:
            with limited_time():
                failures += check_commands(trial, folder)
        if (is_only_read or trial.has_single_damage) and not failures:
            with limited_time():
                failures += check_reading(trial, folder)
    except LateError as late:
        failures.append(f"late: in {place_of(late.__traceback__)}")
    return [f"{trial.target.name}: {failure}" for failure in dict.fromkeys(failures)]


def check_commands(trial: Trial, folder: Path) -> Iterator[str]:
    """Yield the failures of the command that writes the result, and of copies, for some inputs."""
    placed = trial.target.place(folder, trial.data)
    words = trial.output.words(placed.options, placed.file, str(RECORDING))
    result = CliRunner().invoke(cli, words)
    yield from check_run(result, trial.output.fmt.name, trial.output.subject in DRAWN)
    if trial.target.has_sums and trial.output.subject == Subject.STACKS:
        yield from check_copies(placed, folder)


def check_reading(trial: Trial, folder: Path) -> Iterator[str]:
    """Yield a failure of reading, or one if a single damage changed the sums in silence."""
    try:
        damaged = outcome_of_input(trial.target, trial.data, folder)
    except MemoryError:
        yield "memory: more than the limit"
        return
    except Exception as error:
        yield f"traceback: {type(error).__name__} in {place_of(error.__traceback__)}"
        return
    if trial.has_single_damage:
        whole = _outcome_of_seed(trial.target.name, trial.seed, folder)
        if is_lost_in_silence(damaged, whole):
            yield f"silence: {trial.mutations}"


def is_lost_in_silence(damaged: Outcome, whole: Outcome) -> bool:
    """Tell whether damage changed the sums, and nothing tells of it."""
    if whole.is_refused or damaged.is_refused:  # of what was never read nothing can be lost
        return False
    if any(kind in _SAYS_INCOMPLETE for kind, _, _ in damaged.told):
        return False
    return not damaged.told - whole.told and damaged.total != whole.total


@cache
def _outcome_of_seed(target_name: str, seed: bytes, folder: Path) -> Outcome:
    return outcome_of_input(targets()[target_name], seed, folder)


def outcome_of_input(target: Target, data: bytes, folder: Path) -> Outcome:
    """Return the sums of an input, and its problems."""
    placed = target.place(folder, data)
    try:
        recording = open_recording(placed.file)
        parsed = read_recording(recording, ReadOptions(jobs=1))
    except PvprofError as error:
        return Outcome(frozenset([("refused", error.message, 1)]), (0, 0), is_refused=True)
    told = frozenset((one.kind, one.text, one.count) for one in parsed.problems)
    return Outcome(told, total_of(parsed))


@contextmanager
def limited_time() -> Iterator[None]:
    """End what is inside with `LateError` after `MAX_CPU_S` of processor time.

    Code in C that looks for no signals cannot be ended like that: a little later the kernel ends
    the process, by SIGVTALRM. Both timers begin anew each time. A limit for the whole process
    (RLIMIT_CPU) counts ticks, which in a long run are seconds apart from what the process reads.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        raise LateError

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_CPU_S + KILLED_AFTER_S)
    signal.setitimer(signal.ITIMER_PROF, MAX_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGPROF, before)


def limit_memory() -> None:
    """Let this process have no more than `MAX_MEMORY_BYTES` beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MAX_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
