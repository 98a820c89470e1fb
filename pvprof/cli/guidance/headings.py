"""Commands whose ``--help`` has examples first, then the options below headings.

Owns the headings and their order: what most users look for comes first, what few need comes last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import click

_FILTERS = {
    "--name": "to filter by lock",
    "--class": "by class",
    "--frame": "by function",
    "--execname": "by process",
}
_OTHER_FILTERS = ("--lock", "--locks", "--filter", "--function", "--func", "--process")
"""Options that users look for, and that are none."""


class HelpHeading(Enum):
    """A heading in ``--help``, in the order in which they come."""

    MAIN = "Options"
    TARGET = "Target"
    STORE = "A store in the place of files"
    SIDES = "Comparison"
    FILTER = "Filters: what to keep (a REGEX matches anywhere, in any case)"
    RUNS = "Runs"
    STATISTICS = "Statistics"
    TABLES = "Tables"
    STACKS = "Stacks"
    PICTURE = "Picture"
    DIFFERENCE = "Difference of two recordings"
    TREE = "Tree of text"
    OUTPUT = "Output"
    PROGRAM = "Tracing program"
    FACTS = "Facts about the run"
    INPUT = "Input, rarely needed"
    HELP = "Help"


class HeadedOption(click.Option):
    """An option that ``--help`` lists below a heading."""

    def __init__(
        self, *args: Any, heading: HelpHeading = HelpHeading.MAIN, **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.heading = heading
        if attributes.get("metavar") is None and isinstance(self.type, click.IntRange):
            self.metavar = "N"
        elif attributes.get("metavar") is None and isinstance(self.type, click.FloatRange):
            self.metavar = "NUMBER"


def headed_options(
    command: click.Command, ctx: click.Context
) -> Iterator[tuple[HelpHeading, list[tuple[str, str]]]]:
    """Yield each heading of a command with its rows: an option's flags, and its help."""
    rows: dict[HelpHeading, list[tuple[str, str]]] = {}
    help_option = command.get_help_option(ctx)
    for parameter in command.get_params(ctx):
        row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if row is not None:
            default = HelpHeading.HELP if parameter is help_option else HelpHeading.MAIN
            heading = getattr(parameter, "heading", default)
            rows.setdefault(heading, []).append(row)
    yield from ((heading, rows[heading]) for heading in HelpHeading if heading in rows)


class PvprofCommand(click.Command):
    """A command whose ``--help`` has headings, and the examples of its epilog before them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; name the filters if an option is none, but asks for one."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            flags = {flag for parameter in self.params for flag in parameter.opts}
            if error.option_name not in _OTHER_FILTERS or not flags.issuperset(_FILTERS):
                raise
            hint = ", ".join(f"{purpose}: {flag}" for flag, purpose in _FILTERS.items())
            raise click.UsageError(f"No such option '{error.option_name}': {hint}", ctx) from error

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, then examples."""
        super().format_help_text(ctx, formatter)
        self._format_blocks(formatter, are_examples=True)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what else the epilog has: the formats."""
        self._format_blocks(formatter, are_examples=False)

    def _format_blocks(self, formatter: click.HelpFormatter, are_examples: bool) -> None:
        for block in re.split(r"\n\s*\n", (self.epilog or "").strip()):
            is_example = block.removeprefix("\b\n").startswith("Example")
            if block and is_example is are_examples:
                formatter.write_paragraph()
                with formatter.indentation():
                    formatter.write_text(block)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings."""
        for heading, rows in headed_options(self, ctx):
            with formatter.section(heading.value):
                formatter.write_dl(rows, col_max=28)
