"""Texts read by pvprof, and what came of them."""

from __future__ import annotations

from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

RECORDED = (
    "events.out.gz",
    "histogram.out",
    "lockstat-provider.out",
    "runq.out",
    "sdt-offcpu.out",
    "seed-offcpu.out",
    "stock-offcpu.out",
    "wakeup.out",
)
"""Real recordings, all of other contents."""


def parsed_from(text: str) -> ParseResult:
    return read(text.encode(), "test", ReadOptions(jobs=1))


def kinds_of(parsed: ParseResult) -> dict[str, int]:
    """Return the count of each kind of problem."""
    return {problem.kind: problem.count for problem in parsed.problems}


def read_or_refuse(data: bytes, layout: str) -> ParseResult | None:
    """Check that a text gives records, or None and one line of error; return the result."""
    refusal: str | None = None
    try:
        parsed = read(data, "law", ReadOptions(layout=layout))
    except PvprofError as error:
        refusal = error.message
    if refusal is not None:
        assert len(refusal.splitlines()) == 1
        return None
    assert parsed.records
    for profile in parsed.profiles.values():
        for _, _, weight in profile:
            assert weight.value >= 0
            assert weight.records >= 1
    return parsed
