"""Options of the commands that record: the target, the workload and the tracing program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any, ClassVar

import click

from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import HAS_WORKLOAD
from pvprof.cli.option_groups import option, option_group
from pvprof.collect.modes import MODES, Mode, names
from pvprof.collect.options import ProgramOptions
from pvprof.collect.target import Target
from pvprof.collect.tracers import TRACERS
from pvprof.errors import UsageError, close_to

_DEFAULTS = ProgramOptions()
_UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m)?")


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """A time such as ``2.5s`` or ``10us``, as integer ns; the default unit is seconds.

    Args:
        min_ns: the shortest time that a user may give.
    """

    name = "TIME"

    def __init__(self, min_ns: int = 0) -> None:
        self._min_ns = min_ns

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the ns."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a time (10, 2.5s, 500ms, 10us)", param, ctx)
        time_ns = round(float(match.group(1)) * _UNITS_NS[match.group(2) or "s"])
        if time_ns < self._min_ns:
            hint = "leave it out to record until Ctrl-C"
            self.fail(f"{value} is too short: nothing would be recorded; {hint}", param, ctx)
        return time_ns


class WorkloadCommand(PvprofCommand):
    """A command whose arguments after ``--`` are a workload's words, kept exactly as they are."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the arguments that click leaves over; the workload is taken off before.

        Raises:
            UsageError: ``--`` is the last argument.
        """
        words: list[str] = []
        if "--" in args:
            index = args.index("--")
            args, words = args[:index], args[index + 1 :]
            ctx.meta[HAS_WORKLOAD] = True
            if not words and not ctx.resilient_parsing:
                raise UsageError("no workload after --")
        rest = super().parse_args(ctx, args)
        ctx.params["workload"] = tuple(words)
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the words of the usage line, the workload last."""
        return [*super().collect_usage_pieces(ctx), "[-- CMD ARGS...]"]


@option_group
class TargetOptions:
    """The target, and where it keeps its temporary files."""

    heading: ClassVar[HelpHeading] = HelpHeading.TARGET

    host: str | None = option(
        "--host",
        metavar="[USER@]HOST",
        default=None,
        help="Reach this machine through ssh.  [default: this one]",
    )
    ssh_options: tuple[str, ...] = option(
        "--ssh-option",
        metavar="NAME=VALUE",
        multiple=True,
        help="Pass this option to ssh with -o (repeatable).",
    )
    root_command: str = option(
        "--root-command",
        metavar="CMD",
        default="",
        help="Become root there with this command: 'sudo -n', 'doas'.",
    )
    tmpdir: str = option(
        "--tmpdir",
        metavar="DIR",
        default="",
        help="Keep temporary files in this directory of the target.  [default: its TMPDIR, or"
        " /tmp]",
    )

    def target(self) -> Target:
        """Return the target.

        Raises:
            UsageError: the host is none, or the options do not fit.
        """
        if self.host == "":
            raise UsageError("--host names no host", "leave it out to record this machine")
        try:
            root_command = tuple(shlex.split(self.root_command))
        except ValueError as error:
            raise UsageError(f"--root-command {self.root_command!r}: {error}") from error
        return Target(self.host or "", self.ssh_options, root_command)


def _default_for(is_default: Callable[[Mode], bool]) -> str:
    """Return the end of a help text: the modes for which something is on by default."""
    modes = ", ".join(mode.name for mode in MODES.values() if is_default(mode))
    return f"  [default: for {modes}]"


@option_group
class ProgramChoices:
    """What the user chose for the program; `program_options` makes `ProgramOptions` of it."""

    heading: ClassVar[HelpHeading] = HelpHeading.PROGRAM

    tracer: str | None = option(
        "--tracer",
        type=click.Choice(list(TRACERS)),
        default=None,
        help="Trace with this tracer.  [default: "
        + ", ".join(f"{tracer.name} on {tracer.system}" for tracer in TRACERS.values())
        + "]",
    )
    pid: int = option(
        "-p",
        "--pid",
        metavar="PID",
        type=click.IntRange(0),
        default=0,
        help="Trace only the process with this number.",
    )
    execname: str = option(
        "-x", "--execname", metavar="NAME", default="", help="Trace only processes of this name."
    )
    kernel_processes: bool | None = option(
        "--kernel-processes/--no-kernel-processes",
        default=None,
        help="Trace the threads of kernel processes, too, or leave them out."
        + _default_for(lambda mode: mode.has_kernel_processes),
    )
    min_wait_ns: int = option(
        "--min-wait",
        type=Duration(),
        default=0,
        help="Record no stacks of waits shorter than TIME (10us, 5ms; a number alone is seconds):"
        " they are counted and summed up.",
    )
    by_process: bool = option(
        "--by-process", is_flag=True, help="Record the waits of each process name apart."
    )
    user_stack: bool | None = option(
        "--user-stack/--no-user-stack",
        default=None,
        help="Record the stacks of programs, too, or the kernel's alone."
        + _default_for(lambda mode: mode.has_user_stack),
    )
    wakers: bool = option(
        "--wakers", is_flag=True, help="With the mode events: record each waker's stack, too."
    )
    histogram: bool | None = option(
        "--histogram/--no-histogram",
        default=None,
        help="Record histograms of the waits, or their sums alone."
        + _default_for(lambda mode: mode.has_histogram),
    )
    stack_frames: int = option(
        "--stack-frames",
        metavar="N",
        type=int,
        default=_DEFAULTS.stack_frames,
        show_default=True,
        help="Record at most this many frames of a stack.",
    )
    rate_hz: int = option(
        "--rate",
        metavar="HZ",
        type=int,
        default=_DEFAULTS.rate_hz,
        show_default=True,
        help="With the mode oncpu: take this many samples a second on each CPU.",
    )
    buffer_mb: int = option(
        "--buffer-mb",
        metavar="MB",
        type=int,
        default=0,
        help="Give each CPU a buffer of this many MB.  [default: as the tracer does]",
    )
    variable_mb: int = option(
        "--variable-mb",
        metavar="MB",
        type=int,
        default=_DEFAULTS.variable_mb,
        show_default=True,
        help="Give the program's variables this many MB, if the mode has any.",
    )

    def scope(self) -> str:
        """Return in words which processes are traced, if there is no workload."""
        if self.pid:
            return f"process {self.pid}"
        return f"processes named {self.execname}" if self.execname else "all processes"

    def program_options(
        self, *, is_tree: bool, has_workload: bool, duration_ns: int
    ) -> ProgramOptions:
        """Return the options of a program.

        Args:
            is_tree: only the workload's processes are traced.
            has_workload: the program ends with the workload.
            duration_ns: how long to trace, or 0 for no limit.
        """
        return ProgramOptions(
            scope="tree" if is_tree else "system",
            ends_with_workload=has_workload,
            duration_ns=duration_ns,
            pid=self.pid,
            execname=self.execname,
            kernel_processes=self.kernel_processes,
            min_wait_ns=self.min_wait_ns,
            by_process=self.by_process,
            user_stack=self.user_stack,
            wakers=self.wakers,
            histogram=self.histogram,
            stack_frames=self.stack_frames,
            rate_hz=self.rate_hz,
            buffer_mb=self.buffer_mb,
            variable_mb=self.variable_mb,
        )


def check_modes(modes: tuple[str, ...]) -> None:
    """Check that all modes exist.

    Raises:
        UsageError: one does not; a workload without ``--`` is taken for modes.
    """
    for mode in modes:
        if mode not in names():
            question = close_to(mode, names())
            hint = question or f"modes: {', '.join(names())}; a workload comes after --"
            raise UsageError(f"no such mode: {mode}", hint)
