"""Destinations: the files and the stdout that a command writes to, each in its format.

Owns ``-o``, ``--format``, ``--force``, and the order: everything is made before anything is
written. It refuses to know any format (``render.registry`` does).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import click

from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import FileName
from pvprof.cli.option_groups import option, option_group
from pvprof.cli.output import check_output, check_outputs, deliver, write
from pvprof.errors import OutputError, UsageError
from pvprof.model.problems import Problem
from pvprof.render.registry import Format, Output, Subject, format_of, formats_for
from pvprof.render.rendered import Rendered

_Group = TypeVar("_Group")


@dataclass(frozen=True, slots=True)
class Destination:
    """A file or stdout, the format to write there, and the subject that the format holds."""

    path: str
    format: Format
    subject: Subject

    @property
    def output(self) -> Output:
        """Return the row of the subject in the format."""
        return self.format.outputs[self.subject]

    @property
    def is_shown(self) -> bool:
        """Tell whether the result is drawn on a terminal, rather than written as a text."""
        return self.path == "-" and bool(self.output.drawer)

    def check_terminal(self) -> None:
        """Refuse to write onto a terminal what only another program shows.

        Raises:
            OutputError: stdout is a terminal, and the format is none for reading.
        """
        if self.path == "-" and self.format.is_for_files and sys.stdout.isatty():
            message = f"refusing to write {self.format.name} to a terminal"
            raise OutputError(message, f"-o x{self.format.suffixes[0]}, or | into a program")


@dataclass(frozen=True, slots=True)
class Result:
    """A result that is ready to be written: a view to draw on a terminal, or a text."""

    destination: Destination
    view: Any
    rendered: Rendered | None

    @classmethod
    def of(cls, destination: Destination, subject: object, options: object) -> Result:
        """Build the view of a subject, and render it unless a terminal draws it.

        Raises:
            PvprofError: the subject cannot be shown like that.
        """
        view = destination.output.build(subject, options)
        rendered = None if destination.is_shown else destination.output.render(view)
        return cls(destination, view, rendered)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems of what the text cannot show."""
        return self.rendered.problems if self.rendered else ()

    def write(self, force: bool, is_quiet: bool) -> None:
        """Write the text, or draw the view on stdout.

        Raises:
            OutputError: the file cannot be written.
        """
        if self.rendered is None:
            _show(self.destination.output, self.view)
        else:
            deliver(self.destination.path, self.rendered.content, force, is_quiet)


def _show(output: Output, view: Any) -> None:
    """Draw a view on stdout: in colour on a terminal (unless NO_COLOR is set), else as text."""
    if not sys.stdout.isatty():
        write("-", output.render(view).content, force=False)
        return
    from rich.console import Console  # noqa: PLC0415 (0.1 s to import: only a terminal needs it)

    output.draw(view, Console(highlight=False, emoji=False, markup=False))


@option_group
class OutputGroup:
    """The output of a command that writes one result; make it with `output_group`."""

    heading: ClassVar[HelpHeading] = HelpHeading.OUTPUT
    subjects: ClassVar[tuple[Subject, ...]] = ()

    format_name: str | None = None
    output: str = option(
        "-o",
        "--output",
        metavar="FILE",
        type=FileName(),
        default="-",
        help="Write to FILE, in the format of its suffix.  [default: -, stdout]",
    )
    force: bool = option("-f", "--force", is_flag=True, help="Overwrite files that exist.")

    def destination(self, default: str, any_suffix: bool = False) -> Destination:
        """Return the destination of the result.

        Args:
            default: the format of stdout, and of files without a suffix.
            any_suffix: whether files with a suffix of no format are written in `default`, too.

        Raises:
            UsageError: no format has that name or suffix.
            OutputError: the format needs a package that is not installed.
        """
        return _destination(self.output, self.format_name, self.subjects, default, any_suffix)

    def check(self, destination: Destination) -> None:
        """Refuse an output that cannot be written, before minutes of reading.

        Raises:
            OutputError: the file exists, or cannot be written, or a terminal cannot show it.
        """
        check_output(self.output, self.force)
        destination.check_terminal()


