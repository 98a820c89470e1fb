"""The registry of output formats: name, suffixes, and whether a report or folded stacks go in.

Names, suffix guessing and help texts of the command line all derive from `FORMATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pvprof.errors import UsageError


class Source(Enum):
    """What a format is made from."""

    REPORT = "report"
    FOLDED = "folded"


@dataclass(frozen=True, slots=True)
class Format:
    """One output format.

    Attributes:
        name: for ``--format``.
        suffixes: of files that are in it.
        source: what it is made from.
        summary: for help texts.
    """

    name: str
    suffixes: tuple[str, ...]
    source: Source
    summary: str


FORMATS = (
    Format("terminal", (".txt",), Source.REPORT, "tables for reading"),
    Format("markdown", (".md",), Source.REPORT, "tables for a code review"),
    Format("csv", (".csv",), Source.REPORT, "one line a lock, unscaled"),
    Format("json", (".json",), Source.REPORT, "everything, unscaled"),
    Format("folded", (".folded", ".collapsed"), Source.FOLDED, "folded stacks"),
    Format("svg", (".svg",), Source.FOLDED, "flame graph"),
)


def format_of(path: str, name: str | None, default: str, allowed: tuple[str, ...]) -> Format:
    """Return the format that was named, or else the one of the path's suffix, or `default`.

    Raises:
        UsageError: there is no such format here, or the suffix is of none.
    """
    known = {one.name: one for one in FORMATS if one.name in allowed}
    choices = ", ".join(f"{one.name} ({'/'.join(one.suffixes)})" for one in known.values())
    if name is not None:
        if name not in known:
            raise UsageError(f"no such format here: {name}", f"formats: {choices}")
        return known[name]
    if path == "-":
        return known[default]
    for one in known.values():
        if path.endswith(one.suffixes):
            return one
    if "." not in path.rpartition("/")[2]:
        return known[default]
    raise UsageError(f"{path}: no format has that suffix", f"--format NAME: {choices}")
