r"""Plain columns of numbers, as ministat(1) reads them.

    # real user                     from # on, a comment
    237.53 6782.41                  column 1 is 237.53
    238.08 6769.18

Unlike ministat, a line that is not a number is left out with a warning that has its line number; so
are numbers that only strtod(3) accepts (``nan``, ``inf``, ``0x10``). A text in which some lines
happen to begin with a number is no table: most lines must have words and numbers in the same
columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.errors import InputError, UsageError, quote
from pvprof.model.problems import Problem
from pvprof.stats.runs.runs import TimedRun
from pvprof.stats.series import MAX_VALUE, Metric

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", re.I)


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
    metric = Metric(f"column {options.column}")
    runs: list[TimedRun] = []
    problems: list[Problem] = []
    rows = list(_rows(lines, options))
    for number, tokens in rows:
        if len(tokens) < options.column:
            text = f"no column {options.column}"
            problems.append(Problem("no-column", text, name, number))
            continue
        token = tokens[options.column - 1]
        if not _is_number(token):
            text = f"no number: {quote(token)}"
            problems.append(Problem("not-a-number", text, name, number))
            continue
        runs.append(TimedRun(number, values={metric: float(token)}))
    if len(problems) >= len(runs):
        raise _no_numbers(name, problems, options)
    return runs, problems


def is_table(lines: list[str], options: ColumnOptions) -> bool:
    """Tell whether more than half of the lines have words and numbers in the same columns."""
    shapes = [tuple(map(_is_number, tokens)) for _, tokens in _rows(lines, options)]
    numbers_only = sum(map(all, shapes))
    others = Counter(shape for shape in shapes if not all(shape))
    largest = max(others.values(), default=0)
    return 2 * max(numbers_only, largest) > len(shapes)


def _rows(lines: list[str], options: ColumnOptions) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the columns of each line that has any, without comments."""
    separator = re.compile(f"[{re.escape(options.delimiters)}]+")
    for number, line in enumerate(lines, 1):
        tokens = [token for token in separator.split(line.rstrip("\r")) if token]
        comment = next((n for n, token in enumerate(tokens) if token.startswith("#")), len(tokens))
        if tokens[:comment]:
            yield number, tokens[:comment]


def _is_number(token: str) -> bool:
    return _NUMBER.fullmatch(token) is not None and abs(float(token)) <= MAX_VALUE


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
