"""Two sides compared, as plain tables: what terminal and Markdown renderers share.

Owns the wording, ``verdicts`` that of the sentences. A value is said to take more or less, never to
be faster or slower: how long a thread waits for a lock depends on how often it comes there, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pvprof.analysis.compare.code_changes import CallPath
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import CLASS, FUNCTION, KIND, LOCK, Measured, RowChange
from pvprof.dataset.sides import Side
from pvprof.model.stacks import show_controls
from pvprof.stats.comparison import SeriesComparison, Verdict
from pvprof.units import MEASURED, Unit, format_ns
from pvprof.views.tables.stats import verdict
from pvprof.views.tables.table import Column, Table

MOST_FUNCTIONS = 15
MOST_TOWERS = 10
MOST_LINE_TOWERS = 3
_CALLED_BY = " ← "
_MOST_FRAMES = 4
_PRESENCE = {"appeared": "appeared", "vanished": "vanished"}
_SECONDARY = {"block": "Block", "spin": "Spin", "count": "Count", "mean": "Mean", "p99": "p99"}
_RANKS = {"block": 6, "spin": 5, "count": 3, "mean": 4, "p99": 4}


def heading(changes: Comparison) -> str:
    """Return the first line: what is compared with what."""
    sides = [f"{side.name} ({_runs(side)})" for side in (changes.base, changes.new)]
    return show_controls(f"pvprof compare: {sides[0]} → {sides[1]}")


def _runs(side: Side) -> str:
    return f"{len(side.runs)} run{'s' if len(side.runs) > 1 else ''}"


def method(changes: Comparison) -> str:
    """Return per what values are, and how verdicts are made."""
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
    """Return what a section is of."""
    mode = f" ({section.mode})" if section.mode else ""
    return f"{MEASURED[section.unit]}{mode}"


def times_table(changes: Comparison) -> Table | None:
    """Return the table of run times, or None where there are none on both sides."""
    if not changes.times:
        return None
    rows = [
        (
            f"{one.metric.name} [{one.metric.unit}]",
            f"{one.base.mean:.6g}",
            f"{one.new.mean:.6g}",
            change(one),
            probability_text(one.estimate.p if one.estimate else None),
            verdict(one),
        )
        for one in changes.times
    ]
    columns = (
        Column("Time"),
        Column("Base", True),
        Column("New", True),
        Column("Change", True),
        Column("p", True, rank=2),
        Column("Verdict"),
    )
    condition = {one.metric.condition for one in changes.times}
    title = f"Run times ({', '.join(sorted(condition))})" if "" not in condition else "Run times"
    return Table(title, columns, tuple(rows))


def row_tables(changes: Comparison, section: SectionChange, top: int) -> list[Table]:
    """Return the tables of kinds, of classes, and of the locks of each kind.

    Args:
        changes: all of the comparison.
        section: of which.
        top: how many rows of each table; 0 for all. What differs is shown in any case.
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
    """Return the functions whose inclusive value changed most, or None where there are none."""
    rows = [row for row in section.level(FUNCTION) if row.main.comparison]
    rows.sort(key=lambda row: (-abs(_difference(row.main)), row.name))
    if not rows:
        return None
    title = "Code, with all that it called (functions in the very same stacks together)"
    return _row_table(title, rows[:MOST_FUNCTIONS], section, changes, 0)


def tower_tables(section: SectionChange) -> list[Table]:
    """Return the towers that changed most, that appeared, that vanished."""
    towers = section.paths
    tables = []
    for title, some, count in (
        ("Stacks that changed most (not judged)", towers.changed, 0),
        ("Stacks that appeared", towers.appeared, towers.appeared_count),
        ("Stacks that vanished", towers.vanished, towers.vanished_count),
    ):
        shown = some[:MOST_TOWERS]
        if not shown:
            continue
        more = f" ({count:,}, the largest)" if count > len(shown) else ""
        rows = [
            (
                path_text(one),
                format_mean(one.base_mean, section.unit),
                format_mean(one.new_mean, section.unit),
                _signed(one.difference, section.unit),
            )
            for one in shown
        ]
        columns = (
            Column("Stack: innermost ← its callers"),
            Column("Base", True, rank=1),
            Column("New", True, rank=1),
            Column("Difference", True),
        )
        tables.append(Table(title + more, columns, tuple(rows)))
    return tables


