"""Messages of dtrace on stderr, by kind and with counts.

Drops and probe errors are reported there and only there: without them, an incomplete output file
looks complete. With ``2>&1`` or under ``ssh -t`` the same lines are inside the output; readers pass
them to this module. lockstat(1) has messages of its own, with the prefix ``lockstat: warning:``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pvprof.model.problems import Problem, Severity

_PREFIX = re.compile(r"^(?:dtrace|lockstat): (?:warning: )?")


@dataclass(frozen=True, slots=True)
class _Form:
    """One message of libdtrace.

    Attributes:
        pattern: matches it; may have the groups ``n`` (a count) and ``what`` (part of the text).
        kind: of the problem.
        text: of the problem; messages of equal kind and text are added up.
        severity: of the problem.
    """

    pattern: re.Pattern[str]
    kind: str
    text: str
    severity: Severity = "loss"


def _form(pattern: str, kind: str, text: str, severity: Severity = "loss") -> _Form:
    return _Form(re.compile(pattern), kind, text, severity)


# The messages of libdtrace's dt_consume.c and dt_error.c, as seen in real recordings.
_FORMS = (
    _form(
        r"(?P<n>\d{1,18}) drops? on CPU \d+",
        "drops",
        "records dropped: a principal buffer was full",
    ),
    _form(
        r"(?P<n>\d{1,18}) aggregation drops? on CPU \d+",
        "aggregation-drops",
        "records dropped: an aggregation buffer was full",
    ),
    _form(
        r"(?P<n>\d{1,18}) dynamic variable drops?(?P<what> with non-empty (?:rinsing|dirty) list)?",
        "dynamic-variable-drops",
        "dynamic variable drops{what}: waits went unmeasured",
    ),
    _form(
        r"(?P<n>\d{1,18}) (?:failed )?speculat\w+ .*", "speculative-drops", "speculations dropped"
    ),
    _form(
        r"(?P<n>\d{1,18}) stack string table overflows?", "stack-overflows", "stack strings lost"
    ),
    _form(
        r"error on enabled probe ID \d+ \(ID \d+: (?P<what>.*?\): .*?)(?: in action #\d+.*)?",
        "probe-errors",
        "probe error ({what}",
    ),
    _form(
        r"processing aborted: (?P<what>.*)", "aborted", "dtrace gave up: {what}; END did not run"
    ),
    _form(r"ran out of data records.*", "ran-out", "lockstat ran out of data records"),
    _form(r"(?P<what>buffer size lowered to .*)", "buffer-lowered", "{what}", "note"),
    _form(r"(?:script|description) .* matched \d+ probes?", "matched", "", "note"),
    _form(
        r"sysctl\(kern\.proc\).*: No such process",
        "process-gone",
        "user frames left unnamed: the process had exited",
        "note",
    ),
    _form(r"(?P<what>.+)", "dtrace-message", "dtrace: {what}", "warning"),
)


def is_diagnostic(text: str) -> bool:
    """Tell whether a line is a message of dtrace, not data."""
    return _PREFIX.match(text) is not None


def parse_diagnostics(lines: Iterable[str], file: str) -> Iterator[Problem]:
    """Yield one `Problem` for each distinct message, with the counts added up.

    One note counts the lines that are not dtrace's (the workload's stderr).
    """
    totals: Counter[tuple[str, str, Severity]] = Counter()
    foreign = 0
    for line in lines:
        text = line.strip()
        if not text:
            continue
        prefix = _PREFIX.match(text)
        if prefix is None:
            foreign += 1
            continue
        kind, message, severity, count = _read_message(text[prefix.end() :])
        if kind != "matched":  # the greeting of dtrace, not about the data
            totals[kind, message, severity] += count
    for (kind, message, severity), count in totals.items():
        yield Problem(kind, message, file, count=count, severity=severity)
    if foreign:
        text = "lines on stderr that are not dtrace's (the workload's own?)"
        yield Problem("other-stderr", text, file, count=foreign, severity="note")


def _read_message(text: str) -> tuple[str, str, Severity, int]:
    for form in _FORMS:
        match = form.pattern.fullmatch(text)
        if match:
            groups = match.groupdict()
            message = form.text.format(what=groups.get("what") or "")
            return form.kind, message, form.severity, int(groups.get("n") or 1)
    raise AssertionError(text)  # the last form matches any text that is not empty
