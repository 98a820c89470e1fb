"""``pvprof record``: make recordings on a target."""

from __future__ import annotations

import re
import socket
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import FileName, KnownWord
from pvprof.cli.job_messages import JobMessages
from pvprof.cli.messages import say
from pvprof.cli.option_groups import argument, group, option, option_group, takes
from pvprof.cli.recording_options import (
    Duration,
    ProgramChoices,
    TargetOptions,
    WorkloadCommand,
    check_modes,
)
from pvprof.collect.job import Job, plan_runs, prepare, run_job
from pvprof.collect.modes import names
from pvprof.collect.recorder import Plan
from pvprof.collect.workplaces import remove_left
from pvprof.errors import PvprofError, UsageError
from pvprof.model.problems import Problem
from pvprof.recording.layout import USER_MAPS
from pvprof.units import NS_PER_S

_NO_FILE_NAME = re.compile(r"ssh://|[^\w.-]+")
_LONG_WAIT_NS = NS_PER_S
"""A longer ``--min-wait`` is probably a mistake in the unit."""


@option_group
class RecordOptions:
    """The options of ``pvprof record``."""

    modes: tuple[str, ...] = argument(metavar="[MODE...]", nargs=-1, type=KnownWord(names))
    where: TargetOptions = group(TargetOptions)
    duration_ns: int = option(
        "-d",
        "--duration",
        type=Duration(min_ns=1),
        default=0,
        help="Record for TIME: seconds, or with a unit (10, 2.5s, 500ms, 2m).",
    )
    repeat: int = option(
        "-n",
        "--repeat",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Record each mode N times, for compare and stats.",
    )
    warmup: int = option(
        "--warmup",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Record N runs before these; comparisons leave them out.",
    )
    label: str = option(
        "--label", default="", metavar="TEXT", help="Name this side for compare: stock, patched."
    )
    output: str = option(
        "-o",
        "--output",
        heading=HelpHeading.OUTPUT,
        metavar="OUT",
        type=FileName(),
        default="",
        help="Write to this directory or .tar.gz file; - writes such a file to stdout.  [default: a"
        " directory named by host, mode and time]",
    )
    force: bool = option(
        "-f",
        "--force",
        heading=HelpHeading.OUTPUT,
        is_flag=True,
        help="Overwrite OUT if it exists.",
    )
    quiet: bool = option(
        "-q",
        "--quiet",
        heading=HelpHeading.OUTPUT,
        is_flag=True,
        help="Print no progress and no notes on stderr.",
    )
    is_all: bool = option(
        "--all", is_flag=True, help="With a workload: trace all other processes, too."
    )
    no_symbols: bool = option(
        "--no-symbols", is_flag=True, help="Leave the kernel's symbols out of the recording."
    )
    program: ProgramChoices = group(ProgramChoices)


@click.command(
    "record",
    cls=WorkloadCommand,
    epilog="""\b
Examples:
  pvprof record -- make -j8 buildkernel
  pvprof record offcpu locks -n 5 --warmup 1 --label stock -o stock -- make
  pvprof record events --host root@build13 --duration 10 -o ten-seconds.tar.gz""",
)
@takes(RecordOptions, "wanted")
def command(wanted: RecordOptions, workload: tuple[str, ...]) -> None:
    """Record MODE (default: offcpu) on this machine or --host.

    The recording ends with the workload after --, after --duration, or with Ctrl-C. With a workload
    only its processes are traced, unless --all. The first Ctrl-C ends tracing and keeps what was
    recorded, the second drops it. SIGTERM and SIGHUP keep it, too: timeout 10 pvprof record. pvprof
    script --list lists the modes. They were tried on FreeBSD 13.2 and 15.1 for amd64, and on Linux.

    Exits with 0; with 1 if the recording was kept but is incomplete, or the workload failed; with 2
    for wrong options; with 3 if the target could not record; with 130 if the recording was dropped.
    """
    modes = wanted.modes or ("offcpu",)
    check_modes(modes)
    job = _job(wanted, modes, workload)
    job.check_output(is_terminal=sys.stdout.isatty())
    messages = JobMessages(job.is_set, wanted.quiet)
    if not workload and not wanted.duration_ns:
        messages.starting_without_end(wanted.program.scope())
    if wanted.program.min_wait_ns > _LONG_WAIT_NS:
        messages.min_wait_is_long(wanted.program.min_wait_ns)
    messages.removed(map(str, remove_left()))
    runs = run_job(job, messages, sys.stdout.buffer)  # noqa: TID251 (an archive, to no terminal)
    failure = messages.failure(runs[-1])
    if failure:
        raise PvprofError(failure)


def _job(wanted: RecordOptions, modes: tuple[str, ...], workload: tuple[str, ...]) -> Job:
    if workload and wanted.duration_ns:
        raise UsageError("--duration and a workload: either ends the recording, not both")
    target = wanted.where.target()
    options = wanted.program.program_options(
        is_tree=bool(workload) and not wanted.is_all,
        has_workload=bool(workload),
        duration_ns=wanted.duration_ns,
    )
    plan = Plan(
        modes[0],
        options,
        workload,
        wanted.label,
        has_symbols=not wanted.no_symbols,
        directory=wanted.where.tmpdir,
        tracer=wanted.program.tracer or "",
    )
    runs = prepare(plan_runs(plan, modes, wanted.repeat, wanted.warmup))
    output = wanted.output or default_name(target.host, modes, is_set=len(runs) > 1)
    return Job(target, runs, output, wanted.force, partial(name_code, is_local=not target.host))


def name_code(directory: Path, is_local: bool) -> None:
    """Add the names of programs' functions to a recording, or report what is missing for that."""
    if not (directory / USER_MAPS).exists():
        return
    try:
        from pvprof.dataset.symbolize.user_symbols import add_user_symbols  # noqa: PLC0415 (imports numpy)
    except ModuleNotFoundError as error:
        text = f"programs' functions have no names: the Python package {error.name} is missing"
        say([Problem("no-user-symbols", text)], is_quiet=False)
    else:
        add_user_symbols(directory, is_local)


def default_name(host: str, modes: tuple[str, ...], is_set: bool) -> str:
    """Return the name of an output that the user did not name: its host, modes and time.

    Args:
        host: as ssh takes it; empty: this machine.
        modes: what is recorded.
        is_set: whether the output is a run set.
    """
    machine = _NO_FILE_NAME.sub("-", host.rpartition("@")[2] or socket.gethostname()).strip("-.")
    stem = f"pvprof-{machine}-{'-'.join(modes)}-{datetime.now():%Y%m%dT%H%M%S}"
    return stem if is_set else f"{stem}.pvprof"
