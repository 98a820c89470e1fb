"""``pvprof record``: make recordings on a target."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pvprof.cli.program_options import (
    Duration,
    WorkloadCommand,
    check_modes,
    options_from,
    program_options,
)
from pvprof.cli.target_options import target_from, target_options
from pvprof.collect.recorder import Plan, recorder
from pvprof.collect.session import Listener, record
from pvprof.collect.target import Target
from pvprof.errors import OutputError, PvprofError, UsageError
from pvprof.model.stacks import show_controls
from pvprof.recording.layout import MEMBERS, SET_FILE
from pvprof.recording.manifest import Manifest
from pvprof.recording.run_set import write_run_set

_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")
_LAST_LINES = 5
_LAST_BYTES = 4096
_WIDEST = 200


@click.command(
    "record",
    cls=WorkloadCommand,
    epilog="""\b
Examples:
  pvprof record -- make -j8 buildkernel
  pvprof record offcpu locks --repeat 5 --warmup 1 --label stock -o stock -- make -j8
  pvprof record events --host root@build13 --duration 10 -o ten-seconds.tar.gz""",
)
@click.argument("modes", metavar="[MODE...]", nargs=-1)
@target_options
@click.option("-d", "--duration", "duration_ns", type=Duration(), default=0, help="So long.")
@click.option("-n", "--repeat", type=click.IntRange(1), default=1, help="Runs of each mode.")
@click.option("--warmup", type=click.IntRange(0), default=0, help="Runs before, set aside.")
@click.option("--label", default="", help="What compare calls this side: stock, patched.")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    default="",
    help="A directory, or .tar.gz, or - for that on stdout.  [default: named by host and time]",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and notes on stderr.")
@click.option("--all", "is_all", is_flag=True, help="With a workload: everybody else as well.")
@click.option("--no-symbols", is_flag=True, help="Leave the kernel's symbols out.")
@program_options
def command(modes: tuple[str, ...], workload: tuple[str, ...], **params: Any) -> None:
    """Record MODE (offcpu if none is named) on this machine or --host.

    The recording lasts until the workload behind -- ends, or --duration, or Ctrl-C. With a workload
    only its processes are traced, unless --all. The first Ctrl-C ends tracing and keeps what was
    recorded, the second drops it. pvprof script --list lists the modes.
    """
    modes = modes or ("offcpu",)
    check_modes(modes)
    job = _job(modes, workload, params)
    _check(job, params["force"])
    complaint = _Recording(job, params["quiet"], params["force"]).make()
    if complaint:
        raise PvprofError(complaint)


@dataclass(frozen=True, slots=True)
class _Job:
    """All that is to be recorded.

    Attributes:
        target: where.
        plans: the runs, in order.
        output: as the user names it: a directory, an archive, or -.
        is_set: whether there are several runs, which make a directory of recordings.
    """

    target: Target
    plans: tuple[Plan, ...]
    output: str
    is_set: bool


def _job(modes: tuple[str, ...], workload: tuple[str, ...], params: dict[str, Any]) -> _Job:
    duration_ns = params.pop("duration_ns")
    if workload and duration_ns:
        raise UsageError("--duration and a workload: either ends the recording, not both")
    target = target_from(params)
    options = options_from(
        params,
        is_tree=bool(workload) and not params["is_all"],
        has_workload=bool(workload),
        duration_ns=duration_ns,
    )
    repeat, warmup = params["repeat"], params["warmup"]
    numbers = [(number, modes[:1]) for number in range(1 - warmup, 1)]
    numbers += [(number, modes) for number in range(1, repeat + 1)]
    plans = tuple(
        Plan(
            mode,
            options,
            workload,
            params["label"],
            run=number,
            is_warmup=number < 1,
            has_symbols=not params["no_symbols"],
            directory=params["tmpdir"],
            tracer=params["tracer"] or "",
        )
        for number, some in numbers
        for mode in some
    )
    if len(plans) > 1 and not workload and not duration_ns:
        raise UsageError("several runs need a workload or a --duration to end each")
    for plan in plans:
        recorder(plan)  # an option that does not fit shows before anything runs
    output = params["output"] or _default_name(target, modes, len(plans) > 1)
    return _Job(target, plans, output, len(plans) > 1)


def _default_name(target: Target, modes: tuple[str, ...], is_set: bool) -> str:
    host = target.host.rpartition("@")[2] or socket.gethostname()
    stem = f"pvprof-{host}-{'-'.join(modes)}-{datetime.now():%Y%m%dT%H%M%S}"
    return stem if is_set else f"{stem}.pvprof"


def _check(job: _Job, force: bool) -> None:
    """Refuse before the run what could not be written after it.

    Raises:
        OutputError: the output exists, or cannot be made.
    """
    if job.output == "-":
        if sys.stdout.isatty():
            raise OutputError("a recording is no text for a terminal", "-o FILE, or | into one")
        if job.is_set:
            raise UsageError("several runs make a directory: -o DIR")
        return
    if job.is_set and job.output.endswith(_ARCHIVE_SUFFIXES):
        raise UsageError("several runs make a directory: -o DIR")
    place = Path(job.output)
    try:
        if place.exists() and not force:
            raise OutputError(f"{place}: exists already", "overwrite it with --force")
        if place.exists() and not _is_ours(place):
            raise OutputError(f"{place}: exists, and is no recording of pvprof's")
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}."):
            pass
    except OSError as error:
        raise OutputError(f"{place}: {error.strerror}") from error


def _is_ours(place: Path) -> bool:
    """Tell whether --force may take away what is there."""
    if place.is_dir():
        return (place / "raw.out").exists() or (place / SET_FILE).exists()
    return place.is_file()


class _Recording:
    """Carries out a job, and tells the user how it goes."""

    def __init__(self, job: _Job, is_quiet: bool, force: bool) -> None:
        self._job = job
        self._is_quiet = is_quiet
        self._force = force
        self._manifests: list[tuple[str, Manifest]] = []

    def make(self) -> str:
        """Make all recordings; return what the user must know was not right, or nothing."""
        job = self._job
        place = Path(job.output)
        parent = None if job.output == "-" else place.parent
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{place.name}.") as work:
            made = Path(work) / (place.name if job.output != "-" else "recording.pvprof")
            try:
                self._run_all(made)
            finally:
                if self._manifests:
                    self._deliver(made, place)
        return self._complaint()

    def _run_all(self, made: Path) -> None:
        job = self._job
        if job.is_set:
            made.mkdir()
        for number, plan in enumerate(job.plans, start=1):
            kind = "warmup" if plan.is_warmup else plan.mode
            name = f"{kind}-{number if plan.is_warmup else plan.run}.pvprof"
            title = (
                f"{plan.mode} ({kind} {number} of {len(job.plans)})" if job.is_set else plan.mode
            )
            text = recorder(plan)
            with self._watch(title) as listener:
                manifest = self._run(text, made / name if job.is_set else made, listener)
            self._manifests.append((name, manifest))
            self._show_failure(manifest, made / name if job.is_set else made)
            if job.is_set:
                self._write_set(made)
            if manifest.is_complete is not True:
                break

    def _run(self, text: str, place: Path, listener: Listener) -> Manifest:
        try:
            return record(self._job.target, text, place, listener)
        except OSError as error:
            raise OutputError(f"{self._job.output}: {error.strerror}") from error

    def _write_set(self, made: Path) -> None:
        plans = self._job.plans
        wanted = sum(not plan.is_warmup for plan in plans)
        write_run_set(made, plans[0].label, wanted, self._manifests)

    def _deliver(self, made: Path, place: Path) -> None:
        output = self._job.output
        try:
            if output == "-":
                _pack(made, sys.stdout.buffer)
                return
            if output.endswith(_ARCHIVE_SUFFIXES):
                packed = made.with_name("packed")
                with packed.open("wb") as file:
                    _pack(made, file)
                made = packed
            if place.exists():
                if not self._force:
                    raise OutputError(f"{place}: exists meanwhile", "the recording was dropped")
                _remove(place)
            made.rename(place)
        except OSError as error:
            raise OutputError(f"{output}: {error.strerror}") from error
        if not self._is_quiet:
            click.echo(f"pvprof: wrote {output}: {self._summary()}", err=True)

    def _summary(self) -> str:
        runs = [manifest for _, manifest in self._manifests if not manifest.is_warmup]
        drops = sum(manifest.drops for manifest in runs)
        seconds = sum(manifest.duration_ns for manifest in runs) / 1e9
        many = f"{len(runs)} recordings, " if self._job.is_set else ""
        return f"{many}{seconds:.1f} s traced, {drops:,} records dropped"

    def _complaint(self) -> str:
        name, manifest = self._manifests[-1]
        which = f"{name}: " if self._job.is_set else ""
        if manifest.is_complete is not True:
            return f"{which}incomplete: {manifest.incomplete_reason or None}"
        if manifest.exit_status:
            return f"{which}the workload failed: exit status {manifest.exit_status}"
        return ""

    def _show_failure(self, manifest: Manifest, place: Path) -> None:
        """Show the end of what a failed workload printed."""
        output = place / "workload.txt"
        if manifest.exit_status and output.is_file():
            for line in _last_lines(output):
                click.echo(f"  | {line}", err=True)

    @contextlib.contextmanager
    def _watch(self, title: str) -> Iterator[Listener]:
        """Yield what shows a run's progress: a line that moves, on a terminal."""
        if self._is_quiet or not sys.stderr.isatty():
            yield Listener(message=lambda text: None if self._is_quiet else _say(text))
            return
        from rich.console import Console  # noqa: PLC0415 (only on a terminal)

        console = Console(stderr=True)
        with console.status(f"{title}: starting") as status:

            def progress(seconds: int, size: int, drops: int) -> None:
                status.update(f"{title}: {seconds} s, {size / 1e6:.1f} MB, {drops:,} drops")

            yield Listener(
                state=lambda text: status.update(f"{title}: {text}"),
                progress=progress,
                message=lambda text: console.print(f"pvprof: {text}", markup=False),
            )


def _last_lines(place: Path) -> list[str]:
    """Return the last lines of a text, in which there may be anything, as a terminal can take them.

    Of long ones it is the end that says what went wrong.
    """
    with place.open("rb") as file:
        file.seek(-min(_LAST_BYTES, place.stat().st_size), os.SEEK_END)
        lines = file.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
    shown = map(show_controls, lines)
    return [line if len(line) <= _WIDEST else f"...{line[3 - _WIDEST :]}" for line in shown]


def _say(text: str) -> None:
    click.echo(f"pvprof: {text}", err=True)


def _pack(made: Path, stream: Any) -> None:
    """Write a recording's directory as one archive."""
    with tarfile.open(fileobj=stream, mode="w|gz") as archive:
        for member in MEMBERS:
            if (made / member).exists():
                archive.add(made / member, f"{made.name}/{member}")


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
