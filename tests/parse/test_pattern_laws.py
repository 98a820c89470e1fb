"""No expression of the package takes time that doubles with each character of a text."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import pvprof
from pvprof.classify.growth.pattern_automaton import UndrawnError
from pvprof.classify.growth.pattern_growth import growth

MAX_GROWTH = 3
"""Of the estimate, which is too high for many; a line that nearly fits is tried by other tests."""


def patterns_in(value: object, depth: int = 0) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    """Yield the compiled expressions in a value: itself, or in collections and data classes."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4:
        items: object = ()
        if isinstance(value, dict):
            items = value.values()
        elif isinstance(value, (tuple, list, frozenset)):
            items = value
        for item in items:  # type: ignore[attr-defined]
            yield from patterns_in(item, depth + 1)


def package_patterns() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    """Map the names of all compiled expressions of modules to them."""
    names: dict[re.Pattern[str] | re.Pattern[bytes], str] = {}
    for info in pkgutil.walk_packages(pvprof.__path__, "pvprof."):
        if info.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            for number, pattern in enumerate(patterns_in(value)):
                names.setdefault(pattern, f"{info.name}.{name}[{number}]")
    return {name: pattern for pattern, name in names.items()}


@pytest.mark.slow
def test_no_expression_of_the_package_is_exponential() -> None:
    patterns = package_patterns()
    assert len(patterns) > 250
    too_fast = {}
    unjudged = []
    for name, pattern in patterns.items():
        try:
            power = growth(pattern, is_search=False)
        except UndrawnError:
            unjudged.append(name)
            continue
        if power > MAX_GROWTH:
            too_fast[name] = (power, pattern.pattern)
    assert too_fast == {}
    assert unjudged == []
