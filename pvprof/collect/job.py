"""One job: the runs that a ``pvprof record`` makes, and where they go.

Owns the order of the runs, their names, and that an output appears whole or not at all: recordings
are made in a temporary directory beside the output, which is renamed at the end. It prints nothing:
an observer hears of each run.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from pvprof.collect.recorder import Plan, recorder
from pvprof.collect.session import Listener, record
from pvprof.collect.target import Target
from pvprof.collect.workplaces import workplace
from pvprof.errors import OutputError, UsageError
from pvprof.model.stacks import show_controls
from pvprof.recording.layout import MEMBERS, RAW, SET_FILE, SUFFIX
from pvprof.recording.manifest import Manifest
from pvprof.recording.run_set import write_run_set
from pvprof.recording.write import pack_recording, set_modes

STDOUT = "-"
_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")
_MAX_TAIL_LINES = 5
_MAX_TAIL_BYTES = 4096
_MAX_LINE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run to make.

    Attributes:
        name: of its directory in a run set.
        title: for humans to read, while it runs.
        plan: what is recorded.
        text: of the recorder.
    """

    name: str
    title: str
    plan: Plan
    text: str


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that was made.

    Attributes:
        name: of its directory in a run set.
        manifest: of the recording.
        workload_tail: if the workload failed, the last lines that it printed.
    """

    name: str
    manifest: Manifest
    workload_tail: tuple[str, ...] = ()


class JobObserver(Protocol):
    """Hears how a job goes."""

    def watch(self, title: str) -> AbstractContextManager[Listener]:
        """Return a context in which a run is made; its value hears how the run goes."""
        ...

    def run_ended(self, run: FinishedRun) -> None:
        """Note that a run ended."""
        ...

    def delivered(self, output: str, runs: list[FinishedRun]) -> None:
        """Note that the recordings are in a file or directory."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """All that is to be recorded.

    Attributes:
        target: the machine to record.
        runs: in order; several make a run set.
        output: a directory, an archive, or `STDOUT`.
        is_overwriting: whether an output that exists is replaced.
        complete: called with the directory of each recording when it was made.
        make: makes one, as `record` does.
    """

    target: Target
    runs: tuple[PlannedRun, ...]
    output: str
    is_overwriting: bool = False
    complete: Callable[[Path], None] = field(default=lambda _directory: None)
    make: Callable[[Target, str, Path, Listener], Manifest] = record

    @property
    def is_set(self) -> bool:
        """Tell whether the output is a run set."""
        return len(self.runs) > 1

    def check_output(self, is_terminal: bool) -> None:
        """Check before the runs that their output can be written after them.

        Args:
            is_terminal: whether stdout is a terminal.

        Raises:
            OutputError: the output exists, or cannot be made.
            UsageError: several runs do not fit into this kind of output.
        """
        if self.output == STDOUT and is_terminal:
            message = "refusing to write a binary recording to a terminal"
            raise OutputError(message, "-o FILE, or | into a program")
        if self.is_set and (self.output == STDOUT or self.output.endswith(_ARCHIVE_SUFFIXES)):
            raise UsageError("several runs make a directory: -o DIR")
        if self.output == STDOUT:
            return
        path = Path(self.output)
        try:
            if path.exists() and not self.is_overwriting:
                raise OutputError(f"{path}: already exists", "overwrite it with --force")
            if path.exists():
                _check_replaceable(path)
            with workplace(path.parent, path.name):
                pass
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from error


def plan_runs(plan: Plan, modes: tuple[str, ...], repeat: int, warmup: int) -> tuple[Plan, ...]:
    """Return the plans of all runs: warm-ups of the first mode, then each mode `repeat` times.

    Raises:
        UsageError: there are several, and nothing would end them.
    """
    warmups = [
        replace(plan, mode=modes[0], run=run, is_warmup=True) for run in range(1 - warmup, 1)
    ]
    runs = [replace(plan, mode=mode, run=run) for run in range(1, repeat + 1) for mode in modes]
    plans = (*warmups, *runs)
    if len(plans) > 1 and not plan.workload and not plan.options.duration_ns:
        raise UsageError("several runs need a workload or a --duration to end each")
    return plans


def prepare(plans: tuple[Plan, ...]) -> tuple[PlannedRun, ...]:
    """Return the runs with the texts of their recorders.

    Raises:
        UsageError: an option does not fit a mode.
    """
    runs = []
    for number, plan in enumerate(plans, start=1):
        kind = "warmup" if plan.is_warmup else plan.mode
        name = f"{kind}-{number if plan.is_warmup else plan.run}{SUFFIX}"
        title = f"{plan.mode} ({kind} {number} of {len(plans)})" if len(plans) > 1 else plan.mode
        runs.append(PlannedRun(name, title, plan, recorder(plan)))
    return tuple(runs)


def run_job(job: Job, observer: JobObserver, stdout: BinaryIO) -> list[FinishedRun]:
    """Make the runs, until one is incomplete, and deliver them; return those that were made.

    If a run fails, the ones before it are delivered all the same.

    Raises:
        TargetError: the target could not record.
        DroppedError: the user dropped the recording.
        OutputError: the output cannot be written.
    """
    output = Path(job.output)
    parent = Path(tempfile.gettempdir()) if job.output == STDOUT else output.parent
    finished: list[FinishedRun] = []
    with workplace(parent, output.name) as work:
        path = work / (f"recording{SUFFIX}" if job.output == STDOUT else output.name)
        try:
            _make_runs(job, path, observer, finished)
        finally:
            if finished:
                delivered = _deliver(job, path, stdout)
                if job.output != STDOUT:
                    observer.delivered(delivered, finished)
    return finished


def _make_runs(job: Job, path: Path, observer: JobObserver, finished: list[FinishedRun]) -> None:
    """Make the recording `path`, or those of a run set in the directory `path`."""
    if job.is_set:
        path.mkdir()
    for run in job.runs:
        directory = path / run.name if job.is_set else path
        try:
            with observer.watch(run.title) as listener:
                manifest = job.make(job.target, run.text, directory, listener)
                job.complete(directory)
        except OSError as error:
            raise OutputError(f"{job.output}: {error.strerror}") from error
        tail = _tail(directory / "workload.txt") if manifest.exit_status else ()
        finished.append(FinishedRun(run.name, manifest, tail))
        observer.run_ended(finished[-1])
        if job.is_set:
            _write_run_set(job, path, finished)
        if manifest.is_complete is not True:
            break


def _write_run_set(job: Job, path: Path, finished: list[FinishedRun]) -> None:
    wanted = sum(not run.plan.is_warmup for run in job.runs)
    runs = [(run.name, run.manifest) for run in finished]
    write_run_set(path, job.runs[0].plan.label, wanted, runs)


def _deliver(job: Job, path: Path, stdout: BinaryIO) -> str:
    """Move the recordings to the output, packed if it is an archive; return the output's name.

    If something of that name was created while recording, the output has another name.

    Raises:
        OutputError: the output cannot be written; what was recorded is beside it, if that is
            possible.
    """
    output = Path(job.output)
    try:
        if job.output == STDOUT:
            pack_recording(path, stdout)
            return job.output
        packed = path
        if job.output.endswith(_ARCHIVE_SUFFIXES):
            packed = path.with_name("packed")
            with packed.open("wb") as file:
                pack_recording(path, file)
        if output.exists() and not job.is_overwriting:
            output = _unused(output)
        set_modes(packed, replaced=output)
        if output.exists():
            _check_replaceable(output)
            _remove(output)
        packed.rename(output)
    except (OSError, OutputError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not replaced"
        raise OutputError(f"{job.output}: {reason}", _rescue(job, path)) from error
    return str(output)


def _rescue(job: Job, path: Path) -> str:
    """Keep recordings that cannot be delivered, in a directory beside the output; say where."""
    if job.output == STDOUT:
        return ""
    kept = _unused(path.parent.parent / f"{Path(job.output).name}.kept{SUFFIX}")
    try:
        path.rename(kept)
    except OSError:
        return "the recording is lost"
    return f"the recording is in {kept}"


def _unused(path: Path) -> Path:
    """Return a path beside this one, of nearly the same name, at which there is nothing."""
    end = next((end for end in (*_ARCHIVE_SUFFIXES, SUFFIX) if path.name.endswith(end)), "")
    stem = path.name.removesuffix(end)
    names = (f"{stem}-{number}{end}" if number else path.name for number in itertools.count())
    return next(one for name in names if not os.path.lexists(one := path.with_name(name)))


def _check_replaceable(path: Path) -> None:
    """Check that --force may replace what is there: a file, or a directory of nothing but ours.

    Raises:
        OutputError: it is something else.
    """
    if path.is_file():
        return
    if not (path / RAW).exists() and not (path / SET_FILE).exists():
        raise OutputError(f"{path}: exists, and is not a recording of pvprof's")
    for place in path.iterdir():
        is_run = place.name.endswith(SUFFIX) and place.is_dir() and not place.is_symlink()
        foreign = (one for one in place.iterdir() if one.name not in MEMBERS) if is_run else [place]
        found = next((one for one in foreign if one.name not in (*MEMBERS, SET_FILE)), None)
        if found is not None:
            raise OutputError(f"{path}: has a file that is not pvprof's: {found.relative_to(path)}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _tail(path: Path) -> tuple[str, ...]:
    """Return the last lines of a text of any bytes, as a terminal can show them.

    Of a long line the end is kept: it says what went wrong.
    """
    if not path.is_file():
        return ()
    with path.open("rb") as file:
        file.seek(-min(_MAX_TAIL_BYTES, path.stat().st_size), os.SEEK_END)
        lines = file.read().decode("utf-8", "replace").splitlines()[-_MAX_TAIL_LINES:]
    return tuple(_shortened(show_controls(line)) for line in lines)


def _shortened(line: str) -> str:
    if len(line) <= _MAX_LINE_CHARACTERS:
        return line
    return f"...{line[3 - _MAX_LINE_CHARACTERS :]}"
