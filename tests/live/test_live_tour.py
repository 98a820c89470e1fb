"""A tour of waits on the running kernel: each is found, named, as long as measured, and its waker.

`tests/live/tour` waits in known ways and measures itself; `tour_steps` says what must be found.
The table in docs/linux.md is written here (``PVPROF_BLESS=1``).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from conftest import require
from helpers.live import pvprof, reason_against
from tour_recordings import TOLERANCE, Recorded, Wait, build, record, report_on, waits_of
from tour_steps import STEPS, TOPICS, WAITS, WAKERS, Step

from pvprof.dataset.load import load_dataset
from pvprof.parse.read import ReadOptions
from pvprof.units import format_ns

DOCUMENT = Path(__file__).parents[2] / "docs/linux.md"
BEGIN, END = "<!-- tour -->\n", "<!-- end of tour -->"
MODES = ("offcpu", "events", "wakeup", "locks", "runq")
MAX_TRIES = 3


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = reason_against()
    require(not reason, reason)
    require(shutil.which("cc") is not None, "cc is not installed: scripts/setup dev")
    return build(tmp_path_factory.mktemp("tour"))


@pytest.fixture(autouse=True, scope="module")
def _own_lock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PVPROF_LOCK", str(tmp_path_factory.mktemp("lock") / "lock"))
        yield


@pytest.fixture(scope="module")
def tour(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Recorded]:
    """Record the tour in each mode."""
    path = tmp_path_factory.mktemp("recorded")
    return {mode: record_all(program, mode, path) for mode in MODES}


def record_all(program: Path, mode: str, path: Path) -> Recorded:
    """Record all steps of a mode; again those that have a fault, so that only lasting ones count.

    A kernel may keep the end of a wait from every tracer, and other programs may use the disk.
    """
    steps = [step for step in STEPS if mode in step.modes]
    recorded = record(program, mode, steps, path / mode)
    for number in range(1, MAX_TRIES):
        names = {step.name for step in steps if recorded.faults_of(step)}
        if not names:
            break
        again = [step for step in steps if step.name in names]
        recorded |= record(program, mode, again, path / f"{mode}-{number}")
    return recorded


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_a_wait_is_found_with_its_name_length_and_waker(
    step: Step, tour: Mapping[str, Recorded]
) -> None:
    for mode in step.modes:
        failed = tour[mode].failed.get(step.name)
        require(failed is None, f"this machine cannot do it: {failed}")
        assert tour[mode].faults_of(step) == []


@pytest.mark.parametrize("mode", ["offcpu", "events", "wakeup"])
def test_no_wait_has_the_name_of_a_function(mode: str, tour: Mapping[str, Recorded]) -> None:
    assert tour[mode].unnamed() == []


def test_waits_of_kernel_threads_have_names(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    options = ("--all", "--kernel-processes", "--by-process", "-q", "--no-symbols")
    workload = (str(program), str(tmp_path), "fsync", "rcu", "nanosleep")
    done = pvprof("record", "offcpu", *options, "-o", str(path), "--", *workload)
    assert done.returncode == 0, done.stderr
    dataset = load_dataset([str(path)], ReadOptions())
    found = {
        name: list(waits_of(report_on(dataset, re.compile(f"^({name})"))))
        for name in ("kworker/", "rcu_(preempt|sched)$", "fsync$")
    }
    assert all(found.values()), found
    for waits in found.values():
        for wait in waits:
            assert wait.is_named, wait


# --- the table ------------------------------------------------------------------------------------


def test_the_table_of_the_tour_agrees_with_what_is_found(request: pytest.FixtureRequest) -> None:
    if os.environ.get("PVPROF_BLESS"):
        tour = request.getfixturevalue("tour")
        before, rest = DOCUMENT.read_text().split(BEGIN)
        after = rest.split(END)[1]
        DOCUMENT.write_text(f"{before}{BEGIN}{table_of(tour)}{END}{after}")
    lines = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    documented = {tuple(row[:2]): row[2:5] for row in rows if len(row) > 1}
    assert list(documented) == [head_of(step) for step in STEPS]
    for step in STEPS:
        names, kinds, wakers = (cell.split("<br>") for cell in documented[head_of(step)])
        assert set(names) <= set(step.waits)
        assert kinds == kinds_of(names)
        assert set(wakers) <= set(step.wakers or ["-"])


def head_of(step: Step) -> tuple[str, str]:
    return f"`{step.name}`", step.does


def kinds_of(names: list[str]) -> list[str]:
    return list(dict.fromkeys(", ".join(WAITS[name]) for name in names))


def table_of(tour: Mapping[str, Recorded]) -> str:
    """Return the table: what was found in each step, and how long by which mode."""
    columns = ("step", "what it does", "wait", "kind, class", "waker", *MODES)
    lines = [row_of(columns), row_of(["---"] * 5 + ["---:"] * (len(columns) - 5))]
    for topic, steps in TOPICS.items():
        lines.append(row_of([f"**{topic}**", *[""] * (len(columns) - 1)]))
        lines += [row_of(cells_of(step, tour)) for step in steps]
    return "".join(lines)


def row_of(cells: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |\n"


def cells_of(step: Step, tour: Mapping[str, Recorded]) -> Iterator[str]:
    found = {mode: waits_in(step, tour[mode]) for mode in step.modes}
    largest = max(sum(wait.value_ns for wait in waits) for waits in found.values())
    names = [
        name
        for name in step.waits
        if any(
            wait.name == name and wait.value_ns > TOLERANCE * largest
            for waits in found.values()
            for wait in waits
        )
    ]
    ended_by = {waker for waits in found.values() for wait in waits for waker in wait.wakers}
    wakers = [
        waker
        for waker in step.wakers
        if any(re.fullmatch(WAKERS[waker].format(step=step.name), one) for one in ended_by)
    ]
    yield from head_of(step)
    yield "<br>".join(names)
    yield "<br>".join(kinds_of(names))
    yield "<br>".join(wakers or ["-"])
    yield from (time_of(step, tour[mode], found.get(mode, [])) for mode in MODES)


def time_of(step: Step, recorded: Recorded, waits: list[Wait]) -> str:
    """Return the time that a mode found, and its share of the time that the step measured."""
    if recorded.mode not in step.modes:
        return ""
    value_ns = sum(wait.value_ns for wait in waits)
    off_cpu_ns = recorded.measured[step.name].off_cpu_ns
    if step.who or not off_cpu_ns:
        return format_ns(value_ns)
    return f"{format_ns(value_ns)}, {100 * value_ns / off_cpu_ns:.1f} %"


def waits_in(step: Step, recorded: Recorded) -> list[Wait]:
    return [wait for wait in recorded.waits[step.id] if wait.name in step.waits]
