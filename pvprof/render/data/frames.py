"""Data frames of pandas: the same tables as in CSV, with a type for each column.

The only module that imports pandas for the command line. A column has one type: whole numbers
(``Int64``), numbers (``Float64``), truth values or text, and each may have missing values. Nothing
is rounded: a column with numbers that no 64-bit type can hold is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from pvprof.render.data.encoding import Cell, DataTable

if TYPE_CHECKING:
    from pvprof.views.single_waits import SingleWaitsView

_MAX_INT64 = 2**63 - 1
MAX_EXACT_FLOAT = 2**53
"""Up to here each whole number is a double."""


def frame_of(table: DataTable) -> pd.DataFrame:
    """Return a table as a data frame with the same columns, in the same order."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
    return pd.DataFrame(
        {name: _column(cells) for name, cells in zip(table.columns, columns, strict=True)}
    )


def _column(cells: Sequence[Cell]) -> pd.Series:
    """Return the cells as a column of the narrowest type that holds all of them exactly."""
    values = [None if cell == "" else cell for cell in cells]
    dtype = _dtype(values)
    return pd.Series(_as_text(values) if dtype == "string" else values, dtype=dtype)


def _dtype(values: Sequence[Cell]) -> str:
    known = [value for value in values if value is not None]
    types = {type(value) for value in known}
    if not types:
        return "object"
    if types == {bool}:
        return "boolean"
    numbers = [value for value in known if isinstance(value, int)]
    largest = max(map(abs, numbers), default=0)
    if types == {int} and largest <= _MAX_INT64:
        return "Int64"
    if types in ({float}, {int, float}) and largest <= MAX_EXACT_FLOAT:
        return "Float64"
    return "string"


def _as_text(values: Sequence[Cell]) -> list[str | None]:
    return [
        None if value is None else str(value).encode("utf-8", "backslashreplace").decode()
        for value in values
    ]


def waits_frame(view: SingleWaitsView) -> pd.DataFrame:
    """Return single waits, one row each; texts are categories, so that each is kept once."""
    numbers = {
        name: pd.Series(pd.arrays.IntegerArray(column.values, ~column.is_known))
        for name, column in view.numbers.items()
    }
    texts = {
        name: pd.Series(
            pd.Categorical.from_codes(
                column.codes, pd.Index(_as_text(column.texts), dtype="object")
            )
        )
        for name, column in view.texts.items()
    }
    columns = numbers | texts
    return pd.DataFrame({name: columns[name] for name in view.order})
