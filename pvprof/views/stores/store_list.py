"""The recordings of a store that match an expression, for a page: the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from pvprof.units import format_ns

MAX_ROWS = 500
FIELDS = ("where", "vs", "kind", "class", "by")
"""Of the form: which recordings, the other side of a comparison, the kinds of wait; the lock class
of a trend, and what a point of it is."""
_COLUMNS = ("day", "host", "mode", "label", "ident", "release", "commit", "workload")


@dataclass(frozen=True, slots=True)
class StoreList:
    """What the page shows.

    Attributes:
        store: its path.
        fields: what the form has, by the names of `FIELDS`.
        rows: the facts of each recording, the oldest first, as ``pvprof store list`` prints them.
        error: why there are no rows.
    """

    store: str
    fields: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]] = field(default=())
    error: str = ""

    @property
    def name(self) -> str:
        """The name of the store."""
        return PurePath(self.store).name or self.store

    @property
    def title(self) -> str:
        """How many recordings match."""
        if self.error:
            return f"{self.name}: no answer"
        count = f"{len(self.rows):,} recording{'s' * (len(self.rows) != 1)}"
        return f"{self.name}: {count}{' that match' if self.fields['where'] else ''}"

    @property
    def note(self) -> str:
        """Which rows are not shown."""
        return f"the newest {MAX_ROWS} are shown" if len(self.rows) > MAX_ROWS else ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that any row has a value for."""
        return tuple(name for name in _COLUMNS if any(row[name] for row in self.rows))

    @property
    def shown(self) -> list[tuple[str, str, list[str], str, int]]:
        """Of each shown row: an expression for it, its name, its cells, its length, its losses."""
        newest = list(reversed(self.rows))[:MAX_ROWS]
        return [
            (
                f"identity = {row['identity']}",
                str(row["name"]),
                [str(row[name] or "") for name in self.columns],
                format_ns(row["duration_ns"]) if row["duration_ns"] is not None else "",
                int(row["losses"] or 0),
            )
            for row in newest
        ]
