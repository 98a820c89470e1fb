"""``pvprof doctor``: whether a target has all that recording needs."""

from __future__ import annotations

from typing import Any

import click

from pvprof.cli.target_options import target_from, target_options
from pvprof.collect import recorder
from pvprof.collect.session import examine
from pvprof.errors import TargetError

_MARKS = {"ok": "ok  ", "bad": "BAD ", "note": "note"}


@click.command(
    "doctor",
    epilog="""\b
Examples:
  pvprof doctor
  pvprof doctor --host root@build13""",
)
@target_options
def command(**params: Any) -> None:
    """Check everything that the modes need on a target, and say what to do for each failure.

    Exits with 3 where something is missing.
    """
    directory = params.pop("tmpdir")
    target = target_from(params)
    findings = examine(target, recorder.doctor(directory))
    width = max([len(what) for _, what, _, _ in findings], default=0)
    for state, what, detail, hint in findings:
        click.echo(f"{_MARKS.get(state, state)}  {what:{width}}  {detail}".rstrip())
        if hint:
            click.echo(f"      {'':{width}}  -> {hint}")
    missing = [what for state, what, _, _ in findings if state == "bad"]
    if missing:
        raise TargetError(f"{target.name}: {', '.join(missing)}")
