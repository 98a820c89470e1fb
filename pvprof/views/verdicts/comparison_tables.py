"""Two sides compared, as plain tables: locks, code, stacks, what was set aside.

Owns the details below the conclusion and the summary (``views.verdicts``), and the lines that name
the sides and the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pvprof.analysis.compare.code_changes import CallPath
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import (
    FUNCTION,
    KIND,
    LOCK,
    PATH_TIME,
    SAVED_TIME,
    RowChange,
)
from pvprof.dataset.sides import Side
from pvprof.model.stacks import show_controls
from pvprof.units import is_of_code, unit_words
from pvprof.views.tables.table import Column, Table
from pvprof.views.verdicts.conclusion import main_locks, mode_mark
from pvprof.views.verdicts.study_tables import POWER_LEGEND
from pvprof.views.verdicts.summary import (
    change_cells,
    correction_note,
    secondary_columns,
    secondary_names,
    shown_rows,
    side_columns,
)
from pvprof.views.verdicts.words import signed_value_text, value_text

MAX_FUNCTIONS = 15
MAX_CALLERS = 10
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


def conditions_line(changes: Comparison) -> str:
    """Return the common conditions of all runs: ``Workload: make -j8; 4 CPUs; 13.2-RELEASE``."""
    common = changes.conditions
    facts = [f"Workload: {common.workload}"] if common.workload else []
    facts += [f"{common.ncpu} CPU{'s' if common.ncpu > 1 else ''}"] if common.ncpu else []
    facts += [common.kernel] if common.kernel else []
    return show_controls("; ".join(facts))


def method(changes: Comparison) -> str:
    """Return the basis of the values, and the method of the verdicts."""
    options = changes.options
    holm = (
        ", Holm's correction over all classes, all locks, all functions" if options.has_holm else ""
    )
    whole = ["of a whole run each"] if options.basis.kind != "run" else []
    about = ", ".join([*whole, *(["not corrected"] if holm else [])])
    times = f" Run times: {about}." if about and changes.times else ""
    sums = (
        ", waits summed over all threads"
        if any(section.unit == "ns" for section in changes.sections)
        else ""
    )
    return (
        f"{options.basis.sentence}{sums}. Verdicts at {options.stats.confidence:g}% confidence "
        f"({options.stats.method.title}{holm}).{times}"
    )


def section_title(section: SectionChange) -> str:
    """Return the title of a section."""
    mode = f" ({section.mode})" if section.mode else ""
    return f"{section.words.measured}{mode}"


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
            shown = shown_rows(rows, top)
            heading = "Function" if is_of_code(section.unit) else "Lock or wait"
            further = len(rows) - len(shown)
            tables.append(_row_table((kind.title, heading), shown, changes, further))
    return tables


def caller_tables(changes: Comparison, section: SectionChange) -> list[Table]:
    """Return the callers that wait for each of `main_locks`, one table a lock."""
    tables = []
    for lock in main_locks(section):
        columns = (
            Column("Caller", is_name=True),
            *side_columns(changes),
            Column("Difference", True),
        )
        cells = [
            (
                one.name,
                value_text(one.base_mean, section.unit),
                value_text(one.new_mean, section.unit),
                signed_value_text(one.difference, section.unit),
            )
            for one in lock.callers
        ]
        further = len(cells) - MAX_CALLERS
        rest = _rest_row(further, columns) if further > 0 else ()
        title = show_controls(f"Callers that wait for {lock.name} (not judged)")
        tables.append(Table(title, columns, tuple(cells[:MAX_CALLERS]), rest=rest))
    return tables


def functions_table(
    changes: Comparison, section: SectionChange, max_rows: int = MAX_FUNCTIONS
) -> Table | None:
    """Return the functions whose inclusive value changed most, or None if there are none."""
    rows = [row for row in section.level(FUNCTION) if row.main.comparison]
    rows.sort(key=lambda row: (-abs(row.difference), row.name))
    if not rows:
        return None
    what = "Waits" if section.words == unit_words("ns") else section.words.measured
    title = f"{what} below a function (inclusive; functions with identical stacks merged)"
    return _row_table((title, "Function"), rows[:max_rows], changes, len(rows) - max_rows)


def critical_path_tables(changes: Comparison, section: SectionChange, top: int) -> list[Table]:
    """Return the tables of the critical path: the time of each cause, and what it would save.

    Args:
        changes: the whole comparison.
        section: the section to show; without recorded threads it has no rows.
        top: number of rows of each table; 0 for all. Rows that differ are shown in any case.
    """
    tables = []
    for level, title in (
        (PATH_TIME, "Critical path of the run"),
        (SAVED_TIME, "The end would be sooner by, if these waits took no time"),
    ):
        rows = [row for row in section.level(level) if row.main.comparison]
        if rows:
            shown = shown_rows(rows, top)
            further = len(rows) - len(shown)
            tables.append(_row_table((title, "Path spent on"), shown, changes, further))
    return tables


def path_tables(changes: Comparison, section: SectionChange) -> list[Table]:
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
            *(replace(column, rank=1) for column in side_columns(changes)),
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
    return f"Set aside (not judged): {'; '.join(texts)}" if texts else ""


def path_text(path: CallPath) -> str:
    """Return a stack, innermost frame first, without waiting machinery."""
    inner = path.shown[-_MAX_FRAMES:]
    more = _CALLED_BY + "…" if len(inner) < len(path.shown) else ""
    return show_controls(_CALLED_BY.join(reversed(inner)) + more)


def _row_table(
    words: tuple[str, str], shown: Sequence[RowChange], changes: Comparison, further: int
) -> Table:
    """Return the table of these rows; `further` are left out.

    Args:
        words: the title, and the heading of the rows' names.
        shown: the rows.
        changes: the whole comparison.
        further: the number of rows that are left out.
    """
    title, heading = words
    has_class = any(row.level == LOCK and row.lock_class for row in shown)
    has_primitive = any(row.identity_change for row in shown)
    secondary = secondary_names(shown)
    columns = [Column(heading, is_name=True)]
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
    note = correction_note([row.main.comparison for row in shown if row.main.comparison])
    rest = _rest_row(further, columns) if further > 0 else ()
    return Table(title, tuple(columns), tuple(cells), f"{note}." if note else "", rest)


def _rest_row(further: int, columns: Sequence[Column]) -> tuple[str, ...]:
    return (f"({further:,} more)", *[""] * (len(columns) - 1))


def _name(row: RowChange) -> str:
    return f"{row.name} (and {len(row.alike)} more)" if row.alike else row.name


def _primitive(row: RowChange) -> str:
    """Return the change of the kind of lock, or else the kind on both sides, if it is known."""
    known = {*row.base.primitives, *row.new.primitives}
    return row.identity_change or ", ".join(sorted(known)) or "-"


def power_legend(changes: Comparison) -> str:
    """Return the meaning of "80% power" if the conclusion has it; else nothing."""
    compared = [
        *changes.times,
        *(row.main.comparison for section in changes.sections for row in section.level(KIND)),
    ]
    return POWER_LEGEND if any(one and one.needed for one in compared) else ""
