"""Texts that are damaged or made to harm: an answer at once, and nothing lost in silence."""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path

import pytest
from conftest import read_recording_bytes
from helpers.command_line import RunCommand
from helpers.mixing import outcome_of, texts_by_layout

from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.text.frames import strip_arguments
from pvprof.recording.limits import MAX_FRAMES

LENGTH = 100_000
"""Of a line: a pattern that takes time with its square would take minutes."""

RUNS = (
    "1",
    "`",
    "_",
    "(",
    ":",
    "@",
    "@[",
    "1.",
    "1 ",
    "a;",
    "a:",
    "1% ",
    "= 5 5",
    "+0x1",
    "[000] ",
)


@pytest.mark.parametrize("end", ["\n", " 5\n", " x\n"], ids=["bare", "number", "word"])
@pytest.mark.parametrize("run_of", RUNS)
def test_a_line_of_any_length_is_recognised_or_refused_at_once(run_of: str, end: str) -> None:
    text = (run_of * (LENGTH // len(run_of)) + end).encode()
    try:
        parsed = read(text, "x", ReadOptions())
    except PvprofError:
        return
    assert parsed.records


SWITCH = b"sh  7 [000]  1.000005: sched:sched_switch: "
HISTOGRAM_OF_BCC = (
    b"\n     usecs               : count    distribution\n"
    b"         0 -> 1          : 3        |*****|\n"
)
LONG_LINES = {
    "blanks in a heading of lockstat": (
        "lockstat",
        b"Spin lock spin: 95 events in 4.519 seconds (21 events/sec)\nCount indv cuml rcnt",
        b" ",
        b"!\n",
    ),
    "digits of a process": ("bcc-histogram", b"pid = ", b"1", HISTOGRAM_OF_BCC),
    "threads of a switch": ("perf", SWITCH, b"sh:7 [120] S ==> ", b"!\n"),
    "blanks of a switch": ("perf", SWITCH, b" ", b"!\n"),
}
"""For each: a layout, the beginning of a line, what is repeated in it, and its end."""


@pytest.mark.parametrize("case", LONG_LINES)
def test_a_line_that_is_long_in_one_place_is_read_at_once(case: str) -> None:
    layout, begin, run_of, end = LONG_LINES[case]
    assert is_answered(begin + run_of * (LENGTH // len(run_of)) + end, layout)


def test_qualifiers_of_any_number_are_cut_off_at_once() -> None:
    qualifiers = " const [clone .cold] volatile &" * (LENGTH // 31)
    assert strip_arguments(f"f(int){qualifiers}") == "f"
    assert strip_arguments(f"f(int){qualifiers}!") == f"f(int){qualifiers}!"


def is_answered(text: bytes, layout: str) -> bool:
    """Tell whether a text gives records, problems, or an error: not how long that takes."""
    try:
        parsed = read(text, "x", ReadOptions(layout=layout, jobs=1))
    except PvprofError as error:
        return bool(error.message)
    return bool(parsed.records or parsed.problems)


@pytest.mark.slow
@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\r"])
def test_blanks_are_no_text(blank: str) -> None:
    for end in ("", "x\n"):
        with pytest.raises(PvprofError):
            read((blank * LENGTH + end).encode(), "x", ReadOptions())


def test_a_record_of_bpftrace_that_lost_its_end_is_a_loss() -> None:
    header = "#pvprof 2 events linux ns 0.1.0 frames=32\n#begin 1 2\n"
    sleep = "S 10 1 1 0 2" + "\n        kernel_function+1" * 200
    lines = [json.dumps({"type": "printf", "data": text}) for text in (header, sleep + "\n")]
    with pytest.raises(PvprofError, match="damaged"):
        read(("\n".join(lines) + "\n").encode(), "x", ReadOptions())


def test_a_page_of_openings_is_no_page_of_ours() -> None:
    page = b"<!doctype html>" + b"<script " * (LENGTH // 8)
    with pytest.raises(PvprofError, match="HTML page"):
        read(page, "x", ReadOptions())


@pytest.mark.parametrize("field", ["20\t", "+20", "2_0", "20.0", "", "9" * 5000])
def test_a_field_of_an_event_that_is_no_number_is_a_loss(field: str, run: RunCommand) -> None:
    good = "E 150 52 20 100160 1 a process s fffff8004309a880 0 second\n   kernel`trap+0x1\n\n"
    bad = good.replace(" 20 ", f" {field} ", 1)
    text = f"B 100 1795372027596348298\n{good}{bad}Z 9000 1795372027596357198\n"
    result = run("fold", "-k", "all", "-", stdin=text)
    assert result.exit_code == 0
    assert result.stdout.endswith(" 52\n")
    assert "loss: " in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 16, 200])
@pytest.mark.parametrize("name", ["stock-offcpu.out", "oncpu-default.out", "build-events.out.gz"])
def test_a_hole_in_a_file_is_a_loss(name: str, size: int, run: RunCommand) -> None:
    whole = read_recording_bytes(name)
    at = len(whole) // 3
    holed = whole[:at] + bytes(size) + whole[at + size :]
    result = run("fold", "-k", "all", "-", stdin=holed)
    assert result.exit_code == 0
    assert f"{size} x NUL bytes" in result.stderr or (size == 1 and "NUL bytes" in result.stderr)
    assert "the file has a hole" in result.stderr


def test_a_text_in_binary_data_is_told_as_damaged(run: RunCommand) -> None:
    result = run("report", "-", stdin=bytes(1000) + b"kernel`f\n 5\n" + bytes(range(256)))
    assert result.exit_code == 0
    assert "1,001 x NUL bytes" in result.stderr + result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("layout", texts_by_layout())
def test_a_number_that_no_tracer_prints_is_told_or_left_out(layout: str) -> None:
    text = texts_by_layout()[layout]
    numbers = list(re.finditer(rb"\d+", text))
    for match in numbers[:: len(numbers) // 6 + 1]:
        for odd in (b"9" * 5000, b"1e999", b"-9223372036854775809", b"18446744073709551616"):
            for forced in ("", layout):
                with contextlib.suppress(PvprofError):
                    read(
                        text[: match.start()] + odd + text[match.end() :],
                        "x",
                        ReadOptions(layout=forced, jobs=1),
                    )


DEEP = [f"f{number}" for number in range(MAX_FRAMES + 77)]


@pytest.mark.parametrize(
    "text",
    [
        ";".join(DEEP) + " 5\n" + "a;b 7\n",
        "".join(
            f"\n{lines}\n                {value}\n"
            for lines, value in (
                ("\n".join(f"              kernel`{name}" for name in reversed(DEEP)), 5),
                ("              kernel`b", 7),
            )
        ),
        "B 100 1795372027596348298\n"
        + "".join(
            f"E 15{value} {value} 20 100160 1 a process s fffff8004309a880 0 n\n{lines}\n\n"
            for lines, value in (
                ("\n".join(f"   kernel`{name}" for name in reversed(DEEP)), 5),
                ("   kernel`b", 7),
            )
        )
        + "Z 9000 1795372027596357198\n",
    ],
    ids=["folded", "classic", "events"],
)
def test_a_stack_of_very_many_frames_is_shortened_and_keeps_its_weight(
    text: str, run: RunCommand
) -> None:
    result = run("fold", "-k", "all", "-", stdin=text)
    assert result.exit_code == 0
    assert f"stacks of more than {MAX_FRAMES:,} frames" in result.stderr
    rows = [line.rpartition(" ") for line in result.stdout.splitlines() if line[0] != "#"]
    assert sorted(int(value) for _, _, value in rows) == [5, 7]
    stack = max((stack for stack, _, _ in rows), key=len)
    frames = [frame.rpartition("`")[2] for frame in stack.removesuffix(";n").split(";")]
    assert "[77 frames left out]" in frames
    assert frames[-3:] == DEEP[-3:]
    assert DEEP[2] in frames
    assert DEEP[MAX_FRAMES // 2 + 5] not in frames


def test_a_stack_of_as_many_frames_as_allowed_is_kept() -> None:
    text = ";".join(DEEP[:MAX_FRAMES]) + " 5\n"
    parsed = read(text.encode(), "x", ReadOptions())
    assert [stack for _, stack, _ in parsed.profiles["samples", False]] == [text[:-3]]
    assert not parsed.problems


def speedscope(frames: list[str], profile: dict[str, object]) -> bytes:
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": [{"name": "x", "unit": "none", "startValue": 0, "endValue": 9, **profile}],
    }
    return json.dumps(document).encode()


@pytest.mark.slow
def test_a_small_speedscope_file_of_gigabytes_is_refused() -> None:
    depths = range(1, 300)
    samples = {"samples": [[0] * depth for depth in depths], "weights": [1] * len(depths)}
    with pytest.raises(PvprofError, match="more than 256 MiB of text"):
        read(speedscope(["n" * 100_000], {"type": "sampled", **samples}), "x", ReadOptions())
    opens = [{"type": "O", "frame": 0, "at": at} for at in range(30_000)]
    with pytest.raises(PvprofError, match=r"frames are open at once|MiB of text"):
        read(speedscope(["f"], {"type": "evented", "events": opens}), "x", ReadOptions())
    deep = {"samples": [[0] * 20_001, [0]], "weights": [5, 7]}
    parsed = read(speedscope(["f"], {"type": "sampled", **deep}), "x", ReadOptions())
    assert parsed.profiles["samples", False].total == 7
    assert [one.severity for one in parsed.problems] == ["loss"]


@pytest.mark.parametrize("digits", [21, 400, 5_000])
def test_an_offset_of_any_length_is_part_of_a_name(digits: int) -> None:
    stack = f"\\n        f+{'9' * digits}\\n,1,0"
    lines = [
        '{"type": "printf", "data": "#pvprof 2 locks linux ns 0.1.0 frames=32\\n"}',
        '{"type": "printf", "data": "#map lock stack flags address\\n#begin 1 2\\n"}',
        f'{{"type": "stats", "data": {{"@lock": {{"{stack}": {{"count": 5, "total": 70}}}}}}}}',
        '{"type": "printf", "data": "#end 9 9\\n"}',
    ]
    with contextlib.suppress(PvprofError):
        read("\n".join(lines).encode() + b"\n", "x", ReadOptions())


@pytest.mark.parametrize("path", ["/sys/", "/sys", "/usr/src/sys/x", "./sys/sys/"])
def test_a_path_of_any_length_in_lock_profiling_is_read_at_once(path: str) -> None:
    row = "10 9 20 1001 3 6 0 0 3 " + path * (LENGTH // len(path)) + "/vm/a.c:12 (rw:first)\n"
    parsed = read(row.encode(), "x", ReadOptions(layout="lock-profiling"))
    assert parsed.profiles["ns", True].total == 1_001_000


PUMPED = {
    "row of a histogram": ("histogram", "   512 |", "  ", " 3x\n"),
    "sign of a row": ("histogram", "  ", " ", "x |@ 3\n"),
    "bars of a row": ("histogram", "  512 |", "@ ", "x\n"),
    "lock of LOCK_PROFILING": ("lock-profiling", "1 1 1 1 1 1 1 1 1 a", ":1 (rw:", "\n"),
    "row of lockstat": ("lockstat", "    1 25% 25% 0.00 1001 first", " ", "x \n"),
    "words of lockstat": ("lockstat", "    1 25% 25% 0.00 1001 first", " a", " \n"),
    "frame of pmcstat": ("pmcstat", "58.33%  [7]  f @ x", " ", "y\n"),
    "program of pmcstat": ("pmcstat-log", "exec 0x0 4711 0x2 ", '"', "x\n"),
    "stacks that lost their newlines": ("folded", "sh;f", " 7vm_fault", " 7\n"),
    "created by pmcstat": ("pmcstat-log", "proc-create 4711 0x2 ", '" ', "x\n"),
}


@pytest.mark.parametrize("name", PUMPED)
def test_a_line_that_nearly_fits_is_refused_at_once(name: str) -> None:
    layout, start, piece, end = PUMPED[name]
    text = texts_by_layout()[layout]
    line = (start + piece * (2 * LENGTH // len(piece)) + end).encode()
    begin = time.process_time()
    with contextlib.suppress(PvprofError):
        read(text + line + text, "x", ReadOptions(layout=layout, jobs=1))
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("digits", [19, 400, 5_000])
def test_a_title_of_lockstat_with_a_number_of_any_length_is_no_traceback(digits: int) -> None:
    text = texts_by_layout()["lockstat"]
    damaged = re.sub(rb"\d+ events in", b"9" * digits + b" events in", text)
    with contextlib.suppress(PvprofError):
        read(damaged, "x", ReadOptions(layout="lockstat", jobs=1))


@pytest.mark.parametrize("module", ["\0", "\x1b]0;x\x07", "a;b", "\u202e"])
def test_an_address_in_a_hostile_module_is_one_clean_frame(module: str, run: RunCommand) -> None:
    text = f"\nsleepq|x\nkernel`trap+0x1\n{module}`0xdead\n5 1\n"
    result = run("fold", "-k", "all", "-q", "-", stdin=text.encode())
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.isprintable()
    assert line.count(";") == 2


@pytest.mark.parametrize("key", ["host", "kernel", "workload", "options"])
@pytest.mark.parametrize("kind", ["[", '{"a":'])
def test_values_in_values_of_a_manifest_are_no_traceback(
    key: str, kind: str, run: RunCommand, tmp_path: Path
) -> None:
    deep = kind * 600 + "1" + {"[": "]", "{": "}"}[kind[0]] * 600
    (tmp_path / "manifest.json").write_text(f'{{"schema": 1, "mode": "offcpu", "{key}": {deep}}}')
    (tmp_path / "raw.out").write_bytes(read_recording_bytes("stock-offcpu.out"))
    for words in (("report",), ("report", "--format", "json")):
        result = run(*words, tmp_path)
        assert result.exit_code in (0, 1), result.exception


@pytest.mark.parametrize("kind", ["{}", "[]", "[[1]]", "null", "7", "true", '{"@ns": {"sh": 12}}'])
def test_a_type_of_a_line_that_is_no_text_is_a_damaged_line(kind: str) -> None:
    line = b'{"type": %b, "data": {"@ns": {"sh": 5}}}\n' % kind.encode()
    whole = texts_by_layout()["bpftrace-json"]
    end = whole.rindex(b"\n", 0, -1) + 1
    told = {one for one, _, _ in outcome_of(whole[:end] + line + whole[end:]).told}
    assert "bad-line" in told or "damaged" in told, told


def test_a_key_of_very_many_lines_is_read_once() -> None:
    lines = b"\n".join(b"name %d" % number for number in range(60_000))
    text = b"@ns[\n        trap+8\n, sh]: 5\n@ns[" + lines + b"]: 7\n@ns[\n        f+1\n, sh]: 6\n"
    begin = time.process_time()
    outcome_of(text)
    assert time.process_time() - begin < 20  # it took minutes


@pytest.mark.parametrize("digits", [21, 400, 5_000])
@pytest.mark.parametrize("field", range(4))
def test_a_number_of_any_length_in_a_wakeup_is_no_traceback(field: int, digits: int) -> None:
    whole = read_recording_bytes("events-wakeups.out.gz")[:200_000]
    start = whole.index(b"\nW ", 20_000) + 1
    end = whole.index(b"\n", start)
    words = whole[start:end].split(b" ")
    words[field + 1] = b"9" * digits
    told = outcome_of(whole[:start] + b" ".join(words) + whole[end:]).told
    assert told - outcome_of(whole).told
