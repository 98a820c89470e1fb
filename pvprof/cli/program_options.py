"""Options that shape a tracing program, shared by the commands that print and that run one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from pvprof.collect.modes import names
from pvprof.collect.options import ProgramOptions
from pvprof.collect.tracers import TRACERS
from pvprof.errors import UsageError

_USUAL = ProgramOptions()
_Command = TypeVar("_Command", bound=Callable[..., Any])
_UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m)?")


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """A time such as ``2.5s`` or ``10us``, as integer ns; without a unit it is seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the ns."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no time: 10, 2.5s, 500ms, 10us", param, ctx)
        return round(float(match.group(1)) * _UNITS_NS[match.group(2) or "s"])


class WorkloadCommand(click.Command):
    """A command whose arguments behind ``--`` are a workload's words, kept exactly as they are."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the workload away before click sees the rest."""
        words: list[str] = []
        if "--" in args:
            place = args.index("--")
            args, words = args[:place], args[place + 1 :]
            if not words:
                raise UsageError("nothing behind --: the workload is missing")
        rest = super().parse_args(ctx, args)
        ctx.params["workload"] = tuple(words)
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the workload in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- CMD ARGS...]"]


_OPTIONS = (
    click.option(
        "--tracer",
        type=click.Choice(list(TRACERS)),
        default=None,
        help="What traces.  [default: dtrace on FreeBSD, bpftrace on Linux]",
    ),
    click.option("-p", "--pid", type=click.IntRange(0), default=0, help="Only this process."),
    click.option("-x", "--execname", metavar="NAME", default="", help="Only processes so named."),
    click.option(
        "--kernel-processes/--no-kernel-processes",
        default=None,
        help="Whether threads of kernel processes count.  [default: for oncpu, locks, runq]",
    ),
    click.option(
        "--min-wait",
        "min_wait_ns",
        type=Duration(),
        default=0,
        help="Only count and sum up shorter waits (10us).",
    ),
    click.option("--by-process", is_flag=True, help="Tell processes apart by name."),
    click.option(
        "--user-stack/--no-user-stack",
        default=None,
        help="Whether user stacks are recorded.  [default: for oncpu]",
    ),
    click.option("--wakers", is_flag=True, help="events: record each waker's stack too."),
    click.option(
        "--histogram/--no-histogram",
        default=None,
        help="Whether histograms of the waits are kept.  [default: for locks, runq]",
    ),
    click.option(
        "--stack-frames",
        type=int,
        default=_USUAL.stack_frames,
        show_default=True,
        help="Frames kept of each stack.",
    ),
    click.option(
        "--rate",
        "rate_hz",
        type=int,
        default=_USUAL.rate_hz,
        show_default=True,
        help="oncpu: samples a second.",
    ),
    click.option(
        "--buffer-mb",
        type=int,
        default=0,
        help="Size of each CPU's buffers.  [default: the tracer's]",
    ),
    click.option(
        "--variable-mb",
        type=int,
        default=_USUAL.variable_mb,
        show_default=True,
        help="Space for variables, where a mode has any.",
    ),
)


def program_options(command: _Command) -> _Command:
    """Add the options that shape a tracing program."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def options_from(
    params: dict[str, Any], *, is_tree: bool, has_workload: bool, duration_ns: int
) -> ProgramOptions:
    """Return the options of the program; takes them out of `params`."""
    own = {"scope", "ends_with_workload", "duration_ns"}
    names = [one.name for one in fields(ProgramOptions) if one.name not in own]
    return ProgramOptions(
        scope="tree" if is_tree else "system",
        ends_with_workload=has_workload,
        duration_ns=duration_ns,
        **{name: params.pop(name) for name in names},
    )


def check_modes(modes: tuple[str, ...]) -> None:
    """See that all modes exist.

    Raises:
        UsageError: one does not; a workload without ``--`` lands here.
    """
    for mode in modes:
        if mode not in names():
            raise UsageError(
                f"no such mode: {mode}", f"modes: {', '.join(names())}; a workload stands behind --"
            )
