"""pvprof: off-CPU and lock profiling for FreeBSD kernel developers.

The functions here are the public interface for Python; `docs/architecture.md` draws the package on
one page. From a checkout:

>>> import pvprof
>>> data = pvprof.open_recordings("tests/fixtures/freebsd-13.2/stock-offcpu.out")
>>> data.dataset.names
('stock-offcpu',)

Tables are pandas DataFrames, with the columns of the CSV and Parquet files that the command line
writes. The lock table has one row for each lock and wait message:

>>> table = pvprof.lock_table(data)
>>> table[["name", "class", "value", "count"]].head(2).to_dict("split")["data"]
[['vmpfw', 'vm page busy', 560018624, 60], ['vm object', 'vm object', 456287974, 19]]

`stack_table` has one row for each stack, and `wait_table` one for each single wait:

>>> stacks = pvprof.stack_table(data)
>>> int(stacks["value"].sum()) == int(table["value"].sum())
True
>>> waits = pvprof.wait_table(pvprof.open_recordings("tests/fixtures/freebsd-13.2/events.out.gz"))
>>> waits.groupby("name", observed=True)["wait_ns"].max().nlargest(1).to_dict()
{'vmpfw': 86198560}

Folded stacks and a flame graph of what the filters keep:

>>> sum(pvprof.folded_stacks(data).values()) == int(table["value"].sum())
True
>>> pvprof.flame_graph(data, title="stock").startswith("<?xml")
True

Two sides compared; with at least three runs a side there are verdicts:

>>> before = ["tests/fixtures/freebsd-13.2/stock-offcpu.out"]
>>> after = ["tests/fixtures/freebsd-13.2/sdt-offcpu.out"]
>>> comparison = pvprof.compare(before, after)
>>> pvprof.comparison_table(comparison).query("level == 'kind'")["verdict"].unique().tolist()
['no verdict']

Importing pvprof imports nothing else: each function imports what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from pvprof.analysis.compare.compare import Comparison
    from pvprof.classify.classified import Classified
    from pvprof.classify.filters import Filters
    from pvprof.parse.read import ReadOptions
    from pvprof.render.registry import Subject

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "compare",
    "comparison_table",
    "flame_graph",
    "folded_stacks",
    "heat_map",
    "html_page",
    "lock_table",
    "open_recordings",
    "stack_table",
    "wait_table",
]

Path = str | os.PathLike[str]


def open_recordings(
    *paths: Path,
    filters: Filters | None = None,
    rules_file: Path | None = None,
    read: ReadOptions | None = None,
) -> Classified:
    """Return the data of recordings, added up, named and classified by the rules.

    Args:
        paths: directories, ``.tar.gz`` files or bare output files.
        filters: what to keep; by default the kinds of wait that the rules do not set aside.
        rules_file: a TOML file of further rules (docs/rules.md).
        read: how texts are read: layout, symbols, part of the run.

    Raises:
        InputError: a recording cannot be read.
    """
    from pathlib import Path as FilePath  # noqa: PLC0415

    from pvprof.classify.classified import Classified  # noqa: PLC0415
    from pvprof.classify.filters import Filters  # noqa: PLC0415
    from pvprof.classify.rules_file import load_rules  # noqa: PLC0415
    from pvprof.dataset.load import load_dataset  # noqa: PLC0415
    from pvprof.parse.read import ReadOptions  # noqa: PLC0415

    dataset = load_dataset([os.fspath(path) for path in paths], read or ReadOptions())
    rules = load_rules(None if rules_file is None else FilePath(rules_file))
    return Classified.of(dataset, rules, filters or Filters())


def lock_table(data: Classified, *, set_aside: bool = False) -> pd.DataFrame:
    """Return the lock table: one row for each lock and wait message, largest first in its kind.

    The columns are those of the CSV file (docs/python.md). Whole numbers are exact, and what was
    not recorded is missing, never 0.

    Args:
        data: from `open_recordings`.
        set_aside: return the rows that the filters set aside, instead of those that they keep.
    """
    from pvprof.analysis.report import build_report  # noqa: PLC0415
    from pvprof.render.data.frames import frame_of  # noqa: PLC0415
    from pvprof.render.data.report import table_of  # noqa: PLC0415
    from pvprof.views.report_view import ReportView  # noqa: PLC0415
    from pvprof.views.tables.table import TableOptions  # noqa: PLC0415

    frame = frame_of(table_of(ReportView(build_report(data), TableOptions())))
    return frame[frame["set_aside"] == set_aside].reset_index(drop=True)


def stack_table(data: Classified, measure: str | None = None) -> pd.DataFrame:
    """Return one row for each recorded stack that the filters keep.

    Columns: ``unit``; ``kind``, ``class`` and ``name``; ``mechanism``, ``process`` and ``caller``;
    ``value`` in the unit; ``count`` (missing if not recorded); ``records``; ``stack``, the frames
    root first, joined by ``;``.

    Args:
        data: from `open_recordings`.
        measure: the mode or the unit; by default the first that was measured.

    Raises:
        UsageError: nothing was measured in that mode or unit.
    """
    from pvprof.render.data.frames import frame_of  # noqa: PLC0415
    from pvprof.render.data.stacks import recorded_table  # noqa: PLC0415

    return frame_of(recorded_table(data.measurement(measure)))


def wait_table(data: Classified) -> pd.DataFrame:
    """Return one row for each single wait that the filters keep, in the order of the recording.

    The columns are those of the ``.waits.parquet`` file (docs/python.md). Times are whole
    nanoseconds; ``start_ns`` is on the recording's monotonic clock.

    Raises:
        UsageError: no single waits were recorded.
    """
    from pvprof.render.data.frames import waits_frame  # noqa: PLC0415
    from pvprof.views.folded import StackOptions  # noqa: PLC0415
    from pvprof.views.single_waits import build  # noqa: PLC0415

    return waits_frame(build(data, StackOptions()))


def folded_stacks(data: Classified, measure: str | None = None) -> dict[str, int]:
    """Map each folded stack that the filters keep to its value.

    Args:
        data: from `open_recordings`.
        measure: the mode or the unit; by default the first that was measured.

    Raises:
        UsageError: nothing was measured in that mode or unit.
    """
    from pvprof.views.folded import StackOptions, build  # noqa: PLC0415

    return dict(build(data, StackOptions(measure=measure)).rows)


def flame_graph(data: Classified, *, title: str = "", measure: str | None = None) -> str:
    """Return the flame graph of what the filters keep, as the text of an SVG file.

    Args:
        data: from `open_recordings`.
        title: the heading; by default what was measured, and where.
        measure: the mode or the unit; by default the first that was measured.

    Raises:
        UsageError: nothing was measured in that mode or unit.
    """
    from pvprof.render.registry import Subject  # noqa: PLC0415
    from pvprof.views.flamegraph import FlamegraphOptions, PictureOptions  # noqa: PLC0415
    from pvprof.views.folded import StackOptions  # noqa: PLC0415

    options = PictureOptions(StackOptions(measure=measure), FlamegraphOptions(title=title))
    return _rendered("svg", Subject.PICTURE, data, options)


def heat_map(data: Classified, *, title: str = "") -> str:
    """Return the heat map of the single waits that the filters keep, as the text of an SVG file.

    Raises:
        UsageError: no single waits were recorded.
    """
    from pvprof.render.registry import Subject  # noqa: PLC0415
    from pvprof.views.heat_map import HeatMapOptions, HeatOptions  # noqa: PLC0415

    options = HeatMapOptions(look=HeatOptions(title=title))
    return _rendered("svg", Subject.HEAT_MAP, data, options)


def html_page(data: Classified) -> str:
    """Return the report with its pictures and data, as the text of an HTML file."""
    from pvprof.analysis.report import build_report  # noqa: PLC0415
    from pvprof.render.registry import Subject  # noqa: PLC0415
    from pvprof.views.report_view import PageSubject  # noqa: PLC0415
    from pvprof.views.tables.table import TableOptions  # noqa: PLC0415

    subject = PageSubject(data, build_report(data))
    return _rendered("html", Subject.PAGE, subject, TableOptions())


def compare(
    base: Sequence[Path], new: Sequence[Path], *, filters: Filters | None = None
) -> Comparison:
    """Return the comparison of two sides of recordings: what changed, and what is proven.

    Args:
        base: recordings of the base side; a run set is the same as its recordings.
        new: recordings of the new side.
        filters: what to keep; by default the kinds of wait that the rules do not set aside.

    Raises:
        InputError: a recording cannot be read.
    """
    from pvprof.analysis.compare.compare import CompareOptions  # noqa: PLC0415
    from pvprof.analysis.compare.compare import compare as compare_sides  # noqa: PLC0415
    from pvprof.classify.filters import Filters  # noqa: PLC0415
    from pvprof.classify.rules_file import load_rules  # noqa: PLC0415
    from pvprof.dataset.load_sides import read_sides  # noqa: PLC0415
    from pvprof.parse.read import ReadOptions  # noqa: PLC0415

    base_side, new_side = read_sides(_texts(base), _texts(new), "", ReadOptions())
    return compare_sides(base_side, new_side, load_rules(), filters or Filters(), CompareOptions())


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row for each measure of each row of a comparison, from `compare`.

    The columns are those of the CSV file of ``pvprof compare`` (docs/python.md).
    """
    from pvprof.render.data.comparison import table_of  # noqa: PLC0415
    from pvprof.render.data.frames import frame_of  # noqa: PLC0415
    from pvprof.views.comparison import ComparisonOptions, ComparisonView  # noqa: PLC0415

    return frame_of(table_of(ComparisonView(comparison, ComparisonOptions())))


def _texts(paths: Iterable[Path]) -> list[str]:
    return [os.fspath(path) for path in paths]


def _rendered(format_name: str, subject: Subject, data: object, options: object) -> str:
    from pvprof.render.registry import format_named  # noqa: PLC0415

    output = format_named(format_name).outputs[subject]
    return output.render(output.build(data, options)).text
