"""Two sides compared, as plain tables: locks, code, stacks, what was set aside.

Owns the details below the conclusion and the summary (``views.verdicts``), and the lines that name
the sides and the method.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.analysis.compare.code_changes import CallPath
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import FUNCTION, KIND, LOCK, RowChange
from pvprof.dataset.sides import Side
from pvprof.model.stacks import show_controls
from pvprof.units import UNIT_WORDS
from pvprof.views.tables.table import Column, Table
from pvprof.views.verdicts.conclusion import mode_mark
from pvprof.views.verdicts.study_tables import POWER_LEGEND
from pvprof.views.verdicts.summary import (
    change_cells,
    secondary_columns,
    secondary_names,
    shown_rows,
    side_columns,
)
from pvprof.views.verdicts.words import signed_value_text, value_text

MAX_FUNCTIONS = 15
MAX_PATHS = 10
MAX_LINE_PATHS = 3
_CALLED_BY = " ← "
_MAX_FRAMES = 4


def heading(changes: Comparison) -> str:
    """Return the first line: the two sides."""
    sides = [f"{side.name} ({_runs(side)})" for side in (changes.base, changes.new)]
    return show_controls(f"pvprof compare: {sides[0]} -> {sides[1]}")


def _runs(side: Side) -> str:
    return f"{len(side.runs)} run{'s' if len(side.runs) > 1 else ''}"


def method(changes: Comparison) -> str:
    """Return the basis of the values, and the method of the verdicts."""
    options = changes.options
    holm = (
        ", Holm's correction over all classes, all locks, all functions" if options.has_holm else ""
    )
    whole = ["of a whole run each"] if options.basis.kind != "run" else []
    about = ", ".join([*whole, *(["not corrected"] if holm else [])])
    times = f" Run times: {about}." if about and changes.times else ""
    return (
        f"{options.basis.sentence}. Verdicts at {options.stats.confidence:g} % confidence "
        f"({options.stats.method.title}{holm}).{times}"
    )


def section_title(section: SectionChange) -> str:
    """Return the title of a section."""
    mode = f" ({section.mode})" if section.mode else ""
    return f"{UNIT_WORDS[section.unit].measured}{mode}"


def lock_tables(changes: Comparison, section: SectionChange, top: int) -> list[Table]:
    """Return the tables of the locks of each kind.

    Args:
        changes: the whole comparison.
        section: the section to show.
        top: number of rows of each table; 0 for all. Rows that differ are shown in any case.
    """
    tables = []
    for kind in changes.kinds:
        rows = [row for row in section.level(LOCK) if row.kind == kind.id]
        if rows:
            tables.append(_row_table(kind.title, rows, changes, top))
    return tables


def functions_table(changes: Comparison, section: SectionChange) -> Table | None:
    """Return the functions whose inclusive value changed most, or None if there are none."""
    rows = [row for row in section.level(FUNCTION) if row.main.comparison]
    rows.sort(key=lambda row: (-abs(_difference(row)), row.name))
    if not rows:
        return None
    title = "Code, with all that it called (functions in the very same stacks together)"
    return _row_table(title, rows[:MAX_FUNCTIONS], changes, 0)


def path_tables(section: SectionChange) -> list[Table]:
    """Return the stacks that changed most, that appeared, that vanished."""
    changed = section.paths
    tables = []
    for title, paths, count in (
        ("Stacks that changed most (not judged)", changed.changed, 0),
        ("Stacks that appeared (not judged)", changed.appeared, changed.appeared_count),
        ("Stacks that vanished (not judged)", changed.vanished, changed.vanished_count),
    ):
        shown = paths[:MAX_PATHS]
        if not shown:
            continue
        more = f" ({count:,}, the largest)" if count > len(shown) else ""
        rows = [
            (
                path_text(path),
                value_text(path.base_mean, section.unit),
                value_text(path.new_mean, section.unit),
                signed_value_text(path.difference, section.unit),
            )
            for path in shown
        ]
        columns = (
            Column("Stack: innermost ← its callers"),
            Column("Base", True, rank=1),
            Column("New", True, rank=1),
            Column("Difference", True),
        )
        tables.append(Table(title + more, columns, tuple(rows)))
    return tables


def path_lines(changes: Comparison) -> list[str]:
    """Return a line each for the stacks that changed most, that appeared, that vanished."""
    lines = []
    for section in changes.sections:
        changed = section.paths
        for title, paths in (
            ("Stacks that changed most", changed.changed),
            ("Stacks that appeared", changed.appeared),
            ("Stacks that vanished", changed.vanished),
        ):
            texts = [
                f"{path_text(path)} ({signed_value_text(path.difference, section.unit)})"
                for path in paths[:MAX_LINE_PATHS]
            ]
            if texts:
                lines.append(f"{title}{mode_mark(section, changes)}: {'; '.join(texts)}")
    return lines


def aside_line(section: SectionChange) -> str:
    """Return one line with what the filters removed on both sides; empty if nothing."""
    texts = [
        f"{aside.title} {value_text(aside.base_mean, section.unit)} -> "
        f"{value_text(aside.new_mean, section.unit)}"
        for aside in section.aside
    ]
    return f"Set aside: {'; '.join(texts)}" if texts else ""


def path_text(path: CallPath) -> str:
    """Return a stack, innermost frame first, without waiting machinery."""
    inner = path.shown[-_MAX_FRAMES:]
    more = _CALLED_BY + "…" if len(inner) < len(path.shown) else ""
    return show_controls(_CALLED_BY.join(reversed(inner)) + more)


def _row_table(title: str, rows: Sequence[RowChange], changes: Comparison, top: int) -> Table:
    shown = shown_rows(rows, top)
    has_class = any(row.level == LOCK and row.lock_class for row in shown)
    has_primitive = any(row.identity_change for row in shown)
    secondary = secondary_names(shown)
    is_lock = rows[0].level == LOCK
    columns = [Column("Lock or wait" if is_lock else "Function", is_name=True)]
    columns += [Column("Primitive", rank=1)] if has_primitive else []
    columns += [Column("Class", rank=7)] if has_class else []
    columns += [*side_columns(changes), Column("Change", True), Column("Verdict")]
    columns += [Column("p", True, rank=2), *secondary_columns(secondary)]
    cells = []
    for row in shown:
        comparison = row.main.comparison
        assert comparison is not None  # a run without the wait counts as 0
        values = [_name(row)]
        values += [_primitive(row)] if has_primitive else []
        values += [row.lock_class] if has_class else []
        cells.append((*values, *change_cells(row, comparison, secondary)))
    further = len(rows) - len(shown)
    rest = (f"({further:,} more)", *[""] * (len(columns) - 1)) if further else ()
    return Table(title, tuple(columns), tuple(cells), rest=rest)


def _name(row: RowChange) -> str:
    return f"{row.name} (and {len(row.alike)} more)" if row.alike else row.name


def _primitive(row: RowChange) -> str:
    """Return the change of the kind of lock, or else the kind on both sides, if it is known."""
    known = {*row.base.primitives, *row.new.primitives}
    return row.identity_change or ", ".join(sorted(known)) or "-"


def power_legend(changes: Comparison) -> str:
    """Return the meaning of "N runs show X %" if the conclusion has it; else nothing."""
    compared = [
        *changes.times,
        *(row.main.comparison for section in changes.sections for row in section.level(KIND)),
    ]
    return POWER_LEGEND if any(one and one.needed for one in compared) else ""


def _difference(row: RowChange) -> float:
    return row.main.comparison.difference if row.main.comparison else 0.0
