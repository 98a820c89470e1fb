"""A report, a study or a comparison for a terminal, by rich: in colour, or as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from pvprof.model.problems import Problem, Severity
from pvprof.render.rendered import Rendered
from pvprof.render.text.console import plain_text
from pvprof.stats.study import StudySection
from pvprof.views.comparison import ComparisonView
from pvprof.views.report_view import ReportView
from pvprof.views.study import StudyView
from pvprof.views.tables import compare as comparison
from pvprof.views.tables import plot, verdicts
from pvprof.views.tables import stats as statistics
from pvprof.views.tables.details import detail_tables, sentences
from pvprof.views.tables.problems import problem_lines
from pvprof.views.tables.report import aside_table, heading, histogram_table, lock_tables, summary
from pvprof.views.tables.table import Table

_GAP = 3
_MAX_PLOT = 120
_MAX_NAME = 24
_STYLES: dict[Severity, str] = {"loss": "bold red", "warning": "yellow", "note": "dim"}


def render_report(view: ReportView) -> Rendered:
    """Return a report as plain text."""
    return plain_text(lambda console: draw_report(view, console))


def draw_report(view: ReportView, console: Console) -> None:
    """Draw a report on a console; columns that do not fit are left out and named."""
    report, options = view.report, view.options
    console.print(Text(heading(report), style="bold"))
    for label, text in report.provenance[1:]:
        console.print(Text(f"  {label}: {text}", style="dim"))
    _print_problems(report.problems, console)
    for section in report.sections:
        console.print()
        console.print(Text(summary(section, report), style="bold"))
        for line in sentences(section):
            console.print(Text(line))
        tables = lock_tables(section, report, options)
        for table in [*tables, *detail_tables(section, report, options)]:
            _print_table(table, console)
        aside = None if options.only_locks else aside_table(section)
        if aside:
            _print_table(aside, console)
    histograms = None if options.only_locks else histogram_table(report.histograms, options)
    if histograms:
        _print_table(histograms, console)


def render_study(view: StudyView) -> Rendered:
    """Return a study as plain text."""
    return plain_text(lambda console: draw_study(view, console))


def draw_study(view: StudyView, console: Console) -> None:
    """Draw a study on a console: for each metric a plot, the sets, and the differences."""
    study, has_plot = view.study, view.options.has_plot
    console.print(Text(statistics.heading(study), style="bold"))
    _print_problems(study.problems, console)
    is_drawn = False
    for section in study.sections:
        console.print()
        console.print(Text(statistics.section_title(section), style="bold cyan"))
        lines = _plot(section, console) if has_plot else []
        is_drawn = is_drawn or bool(lines)
        for line in lines:
            console.print(Text(line), no_wrap=True, crop=True)
        _print_table(_narrow(statistics.summary_table(section)), console)
        compared = statistics.comparison_table(section, study)
        if compared:
            _print_table(_narrow(compared), console)
        for line in statistics.remarks(section):
            console.print(Padding(Text(line, style="dim"), (0, 0, 0, 2)))
    legends = [plot.LEGEND] if is_drawn else []
    legends += [statistics.POWER_LEGEND] if statistics.has_power(study) else []
    if legends:
        console.print()
    for legend in legends:
        console.print(Text(legend, style="dim"))


def render_comparison(view: ComparisonView) -> Rendered:
    """Return a comparison as plain text."""
    return plain_text(lambda console: draw_comparison(view, console))


def draw_comparison(view: ComparisonView, console: Console) -> None:
    """Draw a comparison on a console: caveats, times, rows, code."""
    changes, top = view.comparison, view.options.top
    console.print(Text(comparison.heading(changes), style="bold"))
    console.print(Text(f"  {comparison.method(changes)}", style="dim"))
    _print_problems(changes.caveats, console)
    _print_problems(changes.problems, console)
    times = comparison.times_table(changes)
    if times:
        _print_table(times, console)
    for section in changes.sections:
        console.print()
        console.print(Text(comparison.section_title(section), style="bold"))
        tables = comparison.row_tables(changes, section, top)
        functions = comparison.functions_table(changes, section)
        tables += [functions] if functions else []
        for table in [*tables, *comparison.path_tables(section)]:
            _print_table(table, console)
        aside = comparison.aside_line(section)
        if aside:
            console.print()
            console.print(Text(aside, style="dim"))
    lines = verdicts.sentences(changes)
    lacking = verdicts.missing_line(changes)
    console.print()
    for line in [*lines, *([lacking] if lacking else [])]:
        console.print(Text(line))


def _plot(section: StudySection, console: Console) -> list[str]:
    drawn = plot.draw([row.series for row in section.rows], min(console.width, _MAX_PLOT))
    return ["", *drawn] if drawn else []


def _narrow(table: Table) -> Table:
    """Shorten long names of sets, paths mostly, so that the numbers have room."""
    rows = tuple((plot.shorten(row[0], _MAX_NAME), *row[1:]) for row in table.rows)
    return Table(table.title, table.columns, rows)


def _print_problems(problems: Sequence[Problem], console: Console) -> None:
    for line, problem in zip(problem_lines(problems), problems, strict=True):
        console.print(Text(f"  {line}", style=_STYLES[problem.severity]))


def _print_table(table: Table, console: Console) -> None:
    shown = fitting_columns(table, console.width)
    drawn = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, title_justify="left"
    )
    for index in shown:
        column = table.columns[index]
        drawn.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(Text(row[index]) for index in shown))
    console.print()
    if table.title:
        console.print(Text(table.title, style="bold cyan"))
    console.print(drawn)
    hidden = [c.name for i, c in enumerate(table.columns) if i not in shown]
    if hidden:
        console.print(Text(f"not shown at this width: {', '.join(hidden)}", style="dim"))
    if table.note:
        console.print(Text(table.note, style="dim"))


def fitting_columns(table: Table, width: int) -> Sequence[int]:
    """Return the indices of the columns that fit into `width` cells, those of rank 0 always."""
    needed = [
        max(cell_len(text) for text in (column.name, *(row[index] for row in table.rows)))
        for index, column in enumerate(table.columns)
    ]
    shown = list(range(len(table.columns)))
    while sum(needed[index] + _GAP for index in shown) - _GAP > width:
        droppable = [index for index in shown if table.columns[index].rank]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda index: (table.columns[index].rank, index)))
    return shown
