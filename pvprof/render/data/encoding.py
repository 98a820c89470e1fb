"""CSV and JSON as all data formats write them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pvprof.render.rendered import Rendered


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Rendered:
    """Return the rows below their headings, one line each; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return Rendered(out.getvalue())


def json_of(document: Mapping[str, Any]) -> Rendered:
    """Return one JSON object, indented, with a final newline."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return Rendered(f"{text}\n")
