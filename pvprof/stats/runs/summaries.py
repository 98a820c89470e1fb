"""Results of other tools that have no values of single runs: what they are, and what to do.

Sets cannot be compared by a mean and a deviation that were rounded for display.
"""

from __future__ import annotations

import re

from pvprof.stats.runs.lines import LeftOut

_EXPORT = "hyperfine --export-json FILE writes each run"

_SUMMARIES: tuple[tuple[re.Pattern[str], LeftOut], ...] = (
    (
        re.compile(r"\s*N\s+Min\s+Max\s+Median\s+Avg\s+Stddev\s*"),
        LeftOut("the table of ministat", "give the files that ministat was given"),
    ),
    (
        re.compile(r"\s*Time \((?:mean ± .|abs ≡|mean|abs)\):\s.*"),
        LeftOut("the summary of hyperfine", _EXPORT),
    ),
    (
        re.compile(r"command,mean,stddev,median,user,system,min,max(?:,.*)?"),
        LeftOut("hyperfine's table of means (--export-csv)", _EXPORT),
    ),
    (
        re.compile(r"\|\s*Command\s*(?:\|\s*Mean \[\w+\].*)?"),
        LeftOut("hyperfine's table of means", _EXPORT),
    ),
    (
        re.compile(r"(\d+m[\d.]+s) (\d+m[\d.]+s)\s*"),
        LeftOut("the shell's times, of all its commands together", "time COMMAND times one"),
    ),
)


def read_summary(line: str) -> LeftOut | None:
    """Return the meaning of a line of a summary, or None for any other line."""
    return next((what for pattern, what in _SUMMARIES if pattern.fullmatch(line)), None)
