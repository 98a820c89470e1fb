"""Processes and threads by their ids: filters, and frames that keep them apart."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand, assert_is_error, csv_rows, folded_total

from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.open import open_recording

EVENTS = FIXTURES / "freebsd-15.1" / "stock-events.pvprof"
WITHOUT_PIDS = RECORDINGS / "events-wakeups.out.gz"
PERF = FIXTURES / "linux" / "perf-sched-fields.txt.gz"
SUMS = RECORDINGS / "stock-offcpu.out"


def waits_by_thread(path: Path) -> Counter[tuple[int, int]]:
    """Return the wait of each (pid, tid), read without any filter."""
    events = read_recording(open_recording(str(path)), ReadOptions()).events
    assert events is not None
    sums: Counter[tuple[int, int]] = Counter()
    columns = (events.pid.tolist(), events.tid.tolist(), events.wait_ns.tolist())
    for pid, tid, wait in zip(*columns, strict=True):
        sums[pid, tid] += wait
    return sums


@pytest.mark.slow
@pytest.mark.parametrize("path", [EVENTS, PERF])
def test_a_filter_on_ids_keeps_the_waits_of_these_threads(run: RunCommand, path: Path) -> None:
    threads = waits_by_thread(path)
    (first, second), *_ = [
        (one, other) for one in threads for other in threads if one[0] < other[0]
    ]
    for option, number, wanted in (
        ("--pid", first[0], [first[0]]),
        ("--tid", first[1], [first[1]]),
    ):
        index = 0 if option == "--pid" else 1
        expected = sum(wait for ids, wait in threads.items() if ids[index] in wanted)
        assert expected > 0
        result = run("fold", "-k", "all", path, option, number)
        assert folded_total(result.stdout) == expected
        assert f"not {option} {number} " in result.stderr
        assert "-k all" not in result.stderr  # it would not show them
        shown = json.loads(
            run("report", "-k", "all", path, option, number, "--format", "json").stdout
        )
        section = shown["sections"][0]
        assert section["kept"]["value"] == expected
        assert sum(one["value"] for one in section["set_aside"]) == sum(threads.values()) - expected
    both = run("fold", "-q", "-k", "all", path, "--pid", first[0], "--pid", second[0]).stdout
    expected = sum(wait for ids, wait in threads.items() if ids[0] in (first[0], second[0]))
    assert folded_total(both) == expected


@pytest.mark.parametrize("path", [EVENTS, PERF])
@pytest.mark.parametrize("ids", ["pid", "tid"])
def test_frames_with_ids_keep_processes_and_threads_apart(
    run: RunCommand, path: Path, ids: str
) -> None:
    sums: Counter[tuple[int, ...]] = Counter()
    for (pid, tid), wait in waits_by_thread(path).items():
        sums[(pid,) if ids == "pid" else (pid, tid)] += wait
    shown: Counter[tuple[int, ...]] = Counter()
    result = run("fold", "-q", "-k", "all", path, "--ids", ids)
    for line in result.stdout.splitlines():
        process = line.split(";")[0]
        shown[tuple(map(int, process.split("/")[-len(next(iter(sums))) :]))] += folded_total(line)
    assert shown == sums


def test_ids_change_neither_tables_nor_what_other_filters_keep(run: RunCommand) -> None:
    pids = {pid for pid, _ in waits_by_thread(EVENTS)}
    every = [word for pid in pids for word in ("--pid", str(pid))]
    plain = csv_rows(run("report", "-k", "all", EVENTS, "--format", "csv"))
    assert csv_rows(run("report", "-k", "all", EVENTS, *every, "--format", "csv")) == plain
    assert run("fold", "-q", EVENTS, *every).stdout == run("fold", "-q", EVENTS).stdout
    chain = ("fold", "-q", EVENTS, "--chain", "wakers")
    assert run(*chain, *every).stdout == run(*chain).stdout
    name = run("fold", "-q", EVENTS).stdout.split(";")[0]
    kept = ("fold", "-q", EVENTS, "--execname", f"^{name}$")
    assert folded_total(run(*kept, "--ids", "tid").stdout) == folded_total(run(*kept).stdout)


def test_a_page_of_one_process_has_all_data_and_shows_one(run: RunCommand, tmp_path: Path) -> None:
    (pid, _), *_ = waits_by_thread(EVENTS)
    page = tmp_path / "x.html"
    done = run("report", EVENTS, "-k", "all", "--pid", pid, "-o", page)
    assert done.exit_code == 0, done.stderr
    assert (
        run("fold", "-q", "-k", "all", page).stdout == run("fold", "-q", "-k", "all", EVENTS).stdout
    )


def test_sums_have_no_ids_and_that_is_reported(run: RunCommand) -> None:
    hint = "pvprof record events records them; perf script -F +pid prints them"
    error = run("fold", SUMS, "--pid", "4711")
    assert assert_is_error(error) == "pvprof: error: no process id matches '4711'"
    assert hint in error.stderr
    result = run("fold", SUMS, "--ids", "pid")
    assert result.stdout == run("fold", SUMS).stdout
    assert f"warning: stock-offcpu: ids of processes were not recorded: {hint}" in result.stderr


def test_an_id_that_was_not_recorded_is_a_dash(run: RunCommand) -> None:
    result = run("fold", WITHOUT_PIDS, "--ids", "tid")
    assert re.match(r"[^;/]+/-/\d+;", result.stdout)
    assert "ids of" not in result.stderr
    result = run("fold", WITHOUT_PIDS, "--ids", "pid")
    assert result.stdout == run("fold", WITHOUT_PIDS).stdout
    assert "warning: events-wakeups: ids of processes were not recorded" in result.stderr


def test_an_id_that_no_wait_has_is_refused_with_those_that_waits_have(run: RunCommand) -> None:
    error = assert_is_error(run("report", EVENTS, "--tid", "1"))
    assert error.startswith("pvprof: error: no thread id matches '1' (1")


SAMPLES = b"""\
cc  10/11  [000] 1.000000:     100 cycles:
\t1 f (/bin/cc)
\t2 main (/bin/cc)

