"""What a user sees of a job: progress on a terminal, notes, what was written, what failed."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TextIO, cast

from pvprof.cli.terminal import tell, tell_below
from pvprof.collect.job import FinishedRun
from pvprof.collect.session import Listener
from pvprof.recording.manifest import Manifest
from pvprof.units import format_ns


class _Terminal:
    """A terminal that may be closed while a recording goes on: what cannot be written is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, unless the terminal is gone."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, unless the terminal is gone."""
        with contextlib.suppress(OSError):
            self._stream.flush()


@dataclass(frozen=True, slots=True)
class JobMessages:
    """Writes to stderr how a job goes.

    Attributes:
        is_set: whether it has several runs.
        is_quiet: whether progress and notes are left out.
    """

    is_set: bool
    is_quiet: bool

    def starting_without_end(self, scope: str) -> None:
        """Say that nothing but the user ends the recording; a terminal is not needed for that.

        Args:
            scope: what is traced.
        """
        self._note(f"tracing {scope} until Ctrl-C (add -- COMMAND, or --duration)")

    def min_wait_is_long(self, min_wait_ns: int) -> None:
        """Say which waits ``--min-wait`` leaves, and how its number was read."""
        length = format_ns(min_wait_ns)
        self._note(
            f"--min-wait is {length} (a number alone is seconds, m is minutes): all shorter waits"
            " are summed up without a stack"
        )

    def removed(self, paths: Iterable[str]) -> None:
        """Say which directories of a pvprof that was killed were removed."""
        for path in paths:
            self._note(f"note: removed what a pvprof that was killed had left: {path}")

    @contextlib.contextmanager
    def watch(self, title: str) -> Iterator[Listener]:
        """Yield a listener that shows a run's progress: on a terminal, as a line that changes."""
        if self.is_quiet or not sys.stderr.isatty():
            yield Listener(message=self._note)
            return
        from rich.console import Console  # noqa: PLC0415 (only on a terminal)

        from pvprof.render.text.console import styled  # noqa: PLC0415 (it imports rich, too)

        console = Console(file=cast("IO[str]", _Terminal(sys.stderr)))
        with console.status(styled(f"{title}: starting")) as status:

            def progress(seconds: int, size: int, drops: int) -> None:
                text = f"{title}: {seconds} s, {size / 1e6:.1f} MB, {drops:,} drops"
                status.update(styled(text))

            yield Listener(
                state=lambda text: status.update(styled(f"{title}: {text}")),
                progress=progress,
                message=lambda text: console.print(styled(f"pvprof: {text}"), soft_wrap=True),
            )

    def run_ended(self, run: FinishedRun) -> None:
        """Print the last lines of a failed workload."""
        for line in run.workload_tail:
            tell_below(f"| {line}")

    def delivered(self, output: str, runs: Sequence[FinishedRun]) -> None:
        """Print what was written, and the commands that show it."""
        if self.is_quiet:
            return
        manifests = [run.manifest for run in runs if not run.manifest.is_warmup]
        seconds = sum(manifest.duration_ns for manifest in manifests) / 1e9
        drops = sum(manifest.drops for manifest in manifests)
        count = f"{len(manifests)} recordings, " if self.is_set else ""
        summary = f"{count}{seconds:.1f} s traced, {drops:,} records dropped"
        tell(f"wrote {output}: {summary}")
        for purpose, command in self._next_commands(shlex.quote(output), manifests):
            tell_below(f"{purpose}: {command}")

    def _next_commands(
        self, output: str, manifests: Sequence[Manifest]
    ) -> Iterator[tuple[str, str]]:
        """Yield what the user may want next, and the command that does it."""
        yield "show it", f"pvprof report {output}"
        if not self.is_set:
            return
        yield "compare it with another set", f"pvprof compare {output} --vs OTHER"
        if any(manifest.workload for manifest in manifests):
            yield "show the times of the workload", f"pvprof stats {output}"

    def failure(self, run: FinishedRun) -> str:
        """Return why the last run of a job failed, or an empty text."""
        name = f"{run.name}: " if self.is_set else ""
        if run.manifest.is_complete is not True:
            return f"{name}incomplete: {run.manifest.incomplete_reason or None}"
        if run.manifest.exit_status:
            return f"{name}the workload failed: exit status {run.manifest.exit_status}"
        return ""

    def _note(self, text: str) -> None:
        if not self.is_quiet:
            tell(text)
