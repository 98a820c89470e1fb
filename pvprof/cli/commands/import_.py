"""``pvprof import``: makes a recording of another tool's output and the facts that it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import click

from pvprof import __version__
from pvprof.analysis.report import build_report
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules_file import load_rules
from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import FileName
from pvprof.cli.input_options import ReadingGroup
from pvprof.cli.messages import say
from pvprof.cli.option_groups import argument, group, option, option_group, takes
from pvprof.cli.output import check_output
from pvprof.cli.terminal import tell
from pvprof.dataset.load import combine
from pvprof.dataset.read_named import read_named
from pvprof.errors import OutputError
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import RAW, SUFFIX, Recording
from pvprof.recording.manifest import Manifest
from pvprof.recording.open import open_recording
from pvprof.recording.write import write_recording
from pvprof.render.registry import Subject, format_named
from pvprof.views.report_view import PageSubject
from pvprof.views.tables.table import TableOptions


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

    With --redact, FILE may be a recording: the copy holds its sums, without private texts, in place
    of its text.
    """
    source, options = wanted.source, wanted.reading.read_options()
    recording = open_recording(source, options.limits)
    directory = wanted.directory(recording)
    recording, parsed = read_named(recording, options)
    say(parsed.problems, wanted.reading.quiet)
    facts: dict[str, object] = {**wanted.facts(), "imported_by": f"pvprof {__version__}"}
    if wanted.reading.is_redacted:
        _write_sums(directory, recording, parsed, facts)
    else:
        facts |= {
            "mode": parsed.layout,
            "layout": options.layout,
            "unit": wanted.reading.unit,
            "factor": wanted.reading.factor,
            "weight": wanted.reading.weight,
            "source": Path(source).name if source != "-" else "stdin",
        }
        manifest = recording.manifest.document(facts)
        write_recording(directory, recording, manifest, wanted.companions())
    if not wanted.reading.quiet:
        size = f"{parsed.records:,} records, layout {parsed.layout}"
        tell(f"wrote {directory}: {size}")


def _write_sums(
    directory: Path, recording: Recording, parsed: ParseResult, facts: Mapping[str, object]
) -> None:
    """Write a recording whose text is a page with all that was read, but for single waits.

    Raises:
        OutputError: it cannot be written.
    """
    mode = recording.manifest.mode or parsed.mode or parsed.layout
    document = recording.manifest.document({**facts, "mode": mode})
    known = Manifest.from_json(document)
    named = replace(recording, manifest=known)
    classified = Classified.of(combine([(named, parsed)]), load_rules(None), Filters())
    page = format_named("html").outputs[Subject.PAGE]
    view = page.build(PageSubject(classified, build_report(classified)), TableOptions())
    data = page.render(view).text.encode("utf-8", "backslashreplace")
    write_recording(directory, Recording(recording.path, recording.name, data), document, {})
    waits = 0 if parsed.events is None else len(parsed.events)
    if waits:
        tell(f"note: {waits:,} single waits are in the copy as sums; it has no times of them")


def _kernel_symbols(symbols: tuple[str, ...]) -> str | None:
    """Return the last file of the kernel's symbols; ``MODULE=FILE`` gives those of a module."""
    files = [value for value in symbols if "=" not in value or "/" in value.partition("=")[0]]
    return files[-1] if files else None
