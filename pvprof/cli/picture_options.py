"""The options that say how a flame graph, a difference and a printed tree look."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from pvprof.analysis.stacks.boxes import SHAPES, Shape
from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.option_groups import option, option_group
from pvprof.errors import InputError, UsageError
from pvprof.model.frame_attributes import AttributesByName
from pvprof.views.flamegraph import (
    MIN_WIDTH,
    PALETTES,
    FlamegraphOptions,
    Notes,
    Palette,
)
from pvprof.views.folded import StackOptions, TreeOptions

if TYPE_CHECKING:
    from pvprof.analysis.stacks.diff_layout import WorkScale
    from pvprof.views.diff_flamegraph import DifferenceOptions


def title_option() -> Any:
    """Return a field for ``--title``, which all pictures have."""
    return option(
        "--title",
        default="",
        metavar="TEXT",
        help="Give the picture this heading.  [default: what was measured, and where]",
    )


def subtitle_option() -> Any:
    """Return a field for ``--subtitle``, which all pictures have."""
    return option(
        "--subtitle",
        default="",
        metavar="TEXT",
        help="Begin the line below the heading with this text.",
    )


def notes_option() -> Any:
    """Return a field for ``--notes``, which all pictures have."""
    return option(
        "--notes",
        default="",
        metavar="TEXT",
        help="Put this text, of one line or several, in front of the notes below the picture.",
    )


def own_notes(text: str) -> Notes:
    """Return the row that ``--notes`` adds to the notes of a picture."""
    return (("Notes", text),) if text.strip() else ()


def width_option() -> Any:
    """Return a field for ``--width``, which all pictures have."""
    return option(
        "--width",
        type=click.IntRange(MIN_WIDTH),
        default=1200,
        show_default=True,
        help="Lay the picture out for this many pixels; a browser fits it into its window.",
    )


@option_group
class PictureGroup:
    """How a flame graph looks."""

    heading: ClassVar[HelpHeading] = HelpHeading.PICTURE

    title: str = title_option()
    subtitle: str = subtitle_option()
    notes: str = notes_option()
    width: int = width_option()
    min_width: float = option(
        "--min-width",
        type=click.FloatRange(0),
        default=0.1,
        show_default=True,
        help="Draw frames narrower than this many pixels together, as '...'.",
    )
    icicle: bool = option("--icicle", is_flag=True, help="Draw the root on top.")
    reverse: bool = option("--reverse", is_flag=True, help="Merge the stacks from the leaf.")
    by_weight: bool = option(
        "--by-weight", is_flag=True, help="Order frames by width, not by name."
    )
    palette: Palette = option(
        "--palette",
        type=click.Choice(PALETTES),
        default="auto",
        help="Colour frames by the cause of the wait, the module or the name; hot: the classic"
        " colours; safe: for any colour vision.  [default: the first that the stacks allow]",
    )

    nameattr: Path | None = option(
        "--nameattr",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Add links and titles to frames: lines of a name, a tab, href=URL, a tab, title=TEXT.",
    )

    def look(self) -> FlamegraphOptions:
        """Return the options as a value of the library.

        Raises:
            InputError: the file of attributes cannot be read.
        """
        return FlamegraphOptions(
            title=self.title,
            subtitle=self.subtitle,
            notes=own_notes(self.notes),
            width=self.width,
            min_width_px=self.min_width,
            icicle=self.icicle,
            is_reversed=self.reverse,
            order="weight" if self.by_weight else "name",
            palette=self.palette,
            attributes=self._attributes(),
        )

    def _attributes(self) -> AttributesByName:
        if self.nameattr is None:
            return AttributesByName()
        from pvprof.parse.files.name_attributes import read_attributes  # noqa: PLC0415 (rare)

        try:
            return read_attributes(self.nameattr.read_bytes(), self.nameattr.name)
        except OSError as error:
            raise InputError(f"{self.nameattr}: {error.strerror}") from error


@option_group
class DiffGroup:
    """How two recordings are compared in one picture."""

    heading: ClassVar[HelpHeading] = HelpHeading.DIFFERENCE

    diff: bool = option(
        "--diff", is_flag=True, help="Draw what changed from the first REC to the second."
    )
    widths: Shape = option(
        "--widths",
        type=click.Choice(SHAPES),
        default="union",
        help="With --diff: take the widths of frames from this side at first.  [default: union]",
    )
    threshold: float = option(
        "--threshold",
        type=click.FloatRange(0, 100),
        default=5.0,
        show_default=True,
        help="With --diff: leave changes below this % of the frame without colour.",
    )
    per: str | None = option(
        "--per",
        metavar="UNIT=BASE:NEW|total",
        help="With --diff: scale the base to the work that each side did (builds=3:5), or so that"
        " both have the same total, to compare shares.",
    )

    def difference(self, stacks: StackOptions, look: FlamegraphOptions) -> DifferenceOptions:
        """Return the options of a difference of these stacks.

        Raises:
            UsageError: ``--per`` cannot be understood.
        """
        # No other picture needs these and the statistics that they import.
        from pvprof.analysis.stacks.diff_layout import Threshold  # noqa: PLC0415
        from pvprof.views.diff_flamegraph import DifferenceOptions, DiffOptions  # noqa: PLC0415

        threshold = Threshold(Fraction(str(self.threshold)))
        is_total = self.per == "total"
        scale = None if is_total else self._scale()
        diff = DiffOptions(look, self.widths, threshold, scale, has_equal_totals=is_total)
        return DifferenceOptions(stacks, diff)

    def _scale(self) -> WorkScale | None:
        from pvprof.analysis.stacks.diff_layout import WorkScale  # noqa: PLC0415

        if self.per is None:
            return None
        unit, equals, amounts = self.per.partition("=")
        base, colon, new = amounts.partition(":")
        try:
            if not (unit.strip() and equals and colon):
                raise ValueError
            return WorkScale(unit.strip(), Fraction(base.strip()), Fraction(new.strip()))
        except (ValueError, ZeroDivisionError) as error:
            raise UsageError(
                f"--per {self.per}: cannot be understood", "e.g. --per builds=3:5, or --per total"
            ) from error


@option_group
class TreeGroup:
    """How stacks are printed as a tree."""

    heading: ClassVar[HelpHeading] = HelpHeading.TREE

    tree: bool = option("--tree", is_flag=True, help="Print a tree of text instead of a picture.")
    min_percent: float = option(
        "--min-percent",
        type=click.FloatRange(0, 100),
        default=1.0,
        show_default=True,
        help="With --tree: add up frames below this share of the total.",
    )
    depth: int | None = option(
        "--depth", type=click.IntRange(0), help="With --tree: follow at most this many forks."
    )

    def tree_options(self, stacks: StackOptions) -> TreeOptions:
        """Return the options of a tree of these stacks."""
        return TreeOptions(self.min_percent, self.depth or 0, stacks)
