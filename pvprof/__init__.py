"""pvprof: off-CPU and lock profiling for FreeBSD kernel developers.

The functions here are the public interface for Python; `docs/architecture.md` draws the package on
one page. From a checkout:

>>> import pvprof
>>> data = pvprof.open_recordings("tests/fixtures/freebsd-13.2/stock-offcpu.out")
>>> data.dataset.names
('stock-offcpu',)

The lock table as a pandas DataFrame, one row for each lock and wait message:

>>> table = pvprof.lock_table(data)
>>> table[["name", "lock_class", "value", "count"]].head(2).to_dict("split")["data"]
[['vmpfw', 'vm page busy', 560018624, 60], ['vm object', 'vm object', 456287974, 19]]

Folded stacks and a flame graph of what the filters keep:

>>> sum(pvprof.folded_stacks(data).values()) == int(table["value"].sum())
True
>>> pvprof.flame_graph(data, title="stock").startswith("<?xml")
True

Two sides compared; with at least three runs a side there are verdicts:

>>> before = ["tests/fixtures/freebsd-13.2/stock-offcpu.out"]
>>> after = ["tests/fixtures/freebsd-13.2/sdt-offcpu.out"]
>>> comparison = pvprof.compare(before, after)
>>> [section.unit for section in comparison.sections]
['ns']

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
    from pvprof.units import Unit

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "compare",
    "flame_graph",
    "folded_stacks",
    "heat_map",
    "html_page",
    "lock_table",
    "open_recordings",
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

    Columns: ``unit`` of the values; ``kind``, ``lock_class`` and ``name``; ``value``; ``count`` of
    waits and ``mean`` (missing if not recorded); ``spin`` and ``block``, the parts of the value
    spent spinning and blocked; ``stacks``, the number of distinct stacks; ``top_caller``.

    Args:
        data: from `open_recordings`.
        set_aside: return the rows that the filters set aside, instead of those that they keep.
    """
    import pandas as pd  # noqa: PLC0415

    from pvprof.analysis.report import build_report  # noqa: PLC0415

    fields = ("kind", "lock_class", "name", "value", "count", "mean", "spin", "block", "stacks")
    rows = [
        {
            "unit": section.unit,
            **{name: getattr(row, name) for name in fields},
            "top_caller": row.callers[0][0] if row.callers else None,
        }
        for section in build_report(data).sections
        for row in (section.aside_rows if set_aside else section.rows)
    ]
    return pd.DataFrame(rows, columns=["unit", *fields, "top_caller"])


def folded_stacks(data: Classified, unit: Unit | None = None) -> dict[str, int]:
    """Map each folded stack that the filters keep to its value.

    Args:
        data: from `open_recordings`.
        unit: the unit of the values; by default the first that was measured.

    Raises:
        UsageError: nothing was measured in that unit.
    """
    from pvprof.views.folded import StackOptions, build  # noqa: PLC0415

    return dict(build(data, StackOptions(unit=unit)).rows)


def flame_graph(data: Classified, *, title: str = "", unit: Unit | None = None) -> str:
    """Return the flame graph of what the filters keep, as the text of an SVG file.

    Args:
        data: from `open_recordings`.
        title: the heading; by default what was measured, and where.
        unit: the unit of the values; by default the first that was measured.

    Raises:
        UsageError: nothing was measured in that unit.
    """
    from pvprof.render.registry import Subject  # noqa: PLC0415
    from pvprof.views.flamegraph import FlamegraphOptions, PictureOptions  # noqa: PLC0415
    from pvprof.views.folded import StackOptions  # noqa: PLC0415

    options = PictureOptions(StackOptions(unit=unit), FlamegraphOptions(title=title))
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


def _texts(paths: Iterable[Path]) -> list[str]:
    return [os.fspath(path) for path in paths]


def _rendered(format_name: str, subject: Subject, data: object, options: object) -> str:
    from pvprof.render.registry import format_named  # noqa: PLC0415

    output = format_named(format_name).outputs[subject]
    return output.render(output.build(data, options)).text