@option_group
class OutputsGroup:
    """The outputs of a command that writes several files; make it with `outputs_group`."""

    heading: ClassVar[HelpHeading] = HelpHeading.OUTPUT
    subjects: ClassVar[tuple[Subject, ...]] = ()

    outputs: tuple[str, ...] = option(
        "-o",
        "--output",
        metavar="FILE",
        type=FileName(),
        multiple=True,
        help="Write this file, in the format of its suffix (listed below); repeatable; - is"
        " stdout. Without -o: tables on stdout.",
    )
    format_name: str | None = None
    force: bool = option("-f", "--force", is_flag=True, help="Overwrite files that exist.")

    def destinations(self, folder_hint: bool = False) -> list[Destination]:
        """Return the destinations of the results; without ``-o``, tables on stdout.

        Args:
            folder_hint: whether the command writes folders, so that a name without a suffix may be
                one.

        Raises:
            UsageError: no format has that name or suffix, a file has no suffix, or a path is named
                twice.
            OutputError: a file exists, or cannot be written.
        """
        if not self.format_name:
            for path in self.outputs:
                _check_suffix(path, folder_hint)
        destinations = [
            _destination(path, self.format_name, self.subjects, "terminal")
            for path in self.outputs or ("-",)
        ]
        check_outputs([destination.path for destination in destinations], self.force)
        for destination in destinations:
            destination.check_terminal()
        return destinations


def _check_suffix(path: str, folder_hint: bool) -> None:
    """Refuse a file without a suffix: tables in it are hardly what was wanted.

    Raises:
        UsageError: it has none. A device, a pipe and a directory are left to other checks.
    """
    place = Path(path)
    is_no_file = place.exists() and not place.is_file()
    if path == "-" or "." in path.rpartition("/")[2] or is_no_file:
        return
    tables = f"for tables: {path.rstrip('/')}.txt"
    hint = f"a directory ends in a slash: {path}/" if folder_hint else tables
    raise UsageError(f"{path}: no suffix that names a format", hint)


def output_group(*subjects: Subject) -> type[OutputGroup]:
    """Return the group of a command that writes one of these subjects."""
    return _with_formats(
        OutputGroup, subjects, "Write this format (see below), whatever the suffix."
    )


def outputs_group(*subjects: Subject) -> type[OutputsGroup]:
    """Return the group of a command that writes several of these subjects."""
    return _with_formats(
        OutputsGroup, subjects, "Write this format (see below) to every -o, whatever its suffix."
    )


def _with_formats(
    base: type[_Group], subjects: tuple[Subject, ...], help_text: str
) -> type[_Group]:
    """Return a group whose ``--format`` offers the formats that can hold one of the subjects."""
    names = [fmt.name for fmt in formats_for(subjects)]
    field = option("--format", type=click.Choice(names), metavar="FORMAT", help=help_text)
    group = dataclasses.make_dataclass(
        base.__name__,
        [("format_name", "str | None", field)],
        bases=(base,),
        namespace={"subjects": subjects},
        frozen=True,
        slots=True,
        kw_only=True,
    )
    return cast("type[_Group]", group)


def _destination(
    path: str,
    format_name: str | None,
    subjects: Collection[Subject],
    default: str,
    any_suffix: bool = False,
) -> Destination:
    fmt = format_of(path, format_name, default, subjects, any_suffix)
    fmt.check_installed()
    subject = fmt.subject_among(subjects)
    assert subject is not None  # else `format_of` refuses it
    return Destination(path, fmt, subject)


def formats_epilog(examples: str, *subjects: Subject) -> str:
    """Return the end of a command's help: the formats that it writes, and examples."""
    formats = formats_for(subjects)
    rows = [(fmt.name, " ".join(fmt.suffixes), fmt.summary) for fmt in formats]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [
        f"  {name:{widths[0]}}  {suffixes:{widths[1]}}  {summary}"
        for name, suffixes, summary in rows
    ]
    return "\b\nFormats:\n" + "\n".join(lines) + "\n\n\b\n" + examples
