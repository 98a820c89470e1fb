"""Texts of all layouts to mix, and what a mixture of two of them may give."""

from __future__ import annotations

import gzip
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from hypothesis.strategies import SearchStrategy

import helpers.foreign
from helpers import native_writer
from helpers.foreign.meant import Meant
from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

_OF_TEXTS = re.compile(r"\bMeant\b")
FIXTURES = Path(__file__).parent.parent / "fixtures"
MAX_LINES = 150
RECORDED = {
    "keyed": "freebsd-13.2/stock-offcpu.out",
    "thread": "freebsd-13.2/seed-offcpu.out",
    "classic": "freebsd-13.2/oncpu-default.out",
    "events": "freebsd-13.2/drops.out",
    "rows": "freebsd-13.2/runq.out",
    "histogram": "freebsd-13.2/histogram.out",
    "lock-profiling": "freebsd-13.2/lock-profiling.sysctl.out",
    "lockstat": "freebsd-13.2/lockstat-1.out",
    "bpftrace-map": "linux/bpftrace-map.txt",
    "perf": "linux/perf-script.txt.gz",
}
"""A recording in each layout."""


def recorded_text(file: str) -> bytes:
    """Return the first lines of a recording, up to the end of a record."""
    data = (FIXTURES / file).read_bytes()
    data = gzip.decompress(data) if file.endswith(".gz") else data
    lines = data.splitlines(keepends=True)[:MAX_LINES]
    while any(kind == "cut-off" for kind, _, _ in outcome_of(b"".join(lines)).told):
        lines.pop()
        assert lines
    return b"".join(lines)


@cache
def texts_by_layout() -> dict[str, bytes]:
    """Return a text in each layout that has lines."""
    record = native_writer.record("turnstile", {"name": b"vm object"}, [b"kernel`f"], (7, 1))
    return {
        **{layout: recorded_text(file) for layout, file in RECORDED.items()},
        "pvprof": native_writer.text_of([record]),
        "folded": b"sh;kernel`trap;vm_fault 7\ncc;main 5\nsh;kernel`trap;pmap_enter 12\n" * 5,
        "pmcstat": b"@ cycles [12 samples]\n\n58.33%  [7]       vm_fault @ /boot/kernel/kernel\n"
        b" 100.0%  [7]        trap\n\n41.67%  [5]       pmap_enter @ /boot/kernel/kernel\n\n",
        "pmcstat-log": b'initlog   0x1000000 "X"\nexec      0x0 4711 0x201450 "/bin/sh"\n'
        + b"callchain 4711 0x2 3 2 s\n...       0x1001\n...       0x1002\n" * 3,
        "single-stacks": b"CPU     ID                    FUNCTION:NAME\n"
        + b"  0  10441                     malloc:entry \n"
        b"              kernel`first+0x2c\n              kernel`trap+0x440\n\n" * 4,
        "bcc": b"Tracing off-CPU time (us) of all threads by user + kernel stack for 2 secs.\n\n"
        + b"    f\n    g+0x8\n    -                sh (7)\n        1001\n\n" * 3,
        "klockstat": b"                     Caller   Avg Spin  Count   Max spin Total spin\n"
        b"                      f+0x1        100      3        200        300\n"
        b"                      g+0x8\n",
        "bcc-histogram": b"\npid = 7 sh\n     usecs               : count    distribution\n"
        b"         0 -> 1          : 3        |*****|\n",
        "bpftrace-json": b'{"type": "map", "data": {"@ns": {"sh": 12, "cc": 5}}}\n' * 2,
    }


def foreign_strategies() -> dict[str, Callable[[], SearchStrategy[Meant]]]:
    """Return the strategies of `helpers.foreign` that make whole texts, by module and name."""
    found: dict[str, Callable[[], SearchStrategy[Meant]]] = {}
    for module in iter_modules(helpers.foreign.__path__):
        for name, value in vars(import_module(f"helpers.foreign.{module.name}")).items():
            if inspect.isfunction(value) and _makes_texts(value):
                found[f"{module.name}.{name}"] = value
    return found


def _makes_texts(function: Callable[..., object]) -> bool:
    """Tell whether a function returns a strategy of texts, and needs no argument."""
    signature = inspect.signature(function)
    has_defaults = all(one.default is not one.empty for one in signature.parameters.values())
    return has_defaults and _OF_TEXTS.search(str(signature.return_annotation)) is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a text gives.

    Attributes:
        told: the problems, as kind, text and count; of a refusal, its message.
        total: of all values in all units, and of all histograms.
        is_refused: whether there is no result.
    """

    told: frozenset[tuple[str, str, int]]
    total: tuple[int, int]
    is_refused: bool = False


def outcome_of(text: bytes) -> Outcome:
    """Read a text."""
    try:
        parsed = read(text, "mixed", ReadOptions(jobs=1))
    except PvprofError as error:
        return Outcome(frozenset([("refused", error.message, 1)]), (0, 0), is_refused=True)
    told = frozenset((one.kind, one.text, one.count) for one in parsed.problems)
    return Outcome(told, total_of(parsed))


def total_of(parsed: ParseResult) -> tuple[int, int]:
    """Return the sum of all values, whatever their unit, and of all histograms."""
    values = histograms = 0
    for part in (parsed, *parsed.further):
        values += sum(profile.total for profile in part.profiles.values())
        values += 0 if part.events is None else part.events.profile().total
        histograms += sum(histogram.count for histogram in part.histograms)
    return values, histograms


def is_nothing_lost_untold(mixed: Outcome, *parts: Outcome) -> bool:
    """Tell whether a mixture is refused, tells more than its parts, or has all of their values."""
    known = frozenset().union(*(part.told for part in parts))
    if mixed.is_refused or mixed.told - known:
        return True
    sums = [sum(part.total[index] for part in parts) for index in range(2)]
    return all(have >= want for have, want in zip(mixed.total, sums, strict=True))


def other_texts(layout: str) -> Iterator[tuple[str, bytes]]:
    """Yield the texts of the other layouts."""
    for name, text in texts_by_layout().items():
        if name != layout:
            yield name, text
