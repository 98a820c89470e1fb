"""Why filters keep nothing: the filter that matches nothing, and what there is instead.

It refuses to guess about recordings without any wait: those are no fault of a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Part, Wanted, wanted_kinds
from pvprof.errors import InputError, close_to
from pvprof.model.stacks import frames_of
from pvprof.parse.source import NEEDS_IDS

_MAX_NAMED = 6


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A filter that takes a regular expression.

    Attributes:
        option: as a user gives it, a key of `Filters.patterns`.
        noun: what it is searched in.
        texts: returns the texts of a part that it is searched in.
    """

    option: str
    noun: str
    texts: Callable[[Part], Iterable[str]]


def _frames(part: Part) -> Iterator[str]:
    return (frame for stack in part.stacks for frame in frames_of(stack))


def _id(number: int) -> str:
    return "" if number < 0 else str(number)


_PATTERNS = (
    _Pattern("--class", "class", lambda part: [part.verdict.lock_class]),
    _Pattern("--name", "lock name or wait message", lambda part: [part.key.name]),
    _Pattern("--execname", "process", lambda part: [part.key.execname]),
    _Pattern("--frame", "frame", _frames),
    _Pattern("--root", "frame", _frames),
    _Pattern("--pid", "process id", lambda part: [_id(part.key.pid)]),
    _Pattern("--tid", "thread id", lambda part: [_id(part.key.tid)]),
)


def no_match(datasets: Sequence[Classified]) -> InputError | None:
    """Return the error if the user's filters keep nothing of all these datasets, else None.

    The datasets have the same rules and filters.

    Raises:
        UsageError: the filters name a kind that the rules do not have.
    """
    filters = datasets[0].filters
    if not filters.patterns and (not filters.kinds or ALL_KINDS in filters.kinds):
        return None
    parts = [part for one in datasets for sorted_ in one.measurements for part in sorted_.parts]
    is_kept = any(sorted_.kept for one in datasets for sorted_ in one.measurements)
    if is_kept or not parts or any(next(one.histograms(), None) for one in datasets):
        return None
    return _reason(parts, datasets[0])


def _reason(parts: list[Part], data: Classified) -> InputError:
    filters = data.filters
    wanted = wanted_kinds(data.rules, filters.kinds)
    shown = [part for part in parts if part.verdict.kind in wanted]
    if filters.kinds and not shown:
        kinds = _named(parts, lambda part: [part.verdict.kind])
        return InputError(f"no wait is of the kind {' or '.join(filters.kinds)} {kinds}")
    given = filters.patterns
    for pattern in _PATTERNS:
        expression = given.get(pattern.option)
        if expression is None or any(map(expression.search, _texts(shown, pattern))):
            continue
        message = f"no {pattern.noun} matches {expression.pattern!r}"
        if pattern.option in ("--pid", "--tid") and not any(_texts(parts, pattern)):
            return InputError(message, NEEDS_IDS)
        if shown and pattern.texts is not _frames:
            message += f" {_named(shown, pattern.texts)}"
        hint = _elsewhere(expression, parts, pattern) or _close_to(expression, shown, pattern)
        return InputError(message, hint)
    together = " and ".join(f"{option} {one.pattern!r}" for option, one in given.items())
    return InputError(f"no wait matches {together} together", "each of them alone matches some")


def _elsewhere(expression: Wanted, parts: list[Part], pattern: _Pattern) -> str:
    """Return a hint if a pattern matches only waits of kinds that are not shown."""
    found = [part for part in parts if any(map(expression.search, pattern.texts(part)))]
    kinds = sorted({part.verdict.kind for part in found})
    return f"it matches waits of the kind {', '.join(kinds)}: -k {kinds[0]}" if kinds else ""


def _close_to(expression: Wanted, shown: list[Part], pattern: _Pattern) -> str:
    """Return a question if the pattern is a misspelt text: a frame counts without its module."""
    texts = {text.rpartition("`")[2] for text in _texts(shown, pattern)}
    by_lower = {text.lower(): text for text in sorted(texts, reverse=True) if text}
    return close_to(expression.pattern.lower(), list(by_lower))


def _texts(parts: list[Part], pattern: _Pattern) -> Iterator[str]:
    return (text for part in parts for text in pattern.texts(part))


def _named(parts: list[Part], texts_of: Callable[[Part], Iterable[str]]) -> str:
    """Return the texts of the largest parts, in parentheses."""
    values: dict[str, int] = {}
    for part in parts:
        for text in texts_of(part):
            values[text] = values.get(text, 0) + part.weight.value
    names = sorted((name for name in values if name), key=lambda name: (-values[name], name))
    more = ", ..." if len(names) > _MAX_NAMED else ""
    return f"({', '.join(names[:_MAX_NAMED])}{more})" if names else "(none has one)"
