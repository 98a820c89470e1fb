"""Waits that had no end when the recording ended: in a table of their own, in no total."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand

from pvprof.parse.read import ReadOptions, read, read_recording
from pvprof.recording.open import open_recording

MMAP_LOCK = "\n        rwsem_down_write_slowpath+1\n        vm_mmap_pgoff+2\n"
SLEEP = "\n        schedule+1\n        do_nanosleep+2\n"
PIPE = "\n    schedule+1\n    anon_pipe_read+2\n"
BEGIN_NS, END_NS = 10**9, 6 * 10**9


def printed(text: str) -> str:
    return json.dumps({"type": "printf", "data": text}) + "\n"


def a_map(name: str, data: object, kind: str = "map") -> str:
    return json.dumps({"type": kind, "data": {f"@{name}": data}}) + "\n"


def text_of(mode: str, *lines: str) -> bytes:
    head = printed(f"#pvprof 2 {mode} linux ns 0.1.0 frames=32\n")
    begin, end = printed(f"#begin {BEGIN_NS} 1\n"), printed(f"#end {END_NS} {END_NS - BEGIN_NS}\n")
    return "".join((head, begin, *lines, end)).encode()


def since(*seconds_and_stacks: tuple[int, str], is_d: bool = False) -> dict[str, object]:
    return {
        str(1000 + number): [(END_NS - seconds * 10**9) << 1 | is_d, stack]
        for number, (seconds, stack) in enumerate(seconds_and_stacks)
    }


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    ended = {PIPE: {"count": 1, "average": 7, "total": 7}}
    path = tmp_path / "hangs.out"
    path.write_bytes(
        text_of(
            "offcpu",
            printed("#map off_cpu stack\n"),
            printed("#map open tid\n"),
            a_map("off_cpu", ended, "stats"),
            a_map("open", since((4, MMAP_LOCK), (1, MMAP_LOCK), (3, SLEEP))),
        )
    )
    return path


def test_a_thread_that_hangs_is_named_though_its_wait_is_in_no_total(
    recording: Path, run: RunCommand
) -> None:
    shown = run("report", recording).stdout
    assert "Still waiting at the end, in no total: 5.000 s so far in 2 waits" in shown
    row = next(line for line in shown.splitlines() if line.startswith("mmap_lock"))
    assert row.split() == ["mmap_lock", "vm", "map", "5.000", "s", "2", "kernel`vm_mmap_pgoff"]
    assert "nanosleep" not in shown  # of a kind that a report sets aside
    report = json.loads(run("report", recording, "-k", "all", "-o", "-", "--format", "json").stdout)
    (section,) = report["sections"]
    assert section["total"]["value"] == 7
    rows = {row["name"]: (row["value"], row["count"]) for row in section["open_rows"]}
    assert rows == {"mmap_lock": (5 * 10**9, 2), "nanosleep": (3 * 10**9, 1)}


def test_a_recording_of_nothing_but_open_waits_is_shown(tmp_path: Path, run: RunCommand) -> None:
    path = tmp_path / "hangs.out"
    entries = a_map("open", since((4, MMAP_LOCK)))
    path.write_bytes(text_of("offcpu", printed("#map open tid\n"), entries))
    result = run("report", path)
    assert result.exit_code == 0, result.stderr
    assert "4.000 s so far in 1 wait\n" in result.stdout


@pytest.mark.parametrize("format_name", ["markdown", "remarkup", "plain", "html"])
def test_each_format_for_people_shows_them(
    recording: Path, format_name: str, run: RunCommand
) -> None:
    shown = run("report", recording, "-o", "-", "--format", format_name).stdout
    assert "Still waiting at the end" in shown
    assert "vm_mmap_pgoff" in shown


def test_sums_and_single_waits_tell_the_same_open_waits() -> None:
    entries = since((4, MMAP_LOCK), is_d=True)
    sums = read(
        text_of("offcpu", printed("#map open tid\n"), a_map("open", entries)),
        "sums",
        ReadOptions(jobs=1),
    )
    singly = read(
        text_of(
            "events",
            printed("#map stack_of number\n"),
            printed("#map open tid\n"),
            a_map("stack_of", {"65536": MMAP_LOCK}),
            a_map("open", {"1000": [END_NS - 4 * 10**9, 65536 << 1 | 1, 77, ""]}),
        ),
        "singly",
        ReadOptions(jobs=1),
    )
    assert sums.open_waits is not None
    assert singly.open_waits is not None
    assert list(sums.open_waits) == list(singly.open_waits)
    ((key, _, weight),) = sums.open_waits
    assert (key.mechanism, tuple(weight)) == ("off-cpu-d", (4 * 10**9, 1, 1))
    for parsed in (sums, singly):
        assert "at least 4.000 s together" in str(parsed.problems)


def test_a_window_has_no_open_waits(run: RunCommand) -> None:
    """Which waits were open at its end is not known of a part; those that cross it are cut."""
    path = FIXTURES / "linux" / "bpftrace" / "events.pvprof.tar.gz"
    whole = read_recording(open_recording(str(path)), ReadOptions())
    assert whole.open_waits is not None
    result = run("report", path, "-k", "all", "--to", "0.1", "-o", "-", "--format", "json")
    (section,) = json.loads(result.stdout)["sections"]
    assert section["open_rows"] == []


def test_a_page_keeps_them(recording: Path, tmp_path: Path, run: RunCommand) -> None:
    page = tmp_path / "page.html"
    assert run("report", recording, "-o", page).exit_code == 0
    texts = [run("report", path, "-k", "all").stdout for path in (recording, page)]
    tables = [text[text.index("Still waiting") :].partition("\n\n")[0] for text in texts]
    assert tables[0] == tables[1]
    assert "nanosleep" in tables[1]


@pytest.mark.parametrize("value", [[], [3], ["a", MMAP_LOCK], [4, 7], 5, None, "x", [4, "\n0x"]])
def test_a_damaged_entry_is_counted_and_no_crash(value: object) -> None:
    entries = since((4, MMAP_LOCK)) | {"1": value}
    text = text_of("offcpu", printed("#map open tid\n"), a_map("open", entries))
    parsed = read(text, "test", ReadOptions(jobs=1))
    assert parsed.open_waits is not None
    known = sum(weight.count for _, _, weight in parsed.open_waits)
    damaged = sum(problem.count for problem in parsed.problems if problem.kind == "damaged")
    assert known + damaged == 2