def one_table(changes: Comparison, top: int) -> Table:
    """Return everything that has a verdict in one table: times, kinds, classes, locks."""
    columns = (
        Column("What"),
        Column(changes.base.name, True),
        Column(changes.new.name, True),
        Column("Change", True),
        Column("p", True),
        Column("Verdict"),
    )
    rows = []
    for one in changes.times:
        values = f"{one.base.mean:.6g} s", f"{one.new.mean:.6g} s"
        p = probability_text(p_of(one))
        rows.append((one.metric.name, *values, change(one), p, verdict(one)))
    for section in changes.sections:
        for level, prefix in ((KIND, ""), (CLASS, "class: "), (LOCK, "lock: ")):
            every = _telling(section, level)
            for row in shown_rows(every, top):
                found = row.main.comparison
                assert found is not None  # a wait is 0 where a run has none
                values = (
                    format_mean(found.base.mean, section.unit),
                    format_mean(found.new.mean, section.unit),
                )
                what = _PRESENCE.get(row.presence) or change(found)
                name = prefix + row_name(row, changes) + _mode_mark(section, changes)
                p = probability_text(p_of(found))
                rows.append((name, *values, what, p, verdict(found)))
            rest = len(every) - len(shown_rows(every, top))
            if rest:
                rows.append((f"({rest:,} more)", "", "", "", "", ""))
    return Table("", columns, tuple(rows))


def tower_lines(changes: Comparison) -> list[str]:
    """Return a line each of the stacks that appeared, that vanished, and that changed most."""
    lines = []
    for section in changes.sections:
        towers = section.paths
        for title, some in (
            ("Changed most", towers.changed),
            ("Appeared", towers.appeared),
            ("Vanished", towers.vanished),
        ):
            told = [
                f"{path_text(one)} ({_signed(one.difference, section.unit)})"
                for one in some[:MOST_LINE_TOWERS]
            ]
            if told:
                lines.append(f"{title}{_mode_mark(section, changes)}: {'; '.join(told)}")
    return lines


def aside_lines(changes: Comparison) -> list[str]:
    """Return what was set aside, a line for each section that set anything aside."""
    return [line for section in changes.sections if (line := aside_line(section))]


def _mode_mark(section: SectionChange, changes: Comparison) -> str:
    return f" [{section.mode}]" if len(changes.sections) > 1 and section.mode else ""


def aside_line(section: SectionChange) -> str:
    """Return what the filters removed on both sides, in one line, or an empty text."""
    texts = [
        f"{one.title} {format_mean(one.base_mean, section.unit)} → "
        f"{format_mean(one.new_mean, section.unit)}"
        for one in section.aside
    ]
    return f"Set aside: {'; '.join(texts)}" if texts else ""


def path_text(tower: CallPath) -> str:
    """Return a tower from the innermost frame on, machinery left out."""
    inner = tower.shown[-_MOST_FRAMES:]
    more = _CALLED_BY + "…" if len(inner) < len(tower.shown) else ""
    return show_controls(_CALLED_BY.join(reversed(inner)) + more)


def row_name(row: RowChange, changes: Comparison) -> str:
    """Return what a row is called in a table."""
    if row.level == KIND:
        return next(kind.title for kind in changes.kinds if kind.id == row.kind)
    if row.level == FUNCTION and row.alike:
        return f"{row.name} (and {len(row.alike)} more)"
    return row.name


