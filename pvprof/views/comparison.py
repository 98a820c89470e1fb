"""A comparison of two sides of repeated runs: which part of it an output shows.

Owns the choice of a section. ``views.tables`` words the tables, ``views.diff_flamegraph`` the
picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.analysis.compare.code_changes import differential_rows
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.errors import UsageError
from pvprof.model.stacks import Stack
from pvprof.units import Unit


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """What is shown of a comparison.

    Attributes:
        top: rows of a table; 0 for all. Rows that differ are shown in any case.
        unit, mode: the section that pictures and stacks show; None for the first.
        pictures: files that a text links to, relative to it.
    """

    top: int = 20
    unit: Unit | None = None
    mode: str | None = None
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison as tables and sentences."""

    comparison: Comparison
    options: ComparisonOptions


def build(comparison: Comparison, options: ComparisonOptions) -> ComparisonView:
    """Return the comparison as tables and sentences."""
    return ComparisonView(comparison, options)


@dataclass(frozen=True, slots=True)
class DifferentialView:
    """The stacks of both sides, as a differential file has them.

    Attributes:
        unit: of the values.
        rows: each stack with its values in the base and in the new side, per the same work.
    """

    unit: Unit
    rows: tuple[tuple[Stack, int, int], ...]


def build_differential(comparison: Comparison, options: ComparisonOptions) -> DifferentialView:
    """Return the stacks of a section with their values on both sides, per the same work.

    Raises:
        UsageError: the comparison has no section of that unit and mode.
    """
    section = section_of(comparison, options)
    rows = differential_rows(section.base_folded, section.new_folded, section.amounts)
    return DifferentialView(section.new_folded.unit, tuple(rows))


def section_of(comparison: Comparison, options: ComparisonOptions) -> SectionChange:
    """Return the section of that unit and mode, the first if neither is given.

    Raises:
        UsageError: there is none.
    """
    sections = comparison.sections
    for section in sections:
        if options.unit in (None, section.unit) and options.mode in (None, section.mode):
            return section
    known = ", ".join(f"{section.mode or 'no mode'} in {section.unit}" for section in sections)
    raise UsageError("nothing was measured in that unit and mode", f"measured here: {known}")
