"""Problems that may occur millions of times in one text: counted, each with its first line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from pvprof.model.problems import Problem, Severity


class Tally:
    """Counts problems of equal kind and text: a damaged text may have millions."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._counts: dict[tuple[str, str, Severity], list[int]] = {}  # first line, count

    def add(self, kind: str, text: str, severity: Severity, line: Callable[[], int]) -> None:
        """Count a problem; `line` is called only for the first of its kind and text."""
        known = self._counts.get((kind, text, severity))
        if known is None:
            self._counts[kind, text, severity] = [line(), 1]
        else:
            known[1] += 1

    def problems(self) -> Iterator[Problem]:
        """Yield one problem for each kind and text."""
        for (kind, text, severity), (line, count) in self._counts.items():
            yield Problem(kind, text, self._file, line, count, severity)


class KindCounts:
    """Counts problems of known kinds.

    Args:
        file: the name of the text.
        known: the text and severity of each kind, in the order of the problems.
    """

    def __init__(self, file: str, known: Mapping[str, tuple[str, Severity]]) -> None:
        self._file = file
        self._known = known
        self._counts: Counter[str] = Counter()
        self._first_line: dict[str, int] = {}

    def add(self, kind: str, line: int, count: int = 1) -> None:
        """Count a problem; `line` is 0 if it has none."""
        self._counts[kind] += count
        self._first_line.setdefault(kind, line)

    def problems(self) -> Iterator[Problem]:
        """Yield one problem for each kind that has occurred."""
        for kind, (text, severity) in self._known.items():
            if self._counts[kind]:
                line, count = self._first_line[kind], self._counts[kind]
                yield Problem(kind, text, self._file, line, count, severity)
