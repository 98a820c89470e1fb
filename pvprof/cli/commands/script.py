"""``pvprof script``: print the tracing program of a mode, or the recorder to carry to a target."""

from __future__ import annotations

import click

from pvprof.cli.guidance.values import KnownWord
from pvprof.cli.option_groups import argument, group, option, option_group, takes
from pvprof.cli.recording_options import Duration, ProgramChoices, WorkloadCommand, check_modes
from pvprof.cli.terminal import print_line, print_text
from pvprof.collect.modes import names, programs_named
from pvprof.collect.options import ProgramOptions
from pvprof.collect.recorder import Plan, recorder
from pvprof.collect.tracers import choose
from pvprof.errors import UsageError


@option_group
class ScriptOptions:
    """The options of ``pvprof script``."""

    mode: str | None = argument(required=False, type=KnownWord(names))
    is_list: bool = option(
        "--list", is_flag=True, help="List the modes, their tracers and what they record."
    )
    is_standalone: bool = option(
        "--standalone",
        is_flag=True,
        help="Print a shell script that records: it needs only FreeBSD's base system, or Linux"
        " with bpftrace.",
    )
    duration_ns: int = option(
        "-d",
        "--duration",
        type=Duration(min_ns=1),
        default=0,
        help="Trace for TIME: seconds, or with a unit (10, 2.5s, 500ms, 2m).",
    )
    is_tree: bool = option(
        "--tree", is_flag=True, help="Trace only the processes below process $1, until it exits."
    )
    is_all: bool = option(
        "--all", is_flag=True, help="With a workload: trace all other processes, too."
    )
    label: str = option(
        "--label", default="", metavar="TEXT", help="With --standalone: name this side for compare."
    )
    program: ProgramChoices = group(ProgramChoices)


@click.command(
    "script",
    cls=WorkloadCommand,
    epilog="""\b
Examples:
  pvprof script offcpu > offcpu.d
  pvprof script offcpu --tracer bpftrace > offcpu.bt
  pvprof script offcpu --standalone -- make -j8 > rec.sh
  pvprof script --list""",
)
@takes(ScriptOptions, "wanted")
def command(wanted: ScriptOptions, workload: tuple[str, ...]) -> None:
    """Print the D program of MODE, to be run on the target with dtrace -s; or that of --tracer.

    Its output is a recording that the other commands read. With --standalone it is packed into a
    script that does all that pvprof record does: sh rec.sh [-o OUT.tar.gz].
    """
    if wanted.is_list or wanted.mode is None:
        _list_modes()
        return
    check_modes((wanted.mode,))
    if workload and not wanted.is_standalone:
        hint = "--standalone prints a script that does"
        raise UsageError("the program starts no workload", hint)
    options = wanted.program.program_options(
        is_tree=wanted.is_tree or (bool(workload) and not wanted.is_all),
        has_workload=bool(workload) or wanted.is_tree,
        duration_ns=wanted.duration_ns,
    )
    print_text(_text(wanted.mode, wanted, workload, options))


def _list_modes() -> None:
    for name in names():
        programs = programs_named(name)
        tracers = " ".join(program.tracer for program in programs)
        print_line(f"{name:11} {tracers:16} {programs[0].purpose}")


def _text(
    mode: str, wanted: ScriptOptions, workload: tuple[str, ...], options: ProgramOptions
) -> str:
    tracer = wanted.program.tracer or ""
    if wanted.is_standalone:
        return recorder(Plan(mode, options, workload, wanted.label, tracer=tracer), is_carried=True)
    return choose(tracer)[0].program(mode, options).text()
