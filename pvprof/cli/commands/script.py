"""``pvprof script``: print the tracing program of a mode, or the recorder to carry to a target."""

from __future__ import annotations

from typing import Any

import click

from pvprof.cli.program_options import (
    Duration,
    WorkloadCommand,
    check_modes,
    options_from,
    program_options,
)
from pvprof.collect.modes import names, programs_named
from pvprof.collect.tracers import choose
from pvprof.errors import UsageError


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
@click.argument("mode", required=False)
@click.option("--list", "is_list", is_flag=True, help="List the modes.")
@click.option(
    "--standalone",
    is_flag=True,
    help="Print a recorder, a shell script that needs FreeBSD's base only, or Linux with bpftrace.",
)
@click.option("--duration", "duration_ns", type=Duration(), default=0, help="Trace so long.")
@click.option("--tree", is_flag=True, help="Only the processes below process $1, until it exits.")
@click.option("--all", "is_all", is_flag=True, help="With a workload: everybody else as well.")
@click.option("--label", default="", help="With --standalone: a name for the manifest.")
@program_options
def command(mode: str | None, is_list: bool, workload: tuple[str, ...], **params: Any) -> None:
    """Print the D program of MODE, to be run on the target with dtrace -s; or that of --tracer.

    Its output is a recording that the other commands read. With --standalone it is packed into a
    script that does all that pvprof record does: sh rec.sh [-o OUT.tar.gz].
    """
    if is_list or mode is None:
        for name in names():
            programs = programs_named(name)
            tracers = " ".join(program.tracer for program in programs)
            click.echo(f"{name:11} {tracers:16} {programs[0].purpose}")
        return
    check_modes((mode,))
    is_standalone, label = params.pop("standalone"), params.pop("label")
    tracer = params.pop("tracer") or ""
    tree, is_all = params.pop("tree"), params.pop("is_all")
    if workload and not is_standalone:
        raise UsageError("the program starts no workload", "--standalone prints a script that does")
    is_tree = tree or (bool(workload) and not is_all)
    options = options_from(
        params,
        is_tree=is_tree,
        has_workload=bool(workload) or tree,
        duration_ns=params.pop("duration_ns"),
    )
    if is_standalone:
        from pvprof.collect.recorder import (  # noqa: PLC0415 (few need it)
            Plan,
            recorder,
        )

        plan = Plan(mode, options, workload, label, tracer=tracer)
        click.echo(recorder(plan, is_carried=True), nl=False)
    else:
        click.echo(choose(tracer)[0].program(mode, options).text(), nl=False)
