"""The registry of output formats: name, suffixes, and what goes in.

Names, suffix guessing and help texts of the command line all derive from `FORMATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pvprof.errors import UsageError


class Source(Enum):
    """What a format is made from: a report, folded stacks, or all that was read."""

    REPORT = "report"
    FOLDED = "folded"
    BOTH = "both"
    POOL = "pool"


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
    Format("html", (".html", ".htm"), Source.BOTH, "one page: all of it, with the data"),
    Format("svg", (".svg",), Source.FOLDED, "flame graph"),
    Format("speedscope", (".speedscope.json",), Source.POOL, "for www.speedscope.app"),
    Format("chrome-trace", (".trace.json",), Source.POOL, "single waits for ui.perfetto.dev"),
)


def format_of(
    path: str, name: str | None, default: str, allowed: tuple[str, ...], any_suffix: bool = False
) -> Format:
    """Return the format that was named, or else the one of the path's suffix, or `default`.

    Args:
        path: where the result goes; ``-`` for stdout.
        name: the format asked for, or None.
        default: the format of stdout, and of files without a suffix.
        allowed: the formats that there are here.
        any_suffix: `default` is also the format of files whose suffix is of none.

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
    # .speedscope.json and .trace.json also end in .json
    matching = {suffix: one for one in known.values() for suffix in one.suffixes}
    found = max((suffix for suffix in matching if path.endswith(suffix)), key=len, default="")
    if found:
        return matching[found]
    if any_suffix or "." not in path.rpartition("/")[2]:
        return known[default]
    raise UsageError(f"{path}: no format has that suffix", f"--format NAME: {choices}")
