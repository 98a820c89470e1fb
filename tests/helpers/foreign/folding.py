"""Fold the result of a reader, to compare it with what a generator meant."""

from __future__ import annotations

from collections import Counter

from helpers.foreign.meant import Meant
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult


def read_text(data: bytes, layout: str = "") -> ParseResult:
    return read(data, "foreign", ReadOptions(layout=layout, jobs=1))


def folded(parsed: ParseResult) -> dict[str, dict[str, int]]:
    """Return the value of each stack, as ``pvprof fold -k all`` prints it, in each unit."""
    found: dict[str, Counter[str]] = {}
    for result in (parsed, *parsed.further):
        for (unit, _), profile in result.profiles.items():
            for stack, value in fold(profile.groups.items(), unit, FoldOptions()).rows:
                found.setdefault(unit, Counter())[str(stack)] += value
    return {unit: dict(stacks) for unit, stacks in found.items()}


def is_exact_rest(parsed: ParseResult, meant: Meant) -> bool:
    """Tell whether a result has no more than was meant, stack by stack."""
    return all(
        value <= meant.stacks.get(unit, {}).get(stack, 0)
        for unit, stacks in folded(parsed).items()
        for stack, value in stacks.items()
    )
