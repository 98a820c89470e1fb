"""The layout of a text is the one that explains most of its lines; else the text is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers import native_writer as writer
from helpers.command_line import RunCommand, assert_is_error

from pvprof.errors import InputError
from pvprof.parse.detect import detect, recognise
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.recognition.explanation import ANY_TEXT, FITS, NOTHING, OWN, Explanation
from pvprof.parse.recognition.sample import SAMPLE_BYTES, Sample

STACK = b"\nturnstile|a lock\nkernel`f\nkernel`g\n5000 1\n"
FOLDED = b"sh;kernel`trap;vm_fault 7\n"
PERF = b"sh 5 [000] 10.000001: cycles: \n\tffff trap+0x1 ([kernel.kallsyms])\n\n"
MAKE = b"cc -O2 -pipe -c ../sys/vm/vm_fault.c\nar -crs libvm.a vm_fault.o\n===> bin/true (all)\n"


def marks_of(layout: str, text: bytes) -> bytes:
    explain = LAYOUTS[layout].explain
    assert explain is not None
    explanation = explain(Sample(text, text))
    return b"" if explanation is None else explanation.marks


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if LAYOUTS[name].explain])
@pytest.mark.parametrize("text", [b"\n", b"x\n", b"\n\n \n0\n", b"\0\xff\n", STACK, FOLDED, PERF])
def test_each_line_has_a_mark_and_blank_lines_have_none(layout: str, text: bytes) -> None:
    marks = marks_of(layout, text)
    lines = text.split(b"\n")
    assert len(marks) in (0, len(lines))
    for line, mark in zip(lines, marks, strict=False):
        assert mark in (NOTHING, ANY_TEXT, FITS, OWN)
        assert line.strip() or mark == NOTHING


def test_a_key_is_any_text_and_a_closed_stack_is_evidence() -> None:
    assert marks_of("keyed", STACK) == bytes([NOTHING, ANY_TEXT, OWN, OWN, OWN, NOTHING])
    cut = STACK.rpartition(b"5000")[0]
    assert marks_of("keyed", cut) == bytes([NOTHING, ANY_TEXT, FITS, FITS, NOTHING])


def test_lines_below_a_head_belong_to_it_until_a_blank_line() -> None:
    frame = PERF.split(b"\n")[1] + b"\n"
    marks = marks_of("perf", frame + PERF + frame)
    assert marks == bytes([NOTHING, OWN, FITS, NOTHING, NOTHING, NOTHING])


def test_unexplained_lines_are_by_index_without_blank_ones() -> None:
    sample = Sample(b"", b"a\n\nb\nc")
    explanation = Explanation(bytes([OWN, NOTHING, NOTHING, FITS]))
    assert explanation.unexplained(sample) == (2,)
    assert (explanation.explained, explanation.own) == (2, 1)


def test_a_build_log_before_the_records_is_no_reason_to_refuse_them() -> None:
    parsed = read(MAKE * 100 + STACK * 9, "x", ReadOptions())
    assert (parsed.layout, parsed.profiles["ns", True].total) == ("keyed", 45_000)
    assert [(one.kind, one.line, one.count) for one in parsed.problems] == [("unexplained", 1, 300)]


def test_a_build_log_longer_than_the_sample_hides_no_records() -> None:
    log = MAKE * (SAMPLE_BYTES // len(MAKE) + 1)
    assert detect(log + STACK * 200).name == "keyed"


def test_messages_before_perf_script_are_told_as_losses() -> None:
    parsed = read(b"Linking x, which takes a while\n" + PERF * 3, "x", ReadOptions())
    assert (parsed.layout, parsed.records) == ("perf", 3)
    assert [(one.kind, one.severity) for one in parsed.problems] == [("bad-line", "loss")]


@pytest.mark.parametrize("text", [STACK, FOLDED, PERF, b"sh 1339\n", b"@[\n    f+1\n, sh]: 4\n"])
def test_one_record_is_enough(text: bytes) -> None:
    assert read(text, "x", ReadOptions()).records == 1


def test_a_refusal_has_the_two_best_guesses_and_what_to_do(run: RunCommand) -> None:
    text = FOLDED * 5 + b"nothing of the kind\n" * 5
    result = run("report", "-", stdin=text)
    message = assert_is_error(result)
    assert "in no known layout: folded explains 5 of 10 lines, not line 6: 'nothing of" in message
    assert "--input-format NAME" in result.stderr
    named = run("fold", "-", "--input-format", "folded", stdin=text)
    assert named.exit_code == 0
    assert "5 x not a folded stack" in named.stderr


@pytest.mark.parametrize(
    ("first", "second"),
    [(FOLDED * 9, PERF * 9), (PERF * 9, FOLDED * 9), (STACK * 9, PERF * 9), (PERF * 9, STACK * 9)],
)
def test_the_output_of_two_tools_is_refused_with_the_first_foreign_line(
    first: bytes, second: bytes
) -> None:
    with pytest.raises(InputError, match="two layouts in one text") as caught:
        recognise(first + second)
    assert "make a file of each" in caught.value.hint


def test_a_second_layout_behind_the_sample_is_seen() -> None:
    first = FOLDED * (SAMPLE_BYTES // len(FOLDED) + 1)
    with pytest.raises(InputError, match=r"folded, and perf in 89. lines"):
        recognise(first + PERF * 450)


def test_stacks_before_a_header_are_not_skipped() -> None:
    record = writer.record("turnstile", {"name": b"vm object"}, [b"kernel`f"], (7, 1))
    raw = writer.text_of([record])
    with pytest.raises(InputError, match="pvprof, and folded in 20 lines"):
        recognise(FOLDED * 20 + raw)
    assert recognise(MAKE * 20 + raw).layout.name == "pvprof"


def test_only_verbose_tells_the_layout_and_why(run: RunCommand) -> None:
    path = RECORDINGS / "stock-offcpu.out"
    for command in ("report", "fold", "locks", "flamegraph"):
        verbose, plain = run(command, path, "-v"), run(command, path)
        told = "stock-offcpu: read as keyed: keyed explains 154 of 154 lines"
        assert told in verbose.stderr
        assert "explains" not in plain.stderr
    named = run("fold", path, "-v", "--input-format", "keyed")
    assert "read as keyed: --input-format names it" in named.stderr


def test_text_behind_a_page_is_a_loss(run: RunCommand, tmp_path: Path) -> None:
    run("report", "-", "-o", tmp_path / "a.html", stdin=STACK)
    page = (tmp_path / "a.html").read_bytes()
    for text, losses in ((page, []), (page + FOLDED, ["bad-line"]), (page + page, ["bad-line"])):
        parsed = read(text, "x", ReadOptions())
        assert parsed.profiles["ns", True].total == 5000
        assert [one.kind for one in parsed.problems if one.severity == "loss"] == losses