cc  10/12  [001] 1.000001:     200 cycles:
\t1 f (/bin/cc)
\t2 main (/bin/cc)

cc  20/20  [001] 1.000002:     400 cycles:
\t1 f (/bin/cc)
\t2 main (/bin/cc)

"""


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), ["cc;cc`main;cc`f 700"]),
        (("--ids", "pid"), ["cc/10;cc`main;cc`f 300", "cc/20;cc`main;cc`f 400"]),
        (
            ("--ids", "tid"),
            ["cc/10/11;cc`main;cc`f 100", "cc/10/12;cc`main;cc`f 200", "cc/20/20;cc`main;cc`f 400"],
        ),
        (("--ids", "pid", "--weight", "samples"), ["cc/10;cc`main;cc`f 2", "cc/20;cc`main;cc`f 1"]),
        (("--pid", "10"), ["cc;cc`main;cc`f 300"]),
        (("--tid", "12", "--tid", "20"), ["cc;cc`main;cc`f 600"]),
        (("--tid", "12", "--ids", "pid"), ["cc/10;cc`main;cc`f 200"]),
        (("--pid", "10", "--from", "0.000001"), ["cc;cc`main;cc`f 200"]),
    ],
)
def test_samples_of_perf_have_ids(
    run: RunCommand, options: tuple[str, ...], lines: list[str]
) -> None:
    result = run("fold", "-", "-k", "all", *options, stdin=SAMPLES)
    assert [line for line in result.stdout.splitlines() if line[0] != "#"] == lines
    assert ("not --" in result.stderr) == ("--pid" in options or "--tid" in options)
    assert "ids of" not in result.stderr


def test_one_number_is_the_id_of_a_thread(run: RunCommand) -> None:
    text = SAMPLES.replace(b"10/", b"").replace(b"20/", b"")
    lines = run("fold", "-", "--ids", "tid", "--weight", "samples", stdin=text).stdout.splitlines()
    assert [line.split(";")[0] for line in lines if line[0] != "#"] == [
        "cc/-/11",
        "cc/-/12",
        "cc/-/20",
    ]
    result = run("fold", "-", "--ids", "pid", "--weight", "samples", stdin=text)
    assert result.stdout.endswith("cc;cc`main;cc`f 3\n")
    assert "ids of processes were not recorded" in result.stderr


def test_samples_printed_without_ids_have_none(run: RunCommand) -> None:
    text = b"cc [000] 1.000000: 100 cycles:\n\t1 f (/bin/cc)\n\n"
    result = run("fold", "-", "--ids", "pid", stdin=text)
    assert result.stdout.endswith("cc;cc`f 100\n")
    assert "ids of processes were not recorded" in result.stderr


BCC = """\
{heading}

    schedule
    do_syscall_64
    read
    -                sshd (1234)
        7

    schedule
    do_syscall_64
    read
    -                sshd (77)
        5

"""
OFFCPUTIME = BCC.format(
    heading="Tracing off-CPU time (us) of all threads by kernel stack for 2 secs."
)
PROFILE = BCC.format(heading="Sampling at 49 Hertz of all threads by kernel stack for 2 secs.")


def test_bcc_prints_the_thread_of_a_wait_and_the_process_of_a_sample(run: RunCommand) -> None:
    def roots(text: str, *options: str) -> dict[str, int]:
        lines = run("fold", "-", "-q", "-k", "all", *options, stdin=text.encode()).stdout
        return {line.split(";")[0]: folded_total(line) for line in lines.splitlines()}

    assert roots(OFFCPUTIME) == {"sshd": 12_000}
    assert roots(OFFCPUTIME, "--ids", "tid") == {"sshd/-/1234": 7_000, "sshd/-/77": 5_000}
    assert roots(OFFCPUTIME, "--ids", "pid") == {"sshd": 12_000}
    assert roots(OFFCPUTIME, "--tid", "77") == {"sshd": 5_000}
    assert roots(PROFILE, "--ids", "pid") == {"sshd/1234": 7, "sshd/77": 5}
    assert roots(PROFILE, "--pid", "1234") == {"sshd": 7}
