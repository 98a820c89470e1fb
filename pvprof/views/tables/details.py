"""What a report tells besides its tables of locks: sentences always, tables on demand."""

from __future__ import annotations

from pvprof.analysis.report import Report, Section
from pvprof.views.tables.report import waker_table
from pvprof.views.tables.spin import has_spins, spin_sentence, spin_table
from pvprof.views.tables.table import Table, TableOptions
from pvprof.views.tables.waits import (
    chains_table,
    objects_table,
    overlap_sentence,
    overlap_table,
    owners_table,
    stacks_table,
)
from pvprof.views.tables.wakers import waker_sentence

OF_SINGLES = ("overlap", "objects", "owners", "stacks")
"""Tables of single waits, to be asked for."""

DETAILS = ("wakers", "spin", *OF_SINGLES)
"""All that may be asked for: columns of wakers, then tables in the order in which they stand."""

NEEDS = {
    "wakers": (
        "no wake-ups of single waits were recorded",
        "pvprof record events --wakers records them",
    ),
    "spin": ("no spinning was recorded", "pvprof record locks, or lockstat(1), records it"),
    **dict.fromkeys(
        OF_SINGLES,
        ("no single waits were recorded", "pvprof record events records them; sums do not tell"),
    ),
}
"""For each table what is the matter where there is none, and what helps."""


def sentences(section: Section) -> list[str]:
    """Return what is said of a section below its summary."""
    said = (spin_sentence(section), overlap_sentence(section), waker_sentence(section))
    return [text for text in said if text]


def has_detail(section: Section, name: str) -> bool:
    """Tell whether a section has what one of `DETAILS` needs."""
    if name == "spin":
        return has_spins(section)
    return (section.wakers if name == "wakers" else section.singles) is not None


def detail_tables(section: Section, report: Report, options: TableOptions) -> list[Table]:
    """Return the tables that were asked for (`TableOptions.details`), without empty ones.

    Who ended waits stands in every whole report.
    """
    rows = section.rows[: options.top] if options.top else section.rows
    wakers = waker_table(section, report, options)
    made: list[Table] = [wakers] if wakers else []
    if "spin" in options.details and has_spins(section):
        made.append(spin_table(section, rows))
    singles = section.singles
    if singles is not None:
        if "overlap" in options.details:
            made.append(overlap_table(singles, rows, report))
        if "objects" in options.details:
            made.append(objects_table(singles, rows))
        if "owners" in options.details:
            made += [owners_table(singles, rows), chains_table(singles)]
        if "stacks" in options.details:
            made.append(stacks_table(singles, rows))
    return [table for table in made if table.rows]
