"""Messages of dtrace on stderr are counted by kind, as grep counts them in the real files."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from conftest import read_recording_bytes

from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics


def counts(lines: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for problem in parse_diagnostics(lines, "err"):
        found[problem.kind] += problem.count
    return found


def test_the_drops_of_the_real_file_add_up() -> None:
    text = read_recording_bytes("drops.err").decode()
    wanted = Counter(
        {
            "drops": sum(map(int, re.findall(r"^dtrace: (\d+) drops? on CPU", text, re.M))),
            "dynamic-variable-drops": sum(
                map(int, re.findall(r"^dtrace: (\d+) dynamic variable drops?", text, re.M))
            ),
            "probe-errors": len(re.findall("^dtrace: error on enabled probe", text, re.M)),
        }
    )
    assert min(wanted.values()) > 0
    assert counts(text.splitlines()) == wanted


def test_an_aborted_run_is_reported() -> None:
    text = read_recording_bytes("build-events.err").decode()
    assert counts(text.splitlines()) == {"buffer-lowered": 1, "drops": 2737, "aborted": 1}


@pytest.mark.parametrize(
    ("line", "kind", "count", "severity"),
    [
        ("dtrace: 13 drops on CPU 5", "drops", 13, "loss"),
        ("dtrace: 1 drop on CPU 6", "drops", 1, "loss"),
        ("dtrace: 7 aggregation drops on CPU 0", "aggregation-drops", 7, "loss"),
        ("dtrace: 8 dynamic variable drops", "dynamic-variable-drops", 8, "loss"),
        (
            "lockstat: warning: 22792 dynamic variable drops with non-empty rinsing list",
            "dynamic-variable-drops",
            22792,
            "loss",
        ),
        ("dtrace: buffer size lowered to 4m", "buffer-lowered", 1, "note"),
        ("dtrace: sysctl(kern.proc): No such process", "process-gone", 1, "note"),
        ("dtrace: something never seen", "dtrace-message", 1, "warning"),
        ("make: *** no rule", "other-stderr", 1, "note"),
    ],
)
def test_each_message_has_its_kind(line: str, kind: str, count: int, severity: str) -> None:
    (problem,) = parse_diagnostics([line], "err")
    assert (problem.kind, problem.count, problem.severity) == (kind, count, severity)
    assert is_diagnostic(line) == (kind != "other-stderr")


def test_a_greeting_is_no_problem() -> None:
    assert list(parse_diagnostics(["dtrace: script '/tmp/x.d' matched 2 probes", ""], "err")) == []


def test_errors_of_different_probes_stay_apart() -> None:
    form = "dtrace: error on enabled probe ID 2 (ID {}: sched:kernel:none:{}): {} in action #5"
    lines = [
        form.format(52, "on-cpu", "invalid address (0x0)"),
        form.format(52, "on-cpu", "invalid address (0x0)"),
        form.format(53, "sleep", "invalid address (0x8)"),
    ]
    found = {problem.text: problem.count for problem in parse_diagnostics(lines, "err")}
    assert found == {
        "probe error (sched:kernel:none:on-cpu): invalid address (0x0)": 2,
        "probe error (sched:kernel:none:sleep): invalid address (0x8)": 1,
    }
