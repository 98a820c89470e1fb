"""pvprof beside perf, libbpf-tools and the kernel's own statistics, on one load at one time."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from conftest import require
from helpers.live import reason_against
from helpers.programs import ROOT
from peers import PROGRAMS, Told, measure
from peers_load import RUN_S

DOCUMENT = ROOT / "docs" / "linux.md"
MAX_ATTEMPTS = 3
BEGIN, END = "<!-- peers -->", "<!-- end of peers -->"


@dataclass(frozen=True, slots=True)
class Check:
    """What pvprof and another tool say of one process.

    Attributes:
        mode: of pvprof, and what of it is compared.
        tool: the other one.
        process: of the load.
        allowed: the largest difference, as a share.
        reason: for the difference.
        unit: what is compared: "ms", or "waits".
        more_us: allowed besides, for each wait.
        known_ms: how long the process waits by its making; pvprof may find that much, whatever the
            other tool lacks.
    """

    mode: str
    tool: str
    process: str
    allowed: float
    reason: str
    unit: str = "ms"
    more_us: int = 0
    known_ms: float = 0

    def values(self, told: dict[str, Told]) -> tuple[float, float]:
        """Return pvprof's value and the other tool's."""
        ours, theirs = told[self.mode], told[self.tool]
        if self.unit == "waits":
            return ours.count[self.process], theirs.count[self.process]
        return ours.ns[self.process] / 1e6, theirs.ns[self.process] / 1e6


LOST = "hidden switches, see below"
SHORT = "waits of microseconds: tracing itself is a part of them"
CHECKS = (
    Check("offcpu", "timehist", "zsleep", 0.05, LOST, known_ms=1000 * RUN_S),
    Check("offcpu", "timehist", "zpipe", 0.05, LOST, known_ms=1000 * RUN_S),
    Check("offcpu", "timehist", "zturn", 0.15, SHORT, more_us=5),
    Check("offcpu, interruptible", "offcputime", "zpipe", 0.05, LOST),
    Check("offcpu, interruptible", "offcputime", "zturn", 0.15, SHORT, more_us=5),
    Check("runq", "schedstat", "zburn", 0.12, LOST),
    Check("runq", "schedstat", "zturn", 0.2, SHORT, more_us=5),
    Check("runq", "timehist, delays", "zburn", 0.05, LOST),
    Check("runq", "runqlat", "zburn", 0.05, LOST, "waits"),
    Check("runq", "runqlat", "zturn", 0.02, LOST, "waits"),
    Check("locks", "lock contention", "zlock", 0.03, "perf prints three digits"),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """Return the results of each tool; it takes half a minute, once.

    perf cannot always read what it wrote ("Bad address" on a busy machine): then all is repeated.
    """
    reason = reason_against()
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    require(not reason and not missing, reason or f"not installed: {missing}: scripts/setup dev")
    for _ in range(MAX_ATTEMPTS - 1):
        with contextlib.suppress(subprocess.CalledProcessError):
            return measure(tmp_path_factory.mktemp("peers"))
    return measure(tmp_path_factory.mktemp("peers"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.tool} {check.process}")
def test_pvprof_agrees_with_other_tools(check: Check, told: dict[str, Told]) -> None:
    ours, theirs = check.values(told)
    assert theirs > 0
    more_ms = check.more_us * told[check.mode].count[check.process] / 1000
    allowed = check.allowed * theirs + more_ms
    assert theirs - allowed <= ours <= max(theirs + allowed, 1.05 * check.known_ms)


def test_no_wait_for_a_cpu_is_shorter_than_its_bucket(told: dict[str, Told]) -> None:
    """A histogram of runqlat has powers of two: the sum is between once and twice the least.

    Of waits of microseconds, tracing itself is a part, as in `CHECKS`.
    """
    for process, more_us in (("zburn", 0), ("zturn", 5)):
        least_ns = told["runqlat"].ns[process]
        more_ns = more_us * 1000 * told["runq"].count[process]
        assert 0.95 * least_ns <= told["runq"].ns[process] <= 2.1 * least_ns + more_ns


def test_the_table_in_the_documents_is_of_these_checks(told: dict[str, Told]) -> None:
    text = DOCUMENT.read_text()
    if os.environ.get("PVPROF_BLESS"):
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        text = "\n".join([before + BEGIN, *table(told), END + after])
        DOCUMENT.write_text(text)
    written = text.partition(BEGIN)[2].partition(END)[0]
    figures = re.compile(r"\d[\d,.]*")
    assert figures.sub("0", written.strip()) == figures.sub("0", "\n".join(table(told)))


def table(told: dict[str, Told]) -> list[str]:
    lines = ["| pvprof's | beside | process | pvprof | other | ratio | allowed | why not closer |"]
    lines.append("|---|---|---|---:|---:|---:|---:|---|")
    for check in CHECKS:
        ours, theirs = check.values(told)
        digits = 0 if check.unit == "waits" else 1
        cells = [check.mode, NAMES[check.tool], check.process]
        cells += [f"{value:,.{digits}f} {check.unit}" for value in (ours, theirs)]
        cells += [f"{ours / theirs:.3f}", f"{check.allowed * 100:.0f} %", check.reason]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


NAMES = {
    "timehist": "`perf sched timehist`, not runnable",
    "timehist, delays": "`perf sched timehist`, runnable",
    "lock contention": "`perf lock contention`",
    "offcputime": "`offcputime --state 1`",
    "runqlat": "`runqlat -P`",
    "schedstat": "`/proc/PID/schedstat`",
}
