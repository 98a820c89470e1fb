"""``pvprof script``: print the D program of a mode."""

from __future__ import annotations

from importlib.resources import files

import click

from pvprof.errors import UsageError

_PROGRAMS = "pvprof.dscripts"


@click.command(
    "script",
    epilog="""\b
Examples:
  pvprof script offcpu > offcpu.d
  pvprof script --list""",
)
@click.argument("mode", required=False)
@click.option("--list", "is_list", is_flag=True, help="List the modes.")
def command(mode: str | None, is_list: bool) -> None:
    """Print the D program of MODE, to be run on the target with dtrace -s.

    Its output is a recording that the other commands read.
    """
    programs = _programs()
    if is_list or mode is None:
        for name, text in programs.items():
            click.echo(f"{name:12} {_purpose(text)}")
        return
    if mode not in programs:
        raise UsageError(f"no such mode: {mode}", "modes: " + ", ".join(programs))
    click.echo(programs[mode], nl=False)


def _programs() -> dict[str, str]:
    """Return the text of each D program by its mode."""
    found = sorted(files(_PROGRAMS).iterdir(), key=lambda place: place.name)
    return {
        place.name.removesuffix(".d"): place.read_text(encoding="utf-8")
        for place in found
        if place.name.endswith(".d")
    }


def _purpose(text: str) -> str:
    """Return the first line of the comment at the top of a D program."""
    return text.split("\n")[1].lstrip(" *").strip()
