"""``pvprof doctor``: whether a target has all that recording needs."""

from __future__ import annotations

import click

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.option_groups import takes
from pvprof.cli.recording_options import TargetOptions
from pvprof.cli.terminal import print_line
from pvprof.collect.recorder import doctor
from pvprof.collect.session import examine
from pvprof.errors import TargetError

_MARKS = {"ok": "ok  ", "bad": "BAD ", "note": "note"}


@click.command(
    "doctor",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof doctor
  pvprof doctor --host root@build13""",
)
@takes(TargetOptions, "where")
def command(where: TargetOptions) -> None:
    """Check everything that the modes need on a target, and say what to do for each failure.

    Exits with 3 if something is missing.
    """
    target = where.target()
    findings = examine(target, doctor(where.tmpdir))
    width = max([len(finding.subject) for finding in findings], default=0)
    for finding in findings:
        mark = _MARKS.get(finding.state, finding.state)
        print_line(f"{mark}  {finding.subject:{width}}  {finding.detail}".rstrip())
        if finding.hint:
            print_line(f"      {'':{width}}  -> {finding.hint}")
    missing = [finding.subject for finding in findings if finding.state == "bad"]
    if missing:
        raise TargetError(f"{target.name}: {', '.join(missing)}")
