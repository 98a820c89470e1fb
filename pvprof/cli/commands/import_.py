"""``pvprof import``: a recording of what another tool printed, with the facts that it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pvprof import __version__
from pvprof.cli.input_options import ReadingGroup
from pvprof.cli.messages import say
from pvprof.cli.option_groups import takes
from pvprof.cli.output import check_output, force_option
from pvprof.errors import OutputError
from pvprof.parse.read import read_recording
from pvprof.recording.layout import RAW, SUFFIX
from pvprof.recording.manifest import SCHEMA
from pvprof.recording.open import open_recording
from pvprof.recording.write import write_recording


@click.command(
    "import",
    epilog="""\b
Examples:
  sysctl debug.lock.prof.stats | pvprof import - -o stock.pvprof --label stock
  pvprof import lockstat.txt --symbols kernel.nm --workload 'make -j8 buildkernel'""",
)
@click.argument("source", metavar="FILE")
@takes(ReadingGroup, "reading")
@click.option("--label", default="", help="What this side of a comparison is called.")
@click.option("--workload", default="", metavar="TEXT", help="What ran.")
@click.option("--host", default="", metavar="TEXT", help="Where it ran.")
@click.option("--kernel", default="", metavar="TEXT", help="Which kernel: the output of uname -v.")
@click.option("-o", "--output", default="", metavar="DIR", help="Where to; default: FILE.pvprof")
@force_option
def command(source: str, output: str, force: bool, reading: ReadingGroup, **rest: Any) -> None:
    """Make a recording of a file that another tool made: LOCK_PROFILING's sysctl, lockstat(1), ...

    Every command reads such files as they are. A recording also says on which host and kernel they
    were made, and keeps the symbols that name their addresses. FILE is copied as it is.
    """
    facts = {name: rest.pop(name) for name in ("label", "workload", "host", "kernel")}
    symbols, kldstat = reading.symbols, reading.kldstat
    options = reading.read_options()
    opened = open_recording(source)
    place = Path(output or f"{opened.name}{SUFFIX}")
    _check(place, force)
    parsed = read_recording(opened, options)
    say(parsed.problems, reading.quiet)
    manifest = {
        "schema": SCHEMA,
        **{key: value for key, value in opened.manifest.raw.items() if key != "schema"},
        **{name: text for name, text in facts.items() if text},
        "mode": parsed.layout,
        **({"layout": options.layout} if options.layout else {}),
        **({"unit": options.unit} if options.unit else {}),
        "imported_by": f"pvprof {__version__}",
        "source": Path(source).name if source != "-" else "stdin",
    }
    files = {"symbols.nm.gz": _kernels(symbols), "kldstat.txt": kldstat}
    companions = {name: file for name, file in files.items() if file}
    write_recording(place, opened, manifest, companions)
    if not reading.quiet:
        what = f"{parsed.records:,} records, layout {parsed.layout}"
        click.echo(f"pvprof: wrote {place}: {what}", err=True)


def _check(place: Path, force: bool) -> None:
    """Refuse early to write where something stands already that is no recording.

    Raises:
        OutputError: it does.
    """
    if not place.is_dir():
        check_output(str(place), force)
    elif not (place / RAW).is_file():
        raise OutputError(f"{place}: a directory that is no recording")
    elif not force:
        raise OutputError(f"{place}: already exists", "overwrite it with --force")


def _kernels(symbols: tuple[str, ...]) -> str | None:
    """Return the file of the kernel's own symbols, of those that were named."""
    named = [one for one in symbols if "=" not in one or "/" in one.partition("=")[0]]
    return named[-1] if named else None
