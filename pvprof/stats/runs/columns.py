r"""Plain columns of numbers, as ministat(1) reads them.

    # real user                     from # on, a comment
    237.53 6782.41                  column 1 is 237.53
    238.08 6769.18

Unlike ministat, a line that is not a number is left out with a warning that has its line number; so
are numbers that only strtod(3) accepts (``nan``, ``inf``, ``0x10``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvprof.errors import InputError, UsageError, quote
from pvprof.model.problems import Problem
from pvprof.stats.runs.runs import TimedRun
from pvprof.stats.series import MAX_VALUE, Metric

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.I)


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """The position of the numbers.

    Attributes:
        column: 1 is the first.
        delimiters: columns are separated by one or more of these characters.

    Raises:
        UsageError: no characters, or a column before the first.
    """

    column: int = 1
    delimiters: str = " \t"

    def __post_init__(self) -> None:
        if not self.delimiters:
            raise UsageError("no delimiters between the columns", "-d ',' for commas")
        if self.column < 1:
            raise UsageError(f"no column {self.column}", "the first column is 1")


def read_columns(
    name: str, lines: list[str], options: ColumnOptions
) -> tuple[list[TimedRun], list[Problem]]:
    """Return a run for each number of a column, and a problem for each other line.

    Raises:
        InputError: there are no more numbers than other lines.
    """
    separator = re.compile(f"[{re.escape(options.delimiters)}]+")
    metric = Metric(f"column {options.column}")
    runs: list[TimedRun] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        tokens = [token for token in separator.split(line.rstrip("\r")) if token]
        comment = next((n for n, token in enumerate(tokens) if token.startswith("#")), len(tokens))
        tokens = tokens[:comment]
        if not tokens:
            continue
        if len(tokens) < options.column:
            text = f"no column {options.column}"
            problems.append(Problem("no-column", text, name, number))
            continue
        token = tokens[options.column - 1]
        if not _NUMBER.fullmatch(token) or not abs(float(token)) <= MAX_VALUE:
            text = f"no number: {quote(token)}"
            problems.append(Problem("not-a-number", text, name, number))
            continue
        runs.append(TimedRun(number, values={metric: float(token)}))
    if len(problems) >= len(runs):
        raise _no_numbers(name, problems, options)
    return runs, problems


def _no_numbers(name: str, problems: list[Problem], options: ColumnOptions) -> InputError:
    if not problems:
        return InputError(f"{name}: no numbers in it")
    first = problems[0]
    hint = (
        "" if options.delimiters != " \t" else "-d ',' if commas divide the columns, -C for another"
    )
    return InputError(
        f"{name}: neither times nor a column of numbers: line {first.line}: {first.text}", hint
    )
