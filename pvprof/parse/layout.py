"""What pvprof knows about one input layout: how to recognise it, how to read it, what it states.

Each reader module defines a `Layout` beside its reader; `layouts` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pvprof.model.problems import Problem
from pvprof.parse.recognition.explanation import Explain
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import parse_diagnostics


def _is_never_complete(_result: ParseResult) -> bool:
    return False


def _has_no_mechanism(_program: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One layout of texts.

    It is recognised by its signature, or else by how many lines of a text it explains; see
    ``detect``. Without either it is only read if the user names it.

    Attributes:
        name: as ``--input-format`` takes it.
        summary: what prints such texts, for the table of layouts in docs/layouts.md.
        read: reads a whole text.
        signature: tells whether a text has what no other layout can have.
        explain: explains the lines of a text; see ``recognition.explanation``. A layout with a
            signature explains only what may be another layout's, such as lines before a header.
        has_other_output: whether lines of other programs may be among its own: the output of a
            workload, messages. Then lines that no layout explains are no reason to refuse a text.
        is_binary: whether it is no text: it has no lines, and any bytes.
        has_documents: whether a line may be a whole document, or a part of one: JSON, HTML.
        has_intervals: whether a text may be of a program that prints its sums at intervals
            (`intervals.marks`).
        mode: of all texts in this layout, if a single tool prints them in a single mode; or empty.
        states_units: who states the units, for the message that refuses ``--unit`` and
            ``--factor``, e.g. "lockstat(1)"; empty if they may be given.
        has_fractions: whether the reader itself multiplies values by the scale in the options,
            because it keeps fractions until they are added up; `read` does it for all others.
        has_weights: whether ``--weight`` chooses what a record weighs.
        has_profiles: whether ``--profile`` selects parts of a text.
        is_complete: tells whether a result without records is no error: the text itself states
            that nothing is missing.
        read_stderr: yields the problems in what the tool printed on stderr, given its lines and a
            name for them.
        mechanism_of: returns the mechanism that the D program beside a text measured, for keys
            without one, or an empty text.
    """

    name: str
    summary: str
    read: Callable[[TextSource], ParseResult]
    signature: Callable[[Sample], bool] | None = None
    explain: Explain | None = None
    has_other_output: bool = False
    is_binary: bool = False
    has_documents: bool = False
    has_intervals: bool = False
    mode: str = ""
    states_units: str = ""
    has_fractions: bool = False
    has_weights: bool = False
    has_profiles: bool = False
    is_complete: Callable[[ParseResult], bool] = _is_never_complete
    read_stderr: Callable[[Iterable[str], str], Iterator[Problem]] = parse_diagnostics
    mechanism_of: Callable[[str], str] = _has_no_mechanism
