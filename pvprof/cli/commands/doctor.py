"""``pvprof doctor``: whether a target has all that recording needs."""

from __future__ import annotations

import click

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.option_groups import group, option, option_group, takes
from pvprof.cli.recording_options import TargetOptions
from pvprof.cli.terminal import print_line
from pvprof.collect.recorder import doctor
from pvprof.collect.session import Finding, examine
from pvprof.collect.workplaces import remove_left
from pvprof.errors import TargetError

_MARKS = {"ok": "ok  ", "bad": "BAD ", "note": "note"}


@option_group
class DoctorOptions:
    """The options of ``pvprof doctor``."""

    where: TargetOptions = group(TargetOptions)
    clean: bool = option(
        "--clean", is_flag=True, help="Remove what recorders left that were killed."
    )


@click.command(
    "doctor",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof doctor
  pvprof doctor --host root@build13
  pvprof doctor --clean""",
)
@takes(DoctorOptions, "wanted")
def command(wanted: DoctorOptions) -> None:
    """Check everything that the modes need on a target, and say what to do for each failure.

    A recorder that was killed may leave processes, files, a mounted tracefs and its lock. The next
    recording removes them, and so does --clean, as well as hidden directories of a killed pvprof
    here.

    Exits with 3 if something is missing.
    """
    target = wanted.where.target()
    findings = examine(target, doctor(wanted.where.tmpdir, is_cleaning=wanted.clean))
    if wanted.clean:
        findings += [Finding("ok", "leftovers", f"removed: {one}", "") for one in remove_left()]
    width = max([len(finding.subject) for finding in findings], default=0)
    for finding in findings:
        mark = _MARKS.get(finding.state, finding.state)
        print_line(f"{mark}  {finding.subject:{width}}  {finding.detail}".rstrip())
        if finding.hint:
            print_line(f"      {'':{width}}  -> {finding.hint}")
    missing = [finding.subject for finding in findings if finding.state == "bad"]
    if missing:
        raise TargetError(f"{target.name}: {', '.join(missing)}")
