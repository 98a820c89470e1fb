"""``pvprof import``: makes a recording of another tool's output and the facts that it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import click

from pvprof import __version__
from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import FileName
from pvprof.cli.input_options import ReadingGroup
from pvprof.cli.messages import say
from pvprof.cli.option_groups import argument, group, option, option_group, takes
from pvprof.cli.output import check_output
from pvprof.cli.terminal import tell
from pvprof.errors import OutputError
from pvprof.parse.read import read_recording
from pvprof.recording.layout import RAW, SUFFIX, Recording
from pvprof.recording.open import open_recording
from pvprof.recording.write import write_recording


@option_group
class ImportOptions:
    """The options of ``pvprof import``."""

    heading: ClassVar[HelpHeading] = HelpHeading.FACTS

    source: str = argument(metavar="FILE", type=FileName())
    reading: ReadingGroup = group(ReadingGroup)
    label: str = option(
        "--label", default="", metavar="TEXT", help="Name this side for compare: stock, patched."
    )
    workload: str = option("--workload", default="", metavar="TEXT", help="State what ran.")
    host: str = option("--host", default="", metavar="TEXT", help="State the name of the machine.")
    kernel: str = option(
        "--kernel", default="", metavar="TEXT", help="State the kernel: the output of uname -v."
    )
    output: str = option(
        "-o",
        "--output",
        default="",
        metavar="DIR",
        type=FileName(),
        heading=HelpHeading.OUTPUT,
        help="Write the recording to this directory.  [default: the name of FILE, in this"
        " directory: lockstat.pvprof for logs/lockstat.out.gz]",
    )
    force: bool = option(
        "-f", "--force", heading=HelpHeading.OUTPUT, is_flag=True, help="Overwrite a recording."
    )

    def directory(self, recording: Recording) -> Path:
        """Return the directory to write.

        Raises:
            OutputError: it exists, and must not be overwritten.
        """
        directory = Path(self.output or f"{recording.name}{SUFFIX}")
        if not directory.is_dir():
            check_output(str(directory), self.force)
        elif not (directory / RAW).is_file():
            raise OutputError(f"{directory}: a directory that is no recording")
        elif not self.force:
            raise OutputError(f"{directory}: already exists", "overwrite it with --force")
        return directory

    def facts(self) -> dict[str, str]:
        """Return the facts about the run that the user states, by their names in a manifest."""
        return {
            "label": self.label,
            "workload": self.workload,
            "host": self.host,
            "kernel": self.kernel,
        }

    def companions(self) -> dict[str, str]:
        """Map the names of further members of the recording to the files to copy."""
        files = {
            "symbols.nm.gz": _kernel_symbols(self.reading.symbols),
            "kldstat.txt": self.reading.kldstat,
        }
        return {name: file for name, file in files.items() if file}


@click.command(
    "import",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  sysctl debug.lock.prof.stats | pvprof import - -o stock.pvprof --label stock
  pvprof import lockstat.txt --symbols kernel.nm --workload 'make -j8'""",
)
@takes(ImportOptions, "wanted")
def command(wanted: ImportOptions) -> None:
    """Make a recording of a file that another tool made: LOCK_PROFILING's sysctl, lockstat(1), ...

    Every command reads such files as they are. A recording also states the host and the kernel, and
    keeps the symbols that name their addresses. FILE is copied as it is.
    """
    source, options = wanted.source, wanted.reading.read_options()
    recording = open_recording(source, options.limits)
    directory = wanted.directory(recording)
    parsed = read_recording(recording, options)
    say(parsed.problems, wanted.reading.quiet)
    manifest = recording.manifest.document(
        {
            **wanted.facts(),
            "mode": parsed.layout,
            "layout": options.layout,
            "unit": wanted.reading.unit,
            "factor": wanted.reading.factor,
            "weight": wanted.reading.weight,
            "imported_by": f"pvprof {__version__}",
            "source": Path(source).name if source != "-" else "stdin",
        }
    )
    write_recording(directory, recording, manifest, wanted.companions())
    if not wanted.reading.quiet:
        size = f"{parsed.records:,} records, layout {parsed.layout}"
        tell(f"wrote {directory}: {size}")


def _kernel_symbols(symbols: tuple[str, ...]) -> str | None:
    """Return the last file of the kernel's symbols; ``MODULE=FILE`` gives those of a module."""
    files = [value for value in symbols if "=" not in value or "/" in value.partition("=")[0]]
    return files[-1] if files else None
