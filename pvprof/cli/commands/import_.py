"""``pvprof import``: makes a recording of another tool's output and the facts that it lacks."""

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
    recording = open_recording(source)
    directory = Path(output or f"{recording.name}{SUFFIX}")
    _check(directory, force)
    parsed = read_recording(recording, options)
    say(parsed.problems, reading.quiet)
    manifest = recording.manifest.document(
        {
            **facts,
            "mode": parsed.layout,
            "layout": options.layout,
            "unit": options.unit,
            "imported_by": f"pvprof {__version__}",
            "source": Path(source).name if source != "-" else "stdin",
        }
    )
    files = {"symbols.nm.gz": _kernel_symbols(symbols), "kldstat.txt": kldstat}
    companions = {name: file for name, file in files.items() if file}
    write_recording(directory, recording, manifest, companions)
    if not reading.quiet:
        size = f"{parsed.records:,} records, layout {parsed.layout}"
        click.echo(f"pvprof: wrote {directory}: {size}", err=True)


def _check(directory: Path, force: bool) -> None:
    """Refuse to overwrite anything but a recording, and that only with --force.

    Raises:
        OutputError: the directory must not be written.
    """
    if not directory.is_dir():
        check_output(str(directory), force)
    elif not (directory / RAW).is_file():
        raise OutputError(f"{directory}: a directory that is no recording")
    elif not force:
        raise OutputError(f"{directory}: already exists", "overwrite it with --force")


def _kernel_symbols(symbols: tuple[str, ...]) -> str | None:
    """Return the last file of the kernel's symbols; ``MODULE=FILE`` gives those of a module."""
    files = [value for value in symbols if "=" not in value or "/" in value.partition("=")[0]]
    return files[-1] if files else None
