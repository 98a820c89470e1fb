"""Tables for programs, and CSV and JSON as all data formats write them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pvprof.model.stacks import UNSEEN, show_controls
from pvprof.render.rendered import Rendered

Cell = str | int | float | bool | None
"""A value; None if it is missing. An empty text is missing, too."""


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table of unscaled values, the same in CSV, Parquet, spreadsheets and data frames.

    Attributes:
        name: of what is in it, in a word or two.
        columns: the headings.
        rows: the cells of each row, as many as there are columns.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


# https://owasp.org/www-community/attacks/CSV_Injection; a tab or a return is spelled out.
_FORMULA_SIGNS = ("=", "+", "-", "@")
_WORDS = {True: "yes", False: "no"}


def csv_of(table: DataTable) -> Rendered:
    """Return the rows below their headings, one line each; a missing value is an empty cell.

    Control characters are spelled out, and a text that a spreadsheet would run as a formula has an
    apostrophe before it, which spreadsheets do not show.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(
        [_WORDS[cell] if isinstance(cell, bool) else _csv_cell(cell) for cell in row]
        for row in table.rows
    )
    return Rendered(out.getvalue())


def _csv_cell(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    shown = show_controls(cell)
    is_formula = len(shown) > 1 and shown.startswith(_FORMULA_SIGNS)
    return f"'{shown}" if is_formula else shown


def json_of(document: Mapping[str, Any]) -> Rendered:
    """Return one JSON object, indented, with a final newline."""
    return Rendered(f"{json_text(document, indent=1)}\n")


def json_text(value: object, *, indent: int | None = None, is_sorted: bool = False) -> str:
    r"""Return a value as strict JSON, without blanks unless it is indented.

    Names are exact: characters that are not seen are escaped, and a reader gets them back. So no
    byte of the text commands a terminal.
    """
    compact = (",", ":") if indent is None else None
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        separators=compact,
        sort_keys=is_sorted,
    )
    return text if text.isprintable() else _BEHIND_JSON.sub(_json_escape, text)


# JSON itself escapes those below a blank; the only one in its text is the end of a line.
_BEHIND_JSON = re.compile(rf"(?=[^\x00-\x1f]){UNSEEN.pattern}")


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
