"""The first screen of a report is the answer: tables, then notes; rows as they are asked for."""

from __future__ import annotations

import re

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand

EVENTS = RECORDINGS / "events.out.gz"
LOCKSTAT = RECORDINGS / "lockstat-1.out"
PROFILING = RECORDINGS / "lock-profiling.sysctl.out"
WAKEUPS = RECORDINGS / "events-wakeups.out.gz"


def table_of(text: str) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of the first table."""
    lines = text.splitlines()
    rule = next(number for number, line in enumerate(lines) if set(line) == {"─", " "})
    ends = [match.end() for match in re.finditer("─+", lines[rule])]
    begins = [match.start() for match in re.finditer("─+", lines[rule])]

    def cells(line: str) -> list[str]:
        return [line[begin:end].strip() for begin, end in zip(begins, ends, strict=True)]

    rows = []
    for line in lines[rule + 1 :]:
        if not line.strip() or line.startswith("not shown"):
            break
        rows.append(cells(line))
    return cells(lines[rule - 1]), rows


def names(run: RunCommand, *words: object) -> list[str]:
    return [row[0] for row in table_of(run("locks", *words, "-q").stdout)[1]]


def test_the_first_row_is_on_the_first_screen(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("report", LOCKSTAT).stdout.splitlines()
    assert any("pmap pv list" in line for line in lines[:14])


def test_losses_are_one_line_with_their_share_below_the_sum(run: RunCommand) -> None:
    lines = run("report", LOCKSTAT).stdout.splitlines()
    assert lines[2].startswith("Off-CPU and lock time: 8.052 s")
    assert lines[3] == (
        "Data are missing, totals are too low: 282,550 of 283,999 waits (99.5%),"
        " and how much is not known: lockstat ran out of data records"
    )


def test_quiet_leaves_the_notes_out_of_the_text_too(run: RunCommand) -> None:
    text = run("report", PROFILING, "-q").stdout
    assert "note:" not in text
    assert "Records:" not in text
    assert "note: 594 x" in run("report", PROFILING).stdout


def test_few_notes_are_listed_and_v_lists_all(run: RunCommand) -> None:
    notes = b"".join(
        b"dtrace: script 'x' matched\ndtrace: buffer size lowered to %dm\n" % n for n in range(9)
    )
    text = b"\nturnstile|a lock\nkernel`f\n5000 1\n" + notes
    few = run("report", "-", stdin=text).stdout
    assert few.count("note: ") == 5
    assert "4 more notes: -v lists them" in few
    assert run("report", "-", "-v", stdin=text).stdout.count("note: ") == 9


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "locks"])
@pytest.mark.parametrize("name", ["events.out.gz", "stock-offcpu.out", "lockstat-provider.out"])
def test_80_columns_show_name_class_wait_share_count_mean_and_caller(
    run: RunCommand, command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run(command, RECORDINGS / name, "--symbols", SYMBOLS).stdout
    headings, rows = table_of(text)
    assert headings[:6] == ["Lock or wait", "Class", "Wait", "Share", "Count", "Mean"]
    assert headings[6] == "Top caller"
    assert all(row[6] for row in rows if not row[0].startswith("("))
    assert max(map(len, text.splitlines())) <= 80


def test_files_and_pipes_have_every_column(run: RunCommand) -> None:
    text = run("report", EVENTS).stdout
    assert "not shown" not in text
    assert "kernel`tmpfs_pager_update_writecount" in text
    assert {"Top caller", "Top owner", "Stacks", "p99", "Union"} <= set(table_of(text)[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "first"),
    [
        ("count", "vmpfw"),
        ("mean", "pmap pv list"),
        ("max", "vmpfw"),
        ("p99", "vmpfw"),
        ("name", "pmap pv list"),
        ("union", "vm object"),
    ],
)
def test_rows_are_sorted_by_the_column_that_is_asked_for(
    run: RunCommand, column: str, first: str
) -> None:
    assert names(run, EVENTS, "--sort", column)[0] == first


def test_a_column_that_is_not_there_is_an_error_that_lists_the_columns(run: RunCommand) -> None:
    result = run("report", EVENTS, "--sort", "weight")
    assert result.exit_code == 2
    assert "--sort weight: no such column" in result.stderr
    assert "columns: name, class, wait, share, count, mean, caller" in result.stderr


def test_rows_with_a_small_share_are_added_up_in_one(run: RunCommand) -> None:
    text = run("locks", EVENTS, "-q", "--min-share", "10").stdout
    _, rows = table_of(text)
    assert [row[0] for row in rows] == ["vmpfw", "vm object", "tmpfs", "(4 more rows)"]
    assert rows[3][2:5] == ["205.4 ms", "14.8%", "15"]


def test_limit_is_another_name_of_top(run: RunCommand) -> None:
    limited = run("locks", EVENTS, "-q", "--limit", "2").stdout
    assert limited == run("locks", EVENTS, "-q", "--top", "2").stdout
    assert "(5 more rows)" in limited


def test_processes_are_no_locks(run: RunCommand) -> None:
    text = run("report", WAKEUPS).stdout
    assert table_of(text)[0][0] == "Process"
    assert "Sleep times by waker, a part of the waits above: " in text
    assert "Told again" not in text


@pytest.mark.slow
def test_no_sentence_has_raw_nanoseconds(run: RunCommand) -> None:
    for path in (EVENTS, LOCKSTAT, WAKEUPS):
        text = run("report", path, "-v").stdout
        assert not re.search(r"\d{5,} (?:ns|µs)|\d,\d{3},\d{3} ns", text)
    assert "5.0 % more: times may be wrong by that much" in run("report", EVENTS).stdout


def test_what_is_set_aside_comes_with_the_option_that_shows_it(run: RunCommand) -> None:
    assert "-k child" in run("report", EVENTS).stdout
    assert "without --name pmap" in run("report", EVENTS, "--name", "pmap").stdout


def test_equal_notes_of_several_recordings_are_one(run: RunCommand) -> None:
    stock = RECORDINGS / "stock-offcpu.out"
    text = run(
        "report", stock, RECORDINGS / "sdt-offcpu.out", RECORDINGS / "seed-offcpu.out"
    ).stdout
    assert text.count("kernel addresses without a name") == 1
    assert "(3 recordings)" in text
