"""``pvprof top``: what a machine waits for, live."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from typing import ClassVar

import click

from pvprof.classify.filters import ALL_KINDS
from pvprof.classify.rules_file import load_rules
from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import FileName, KnownWord
from pvprof.cli.job_messages import JobMessages
from pvprof.cli.live.live_job import LiveJob, run_live
from pvprof.cli.option_groups import group, option, option_group, takes
from pvprof.cli.recording_options import Duration, ProgramChoices, TargetOptions, WorkloadCommand
from pvprof.collect.modes import MODES
from pvprof.collect.recorder import Plan
from pvprof.collect.workplaces import remove_left
from pvprof.errors import UsageError

_MODES = tuple(mode.name for mode in MODES.values() if mode.has_intervals)
_EVERY_NS = 2_000_000_000


@option_group
class TopOptions:
    """The options of ``pvprof top``."""

    where: TargetOptions = group(TargetOptions)
    mode: str = option(
        "-m",
        "--mode",
        type=click.Choice(_MODES),
        default=_MODES[0],
        show_default=True,
        help="What to measure.",
    )
    every_ns: int = option(
        "--every",
        type=Duration(min_ns=1),
        default=_EVERY_NS,
        help="Show the sums of each TIME, at least 500ms.  [default: 2s]",
    )
    duration_ns: int = option(
        "--for",
        type=Duration(min_ns=1),
        default=0,
        help="End after TIME.  [default: when you quit, or when the workload ends]",
    )
    is_all: bool = option(
        "--all", is_flag=True, help="With a workload: trace all other processes, too."
    )
    kinds: tuple[str, ...] = option(
        "-k",
        "--kind",
        metavar="KIND",
        type=KnownWord(lambda: [*(kind.id for kind in load_rules(None).kinds), ALL_KINDS]),
        multiple=True,
        heading=HelpHeading.FILTER,
        help="Show waits of this kind (repeatable): kernel, io, child, ...; all shows every kind.",
    )
    once: bool = option(
        "--once", is_flag=True, heading=HelpHeading.OUTPUT, help="Print one interval, and end."
    )
    json: bool = option(
        "--json",
        is_flag=True,
        heading=HelpHeading.OUTPUT,
        help="Print each interval as one line of JSON.",
    )
    output: str = option(
        "-o",
        "--output",
        heading=HelpHeading.OUTPUT,
        metavar="OUT",
        type=FileName(),
        default="",
        help="Keep all intervals as a recording: a directory, or a .tar.gz file. --from and --to of"
        " other commands choose among them.",
    )
    force: bool = option(
        "-f",
        "--force",
        heading=HelpHeading.OUTPUT,
        is_flag=True,
        help="Overwrite OUT if it exists.",
    )
    program: ProgramChoices = group(ProgramChoices)
    heading: ClassVar[HelpHeading] = HelpHeading.MAIN


@click.command(
    "top",
    cls=WorkloadCommand,
    epilog="""\b
Examples:
  pvprof top --host root@build13
  pvprof top --mode locks --every 1s -- make -j8
  pvprof top --once --json | jq '.rows[0]'""",
)
@takes(TopOptions, "wanted")
def command(wanted: TopOptions, workload: tuple[str, ...]) -> None:
    """Show live what this machine or --host waits for, at intervals.

    On a terminal: a screen of locks and wait messages with their rates, and the stacks of the
    selected one. q quits, and the last line lists the other keys. In a pipe, and with --once or
    --json, each interval is printed.

    A wait counts in the interval in which it ends. All intervals add up to what pvprof record would
    have recorded. Nothing is left on the target.
    """
    if wanted.once and (wanted.output or wanted.duration_ns):
        raise UsageError("--once is one interval, of which nothing is kept: no -o, no --for")
    JobMessages(is_set=False, is_quiet=False).removed(map(str, remove_left()))
    first = _MODES.index(wanted.mode)
    for mode in itertools.cycle(_MODES[first:] + _MODES[:first]):
        if not _run(wanted, mode, workload):
            break


def _run(wanted: TopOptions, mode: str, workload: tuple[str, ...]) -> bool:
    """Run one mode, until it ends; return whether the user wants to see the next one."""
    is_terminal = sys.stdout.isatty() and sys.stdin.isatty()
    job = LiveJob(
        target=wanted.where.target(),
        plan=_plan(wanted, mode, workload),
        kinds=wanted.kinds,
        output=wanted.output,
        is_overwriting=wanted.force,
        is_once=wanted.once,
        is_json=wanted.json,
        is_screen=is_terminal and not wanted.once and not wanted.json,
    )
    return run_live(job)


def _plan(wanted: TopOptions, mode_name: str, workload: tuple[str, ...]) -> Plan:
    mode = MODES[mode_name]
    options = wanted.program.program_options(
        is_tree=bool(workload) and not wanted.is_all,
        has_workload=bool(workload),
        duration_ns=wanted.duration_ns,
    )
    has_histogram = mode.unit == "ns" if options.histogram is None else options.histogram
    options = replace(
        options,
        every_ns=wanted.every_ns,
        # The names of programs' functions are looked up when a recording is complete.
        user_stack=bool(options.user_stack),
        histogram=has_histogram,
    )
    return Plan(
        mode_name,
        options,
        workload,
        directory=wanted.where.tmpdir,
        tracer=wanted.program.tracer or "",
        has_symbols=bool(wanted.output),
        is_live=True,
    )
