"""What a report has beside its lock tables: sentences always, further tables on request."""

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

OF_SINGLE_WAITS = ("overlap", "objects", "owners", "stacks")
"""Tables of single waits, shown on request."""

DETAILS = ("wakers", "spin", *OF_SINGLE_WAITS)
"""All that can be requested: columns of wakers, then tables in the order of a report."""

NEEDS = {
    "wakers": (
        "no wake-ups of single waits were recorded",
        "pvprof record events --wakers records them",
    ),
    "spin": ("no spinning was recorded", "pvprof record locks, or lockstat(1), records it"),
    **dict.fromkeys(
        OF_SINGLE_WAITS,
        ("no single waits were recorded", "pvprof record events records them; sums do not tell"),
    ),
}
"""For each of `DETAILS`: the error if the recording cannot give it, and a hint."""


def sentences(section: Section) -> list[str]:
    """Return the sentences below the summary of a section."""
    texts = (spin_sentence(section), overlap_sentence(section), waker_sentence(section))
    return [text for text in texts if text]


def has_detail(section: Section, name: str) -> bool:
    """Tell whether a section has what one of `DETAILS` needs."""
    if name == "spin":
        return has_spins(section)
    return (section.wakers if name == "wakers" else section.single_waits) is not None


def detail_tables(section: Section, report: Report, options: TableOptions) -> list[Table]:
    """Return the tables that were requested (`TableOptions.details`), without empty ones.

    The table of wakers is in every whole report.
    """
    rows = section.rows[: options.top] if options.top else section.rows
    wakers = waker_table(section, report, options)
    tables: list[Table] = [wakers] if wakers else []
    if "spin" in options.details and has_spins(section):
        tables.append(spin_table(section, rows))
    single_waits = section.single_waits
    if single_waits is not None:
        if "overlap" in options.details:
            tables.append(overlap_table(single_waits, rows, report))
        if "objects" in options.details:
            tables.append(objects_table(single_waits, rows))
        if "owners" in options.details:
            tables += [owners_table(single_waits, rows), chains_table(single_waits)]
        if "stacks" in options.details:
            tables.append(stacks_table(single_waits, rows))
    return [table for table in tables if table.rows]
