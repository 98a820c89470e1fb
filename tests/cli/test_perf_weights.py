"""``--weight``: what a sample of ``perf script`` weighs; ``--from`` and ``--to`` for samples."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.command_line import RunCommand, assert_is_error

RECORD = (
    "sh 5/5 [000] {time}: {period} {event}: {arguments}\n\t1 {leaf} (/bin/a)\n\t2 main (/bin/a)\n\n"
)


def text_of(event: str, *records: tuple[str, str, int], arguments: str = "") -> str:
    """Return records of an event: time, leaf, period."""
    return "".join(
        RECORD.format(time=time, leaf=leaf, period=period, event=event, arguments=arguments)
        for time, leaf, period in records
    )


FAULTS = text_of("page-faults", ("1.000000", "f", 3), ("2.000000", "g", 40), ("3.500000", "f", 5))
CLOCK = text_of("cpu-clock:u", ("1.000000", "f", 250_000), ("2.250000", "f", 249_999))
KMALLOC = text_of("kmem:kmalloc", ("1.500000", "f", 1), ("2.500000", "h", 1), arguments="ptr=0x1")
DELAYS = text_of("sched:sched_stat_sleep", ("1.500000", "f", 7_000_001), arguments="comm=sh pid=5")


def folded(run: RunCommand, text: str, *options: str) -> tuple[str, dict[str, int]]:
    """Return the unit of folded stacks, and the value of each by its last frame."""
    report = run("report", "-", "-k", "all", *options, "--format", "json", stdin=text.encode())
    assert report.exit_code == 0, report.stderr
    done = run("fold", "-", "-k", "all", *options, stdin=text.encode())
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    pairs = (line.rpartition(" ") for line in lines)
    leaves = {stack.rpartition(";")[2].removeprefix("a`"): int(value) for stack, _, value in pairs}
    return json.loads(report.stdout)["sections"][0]["unit"], leaves


@pytest.mark.parametrize(
    ("text", "weight", "unit", "values"),
    [
        (FAULTS, "", "page-faults", {"f": 8, "g": 40}),
        (FAULTS, "period", "page-faults", {"f": 8, "g": 40}),
        (FAULTS, "samples", "samples", {"f": 2, "g": 1}),
        (FAULTS, "events", "events", {"f": 2, "g": 1}),
        (CLOCK, "", "samples", {"f": 2}),
        (CLOCK, "period", "ns", {"f": 499_999}),
        (CLOCK.replace("cpu-clock:u", "task-clock/freq=99/"), "", "samples", {"f": 2}),
        (KMALLOC, "", "events", {"kmem:kmalloc": 1}),
        (KMALLOC, "samples", "samples", {"kmem:kmalloc": 1}),
        (DELAYS, "", "events", {"sched:sched_stat_sleep": 1}),
        (DELAYS, "period", "ns", {"sched:sched_stat_sleep": 7_000_001}),
    ],
)
def test_a_record_weighs_what_was_asked(
    run: RunCommand, text: str, weight: str, unit: str, values: dict[str, int]
) -> None:
    assert folded(run, text, *(("--weight", weight) if weight else ())) == (unit, values)


@pytest.mark.parametrize(
    ("event", "unit"),
    [
        ("cpu/cycles/Pu", "cycles"),
        ("cpu_core/cycles/u", "cycles"),
        ("cpu/event=0x3c,name=my_loads/", "my_loads"),
        ("cpu/mem-loads,ldlat=30/P", "mem-loads,ldlat=30"),
        ("instructions:ppp", "instructions"),
        ("page-faults/freq=99,call-graph=fp/u", "page-faults"),
        ("L1-dcache-load-misses", "L1-dcache-load-misses"),
        ("raw 0x3c", "raw-0x3c"),
        ("mem:0x12/4:rw", "accesses"),
    ],
)
def test_the_unit_is_the_name_of_the_event(run: RunCommand, event: str, unit: str) -> None:
    assert folded(run, FAULTS.replace("page-faults", event)) == (unit, {"f": 8, "g": 40})


def test_the_time_of_threads_that_ran_is_no_time_off_the_cpu(run: RunCommand) -> None:
    report = run("report", "-", "--weight", "period", stdin=CLOCK.encode()).stdout
    assert "\nTime: 500.0 µs (Running)" in report
    assert "Off-CPU" not in report
    delays = run("report", "-", "--weight", "period", stdin=DELAYS.encode()).stdout
    assert "\nOff-CPU and lock time: 7.000 ms" in delays


def test_samples_without_periods_are_counted(run: RunCommand) -> None:
    text = FAULTS.replace(": 3 ", ": ").replace(": 40 ", ": ").replace(": 5 ", ": ")
    assert folded(run, text) == ("samples", {"f": 2, "g": 1})
    done = run("fold", "-", "--weight", "period", stdin=text.encode())
    assert "page-faults has no periods" in assert_is_error(done, 2)
    assert "perf script -F +period" in done.stderr


def test_a_text_of_another_tool_has_no_weights(run: RunCommand) -> None:
    done = run("fold", "-", "--weight", "period", stdin=b"a;b 3\n")
    assert "--weight: only perf script" in assert_is_error(done, 2)


def test_periods_of_tracepoints_that_are_left_out_are_a_note(run: RunCommand) -> None:
    note = "--weight period adds them up"
    assert note in run("fold", "-", stdin=DELAYS.encode()).stderr
    assert note not in run("fold", "-", stdin=KMALLOC.encode()).stderr
    assert note not in run("fold", "-", "--weight", "period", stdin=DELAYS.encode()).stderr


def test_a_report_never_adds_up_two_events(run: RunCommand) -> None:
    text = FAULTS + CLOCK + KMALLOC + FAULTS.replace("page-faults", "cycles:u")
    done = run("report", "-", "-k", "all", "--format", "json", stdin=text.encode())
    sections = json.loads(done.stdout)["sections"]
    found = [(one["mode"], one["unit"], one["total"]["value"]) for one in sections]
    assert found == [
        ("cpu-clock:u", "samples", 2),
        ("kmem:kmalloc", "events", 2),
        ("cycles:u", "cycles", 48),
        ("page-faults", "page-faults", 48),
    ]
    for mode, _, value in found:
        lines = run("fold", "-", "--measure", mode, stdin=text.encode()).stdout.splitlines()
        values = [int(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")]
        assert sum(values) == value


def test_an_import_keeps_the_weight(run: RunCommand, tmp_path: Path) -> None:
    text = tmp_path / "perf.txt"
    text.write_text(FAULTS)
    recording = tmp_path / "perf.pvprof"
    done = run("import", text, "--weight", "samples", "-o", recording)
    assert done.exit_code == 0, done.stderr
    assert run("fold", recording).stdout == run("fold", text, "--weight", "samples").stdout


# ---- parts of the time ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", [FAULTS, FAULTS + CLOCK, CLOCK + KMALLOC])
@pytest.mark.parametrize("moments", [("1",), ("0.5", "1.25"), ("1.0", "1.2499"), ("-0.5",)])
def test_windows_of_samples_add_up(run: RunCommand, text: str, moments: tuple[str, ...]) -> None:
    bounds = [*pairwise((None, *moments, None))]

    def totals(*options: str) -> Counter[str]:
        done = run("report", "-", "-k", "all", *options, "--format", "json", stdin=text.encode())
        assert done.exit_code == 0, done.stderr
        sections = json.loads(done.stdout)["sections"]
        return Counter({f"{one['mode']}": one["total"]["value"] for one in sections})

    parts: Counter[str] = Counter()
    for since, until in bounds:
        window = [*(("--from", since) if since else ()), *(("--to", until) if until else ())]
        parts += totals(*window)
    assert parts == totals()


def test_a_window_of_samples_holds_its_first_moment_and_not_its_last(run: RunCommand) -> None:
    text = text_of("cpu-clock", *((f"1.{n}00000", f"f{n}", 1) for n in range(10)))
    assert folded(run, text, "--from", "0.2", "--to", "0.5")[1] == {"f2": 1, "f3": 1, "f4": 1}
    assert folded(run, text, "--from", "0.8")[1] == {"f8": 1, "f9": 1}


def test_samples_without_times_have_no_windows(run: RunCommand) -> None:
    text = "sh 5 cycles: \n\t1 main (/bin/a)\n\n" * 2
    done = run("fold", "-", "--from", "1", stdin=text.encode())
    assert "perf script printed no times" in assert_is_error(done, 2)
    done = run("fold", "-", "--from", "9", stdin=FAULTS.encode())
    assert "the recording lasts 2.500 s" in assert_is_error(done, 2)
