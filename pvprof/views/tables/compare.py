"""Two sides compared, as plain tables for the terminal and Markdown renderers.

Owns the wording of tables; ``verdicts`` owns that of sentences. A value takes more or less; it is
never faster or slower: the time a thread waits for a lock also depends on how often it needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pvprof.analysis.compare.code_changes import CallPath
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import CLASS, FUNCTION, KIND, LOCK, Measured, RowChange
from pvprof.dataset.sides import Side
from pvprof.model.stacks import show_controls
from pvprof.stats.comparison import SeriesComparison, Verdict
from pvprof.units import UNIT_WORDS, Unit, format_ns
from pvprof.views.tables.stats import probability_text, verdict
from pvprof.views.tables.table import Column, Table

MAX_FUNCTIONS = 15
MAX_PATHS = 10
MAX_LINE_PATHS = 3
_CALLED_BY = " ← "
_MAX_FRAMES = 4
_ONE_SIDED = ("appeared", "vanished")
_SECONDARY = {"block": "Block", "spin": "Spin", "count": "Count", "mean": "Mean", "p99": "p99"}
_RANKS = {"block": 6, "spin": 5, "count": 3, "mean": 4, "p99": 4}


def heading(changes: Comparison) -> str:
    """Return the first line: the two sides."""
    sides = [f"{side.name} ({_runs(side)})" for side in (changes.base, changes.new)]
    return show_controls(f"pvprof compare: {sides[0]} → {sides[1]}")


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


def times_table(changes: Comparison) -> Table | None:
    """Return the table of run times, or None unless both sides have some."""
    if not changes.times:
        return None
    rows = [
        (
            f"{time.metric.name} [{time.metric.unit}]",
            f"{time.base.mean:.6g}",
            f"{time.new.mean:.6g}",
            change(time),
            probability_text(time.estimate.p if time.estimate else None),
            verdict(time),
        )
        for time in changes.times
    ]
    columns = (
        Column("Time"),
        Column("Base", True),
        Column("New", True),
        Column("Change", True),
        Column("p", True, rank=2),
        Column("Verdict"),
    )
    condition = {time.metric.condition for time in changes.times}
    title = f"Run times ({', '.join(sorted(condition))})" if "" not in condition else "Run times"
    return Table(title, columns, tuple(rows))


def row_tables(changes: Comparison, section: SectionChange, top: int) -> list[Table]:
    """Return the tables of kinds, of classes, and of the locks of each kind.

    Args:
        changes: the whole comparison.
        section: the section to show.
        top: number of rows of each table; 0 for all. Rows that differ are shown in any case.
    """
    kinds = section.level(KIND)
    tables = [_row_table("All waits, by kind", kinds, section, changes, top)] if kinds else []
    classes = section.level(CLASS)
    if classes:
        tables.append(_row_table("Lock classes", classes, section, changes, top))
    for kind in changes.kinds:
        rows = [row for row in section.level(LOCK) if row.kind == kind.id]
        if rows:
            tables.append(_row_table(kind.title, rows, section, changes, top))
    return tables


def functions_table(changes: Comparison, section: SectionChange) -> Table | None:
    """Return the functions whose inclusive value changed most, or None if there are none."""
    rows = [row for row in section.level(FUNCTION) if row.main.comparison]
    rows.sort(key=lambda row: (-abs(_difference(row.main)), row.name))
    if not rows:
        return None
    title = "Code, with all that it called (functions in the very same stacks together)"
    return _row_table(title, rows[:MAX_FUNCTIONS], section, changes, 0)


def path_tables(section: SectionChange) -> list[Table]:
    """Return the stacks that changed most, that appeared, that vanished."""
    changed = section.paths
    tables = []
    for title, paths, count in (
        ("Stacks that changed most (not judged)", changed.changed, 0),
        ("Stacks that appeared", changed.appeared, changed.appeared_count),
        ("Stacks that vanished", changed.vanished, changed.vanished_count),
    ):
        shown = paths[:MAX_PATHS]
        if not shown:
            continue
        more = f" ({count:,}, the largest)" if count > len(shown) else ""
        rows = [
            (
                path_text(path),
                format_mean(path.base_mean, section.unit),
                format_mean(path.new_mean, section.unit),
                _signed(path.difference, section.unit),
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


def verdict_table(changes: Comparison, top: int) -> Table:
    """Return one table of everything that has a verdict: times, kinds, classes, locks."""
    columns = (
        Column("What"),
        Column(changes.base.name, True),
        Column(changes.new.name, True),
        Column("Change", True),
        Column("p", True),
        Column("Verdict"),
    )
    rows = []
    for time in changes.times:
        values = f"{time.base.mean:.6g} s", f"{time.new.mean:.6g} s"
        p = probability_text(p_of(time))
        rows.append((time.metric.name, *values, change(time), p, verdict(time)))
    for section in changes.sections:
        for level, prefix in ((KIND, ""), (CLASS, "class: "), (LOCK, "lock: ")):
            level_rows = _telling(section, level)
            for row in shown_rows(level_rows, top):
                comparison = row.main.comparison
                assert comparison is not None  # a run without the wait counts as 0
                values = (
                    format_mean(comparison.base.mean, section.unit),
                    format_mean(comparison.new.mean, section.unit),
                )
                change_text = _change_of(row, comparison)
                name = prefix + row_name(row, changes) + _mode_mark(section, changes)
                p = probability_text(p_of(comparison))
                rows.append((name, *values, change_text, p, verdict(comparison)))
            rest = len(level_rows) - len(shown_rows(level_rows, top))
            if rest:
                rows.append((f"({rest:,} more)", "", "", "", "", ""))
    return Table("", columns, tuple(rows))


def path_lines(changes: Comparison) -> list[str]:
    """Return a line each for the stacks that changed most, that appeared, that vanished."""
    lines = []
    for section in changes.sections:
        changed = section.paths
        for title, paths in (
            ("Changed most", changed.changed),
            ("Appeared", changed.appeared),
            ("Vanished", changed.vanished),
        ):
            texts = [
                f"{path_text(path)} ({_signed(path.difference, section.unit)})"
                for path in paths[:MAX_LINE_PATHS]
            ]
            if texts:
                lines.append(f"{title}{_mode_mark(section, changes)}: {'; '.join(texts)}")
    return lines


def aside_lines(changes: Comparison) -> list[str]:
    """Return a line for each section that set anything aside."""
    return [line for section in changes.sections if (line := aside_line(section))]


def _mode_mark(section: SectionChange, changes: Comparison) -> str:
    return f" [{section.mode}]" if len(changes.sections) > 1 and section.mode else ""


def aside_line(section: SectionChange) -> str:
    """Return one line with what the filters removed on both sides; empty if nothing."""
    texts = [
        f"{aside.title} {format_mean(aside.base_mean, section.unit)} → "
        f"{format_mean(aside.new_mean, section.unit)}"
        for aside in section.aside
    ]
    return f"Set aside: {'; '.join(texts)}" if texts else ""


def path_text(path: CallPath) -> str:
    """Return a stack, innermost frame first, without waiting machinery."""
    inner = path.shown[-_MAX_FRAMES:]
    more = _CALLED_BY + "…" if len(inner) < len(path.shown) else ""
    return show_controls(_CALLED_BY.join(reversed(inner)) + more)


def row_name(row: RowChange, changes: Comparison) -> str:
    """Return the name of a row in a table."""
    if row.level == KIND:
        return next(kind.title for kind in changes.kinds if kind.id == row.kind)
    if row.level == FUNCTION and row.alike:
        return f"{row.name} (and {len(row.alike)} more)"
    return f"{row.name} ({row.identity_change})" if row.identity_change else row.name


def change(comparison: SeriesComparison) -> str:
    """Return the difference in percent of the base, with its interval."""
    if comparison.percent is None:
        return "-" if not comparison.difference else "from 0"
    text = percent_text(comparison.percent, signed=True)
    interval = comparison.percent_interval
    if interval is None:
        return text
    low, high = interval
    if abs((high - comparison.percent) - (comparison.percent - low)) <= 1e-6 * (high - low):
        return f"{text} ± {percent_text((high - low) / 2)}"
    return f"{text} ({percent_text(low, signed=True)} to {percent_text(high, signed=True)})"


def format_mean(value: float, unit: Unit | str) -> str:
    """Return a mean as text; unlike a sum it may be a fraction."""
    if unit == "ns":
        return "<1 ns" if 0 < value < 0.5 else format_ns(round(value))
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def shown_rows(rows: Sequence[RowChange], top: int) -> list[RowChange]:
    """Return the first `top` rows (0: all) and further ones that differ."""
    return [
        row
        for index, row in enumerate(rows)
        if not top
        or index < top
        or (row.main.comparison is not None and row.main.comparison.is_different)
    ]


def _row_table(
    title: str, rows: Sequence[RowChange], section: SectionChange, changes: Comparison, top: int
) -> Table:
    shown = shown_rows(rows, top)
    has_class = any(row.level == LOCK and row.lock_class for row in shown)
    names = {measured.name for row in shown for measured in row.measures[1:]}
    secondary = [name for name in _SECONDARY if name in names]
    heading = {KIND: "Kind", CLASS: "Class", FUNCTION: "Function"}
    is_name = rows[0].level in (LOCK, FUNCTION)
    columns = [Column(heading.get(rows[0].level, "Lock or wait"), is_name=is_name)]
    columns += [Column("Class", rank=7)] if has_class else []
    columns += [Column("Base", True), Column("New", True), Column("Change", True)]
    columns += [Column("p", True, rank=2), Column("Verdict")]
    columns += [Column(_SECONDARY[name], True, rank=_RANKS[name]) for name in secondary]
    cells = []
    for row in shown:
        comparison = row.main.comparison
        assert comparison is not None  # a run without the wait counts as 0
        values = [row_name(row, changes)]
        values += [row.lock_class] if has_class else []
        values += [
            format_mean(comparison.base.mean, section.unit),
            format_mean(comparison.new.mean, section.unit),
        ]
        values += [_change_of(row, comparison)]
        values += [probability_text(p_of(comparison)), verdict(comparison)]
        measures = {measured.name: measured for measured in row.measures}
        values += [_secondary(measures.get(name)) for name in secondary]
        cells.append(tuple(values))
    further = len(rows) - len(shown)
    rest = (f"({further:,} more)", *[""] * (len(columns) - 1)) if further else ()
    return Table(title, tuple(columns), tuple(cells), rest=rest)


def _change_of(row: RowChange, comparison: SeriesComparison) -> str:
    """Return the change of a row: in percent, or that only one side has it."""
    return row.presence if row.presence in _ONE_SIDED else change(comparison)


def _secondary(measured: Measured | None) -> str:
    """Return the change of a further measure; ``~`` if none is proven."""
    comparison = measured.comparison if measured else None
    if comparison is None or comparison.percent is None:
        return "-"
    mark = {Verdict.LESS: " less", Verdict.MORE: " more", Verdict.UNPROVEN: " ~"}
    return percent_text(comparison.percent, signed=True) + mark.get(comparison.verdict, "")


def judged(changes: Comparison) -> Iterable[tuple[str, SeriesComparison, RowChange | None]]:
    """Yield (name, comparison, row or None) of all with a verdict: times, kinds, classes, locks."""
    for time in changes.times:
        yield time.metric.name, time, None
    for section in changes.sections:
        mode = _mode_mark(section, changes)
        for level in (KIND, CLASS, LOCK):
            for row in _telling(section, level):
                if row.main.comparison:
                    prefix = "class " if level == CLASS else ""
                    yield f"{prefix}{row_name(row, changes)}{mode}", row.main.comparison, row


def _telling(section: SectionChange, level: str) -> list[RowChange]:
    """Return the rows of a level, without classes that have only one lock."""
    locks = [(row.kind, row.lock_class) for row in section.level(LOCK)]
    return [
        row
        for row in section.level(level)
        if level != CLASS or locks.count((row.kind, row.lock_class)) > 1
    ]


def _difference(measured: Measured) -> float:
    return measured.comparison.difference if measured.comparison else 0.0


def _signed(value: float, unit: Unit) -> str:
    sign = "+" if value > 0 else "-" if value < 0 else ""
    return sign + format_mean(abs(value), unit)


def percent_text(value: float, *, signed: bool = False) -> str:
    """Return a percentage as text."""
    sign = "+" if signed else ""
    if abs(value) >= 1000:
        return f"{value:{sign},.0f}%"
    return f"{value:{sign}.1f}%" if abs(value) >= 0.05 or not value else f"{value:{sign}.1g}%"


def p_of(comparison: SeriesComparison) -> float | None:
    """Return the p value of a verdict: the corrected one, if there is one."""
    if comparison.p_adjusted is not None:
        return comparison.p_adjusted
    return comparison.estimate.p if comparison.estimate else None