def change(one: SeriesComparison) -> str:
    """Return the difference in percent of the base with its interval."""
    if one.percent is None:
        return "-" if not one.difference else "from 0"
    text = percent_text(one.percent, signed=True)
    interval = one.percent_interval
    if interval is None:
        return text
    low, high = interval
    if abs((high - one.percent) - (one.percent - low)) <= 1e-6 * (high - low):
        return f"{text} ± {percent_text((high - low) / 2)}"
    return f"{text} ({percent_text(low, signed=True)} to {percent_text(high, signed=True)})"


def format_mean(value: float, unit: Unit | str) -> str:
    """Return a mean for people; unlike a sum it may be a fraction."""
    if unit == "ns":
        return "<1 ns" if 0 < value < 0.5 else format_ns(round(value))
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def shown_rows(rows: Sequence[RowChange], top: int) -> list[RowChange]:
    """Return the first `top` rows (0: all) and further ones that differ."""
    return [
        row
        for place, row in enumerate(rows)
        if not top
        or place < top
        or (row.main.comparison is not None and row.main.comparison.is_different)
    ]


def _row_table(
    title: str, rows: Sequence[RowChange], section: SectionChange, changes: Comparison, top: int
) -> Table:
    shown = shown_rows(rows, top)
    has_class = any(row.level == LOCK and row.lock_class for row in shown)
    names = {one.name for row in shown for one in row.measures[1:]}
    secondary = [name for name in _SECONDARY if name in names]
    what = {KIND: "Kind", CLASS: "Class", FUNCTION: "Function"}.get(rows[0].level, "Lock or wait")
    columns = [Column(what)]
    columns += [Column("Class", rank=7)] if has_class else []
    columns += [Column("Base", True), Column("New", True), Column("Change", True)]
    columns += [Column("p", True, rank=2), Column("Verdict")]
    columns += [Column(_SECONDARY[name], True, rank=_RANKS[name]) for name in secondary]
    cells = []
    for row in shown:
        one = row.main.comparison
        assert one is not None  # a wait is 0 where a run has none
        values = [row_name(row, changes)]
        values += [row.lock_class] if has_class else []
        values += [
            format_mean(one.base.mean, section.unit),
            format_mean(one.new.mean, section.unit),
        ]
        values += [_PRESENCE.get(row.presence) or change(one)]
        values += [probability_text(p_of(one)), verdict(one)]
        found = {measured.name: measured for measured in row.measures}
        values += [_secondary(found.get(name)) for name in secondary]
        cells.append(tuple(values))
    if len(shown) < len(rows):
        rest = f"({len(rows) - len(shown):,} more)"
        cells.append((rest, *[""] * (len(columns) - 1)))
    return Table(title, tuple(columns), tuple(cells))


def _secondary(measured: Measured | None) -> str:
    """Return the change of a further measure; ``~`` where none is proven."""
    one = measured.comparison if measured else None
    if one is None or one.percent is None:
        return "-"
    mark = {Verdict.LESS: " less", Verdict.MORE: " more", Verdict.UNPROVEN: " ~"}
    return percent_text(one.percent, signed=True) + mark.get(one.verdict, "")


def judged(changes: Comparison) -> Iterable[tuple[str, SeriesComparison, RowChange | None]]:
    """Yield what has a verdict: times, kinds, classes, locks."""
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
    """Return the rows of a level without the classes of which there is one lock only."""
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
    """Return a percentage for people."""
    sign = "+" if signed else ""
    if abs(value) >= 1000:
        return f"{value:{sign},.0f}%"
    return f"{value:{sign}.1f}%" if abs(value) >= 0.05 or not value else f"{value:{sign}.1g}%"


def p_of(one: SeriesComparison) -> float | None:
    """Return the p value that a verdict rests on, corrected where it is."""
    if one.p_adjusted is not None:
        return one.p_adjusted
    return one.estimate.p if one.estimate else None


def probability_text(value: float | None) -> str:
    """Return a p value for people."""
    if value is None:
        return "-"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
