"""How much work a function does: a number of lines, the same on every run and machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(function: Callable[[], object]) -> int:
    """Return the number of lines of Python that `function` runs, including all that it calls.

    Use it to test how work grows with input, where a limit in seconds would fail on a busy machine
    and pass on a fast one. Call the function with inputs of two sizes and compare the counts: ten
    times the input may run twelve times the lines, but not a hundred times. Or limit the lines per
    record, or require that a second call runs fewer because the first one filled a cache.

    A line counts each time it runs, so loops and comprehensions show. Work inside C code does not:
    a regular expression, a sort or a numpy operation is part of one line, however long it takes.
    Measure that by `bench/`. Tracing makes the function about ten times slower; one to ten
    thousand records are enough to tell linear from quadratic.
    """
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
