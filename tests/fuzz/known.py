"""Damage that no reader can see, because the format says nothing twice.

docs/reliability.md lists it. A result must mention all other damage that changes a sum.
"""

from __future__ import annotations

UNSEEN: dict[str, dict[str, str]] = {
    "folded": {
        "drop_line": "each line is a record, and nothing says how many there are",
        "cut": "the same, if the text ends between two lines or within the digits of a number",
        "flip": "a newline that becomes another character leaves one line with two stacks",
    },
    "differential": {
        "drop_line": "as in folded stacks",
        "cut": "as in folded stacks",
        "flip": "as in folded stacks",
    },
    "rows": {
        "drop_line": "each line is a record, and nothing says how many there are",
        "cut": "the same, if the text ends between two lines",
        "join_lines": "a name may hold blanks and numbers; only functions and totals tell",
        "flip": "a newline that becomes another character leaves one line with two names",
    },
    "bpftrace-json": {
        "drop_line": "each map is a line, and nothing says how many there are",
        "cut": "the same, if the text ends between two lines",
    },
    "bpftrace": {
        "drop_line": "the same, and bpftrace prints nothing of an empty map",
    },
    "lockstat": {
        "cut": "above the first table are lines of the workload, which may look like dtrace's",
    },
    "lock-profiling": {
        "drop_line": "each line is a lock, and nothing says how many there are",
    },
    "events": {
        "cut": "earlier programs print no end mark, and stacks do not state their length",
    },
    "pmcstat-log": {
        "cut": "pmcstat writes no end mark if it is killed",
    },
    "single-stacks": {
        "drop_line": "without the row of its event, a stack belongs to the event above it",
        "flip": "the same, if the row is no longer one",
        "join_lines": "the same",
        "cut": "as in classic, if the text ends between two records",
    },
    "classic": {
        "drop_line": "a value without a stack is a whole record of one line",
        "join_lines": "two such values in one line are a value and a count",
        "cut": "dtrace prints nothing behind the last record",
        "flip": "values without stacks, above a line that is no value any more, are frames",
    },
    "thread": {
        "cut": "as in classic",
    },
    "histogram": {
        "cut": "as in classic",
        "flip": "a name with a backtick is that of a function",
    },
    "bcc": {
        "cut": "the tools print nothing behind the last record",
    },
    "perf": {
        "flip": "another letter in the name of an event makes it another event",
        "drop_line": "a switch may be one line, and not all switches of a CPU need be there",
        "cut": "perf prints nothing behind the last event, which may be one line",
    },
    "keyed": {
        "drop_line": 'printa("%20s%k%@d"): a process without its value may be a frame',
        "join_lines": "digits behind an address are digits of the address",
        "flip": "the same, if the newline in front of a value becomes another character",
        "cut": "as in classic",
    },
}
"""By the name of a target and of a mutation: why sums may change in silence."""


def is_known(kind: str) -> bool:
    """Tell whether a kind of failure is damage that no reader can see."""
    target, _, failure = kind.partition(": ")
    mutation = failure.removeprefix("silence: ")
    return mutation != failure and mutation in UNSEEN.get(target, {})
