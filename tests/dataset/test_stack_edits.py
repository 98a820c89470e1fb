"""Edits of stacks: what each does, in which order, the same in every command; totals stay."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from conftest import RECORDINGS
from helpers.command_line import RunCommand, assert_is_error, folded_total
from helpers.flamegraph_file import data_of
from helpers.native_writer import record
from helpers.single_waits import RULES, Wait, pool_of
from helpers.strategies import examples
from helpers.two_sides import raw, write_recording
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.dataset.stack_edits import ADDRESSES, EDITS, NamedFrames, StackEditor, StackEdits
from pvprof.model.stacks import Stack

BUILD = RECORDINGS / "build-events.out.gz"
WAKEUPS = RECORDINGS / "events-wakeups.out.gz"
EDIT_OPTIONS = [
    ("--addresses", "merge"),
    ("--addresses", "strip"),
    ("--collapse-recursion",),
    ("--root", "amd64_syscall"),
    ("--skip-after", "amd64_syscall"),
    ("--addresses", "merge", "--root", "amd64_syscall", "--skip-after", "vm_fault"),
]


def folded(run: RunCommand, text: str, *options: str) -> dict[str, int]:
    result = run("fold", "-", *options, stdin=text.encode())
    assert result.exit_code == 0, result.stderr
    rows = (line.rpartition(" ") for line in result.stdout.splitlines())
    return {stack: int(value) for stack, _, value in rows}


@pytest.mark.parametrize(
    ("frame", "merged", "stripped"),
    [
        ("0x7f0012", "[unknown]", "0x..."),
        ("0xffffffff80a1b2c3", "[unknown]", "0x..."),
        ("libc.so.7`0x7f0012", "libc.so.7`[unknown]", "libc.so.7`0x..."),
        ("ffffffffc0026132", "[unknown]", "0x..."),
        ("kernel`ffffffffc0026132", "kernel`[unknown]", "kernel`0x..."),
        ("0x7f12 (/opt/My App/x (deleted))", "[unknown] (/opt/My App/x (deleted))", None),
        ("[libc.so.6 <7f1200c3>]", "[libc.so.6]", "[libc.so.6 <0x...>]"),
        ("[unknown <7f1200c3>]", "[unknown]", "[unknown <0x...>]"),
        ("0X7F", "[unknown]", "0x..."),
        # Names, whatever they look like:
        ("facade", "facade", "facade"),
        ("deadbeefcafe", "deadbeefcafe", "deadbeefcafe"),
        ("20260101", "20260101", "20260101"),
        ("0x", "0x", "0x"),
        ("0xg", "0xg", "0xg"),
        ("f<0x10>", "f<0x10>", "f<0x...>"),
        ("lock_0xfffff8", "lock_0xfffff8", "lock_0x..."),
        ("main+0x1f", "main+0x1f", "main+0x..."),
        ("fox0x12", "fox0x12", "fox0x12"),
        ("0x12`f", "0x12`f", "0x...`f"),
        ("operator<(A<b>)", "operator<(A<b>)", "operator<(A<b>)"),
        ("[unknown]", "[unknown]", "[unknown]"),
    ],
)
def test_addresses_are_merged_or_stripped_and_names_are_not(
    frame: str, merged: str, stripped: str | None
) -> None:
    stack = Stack(f"main;{frame};leaf")
    assert StackEditor(StackEdits("merge"), "recorded")(stack) == f"main;{merged};leaf"
    if stripped is not None:
        assert StackEditor(StackEdits("strip"), "recorded")(stack) == f"main;{stripped};leaf"
    assert StackEditor(StackEdits(), "recorded")(stack) == stack


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (("--collapse-recursion",), {"a;b;c": 3, "a;b;a;b": 4}),
        (("--root", "b"), {"b;c": 3, "b": 4}),
        (("--root", "a"), {"a;b;b;b;c": 1, "a;b;c": 2, "a;b": 4}),
        (("--root", "c", "--root", "a"), {"c": 3, "a;b": 4}),
        (("--skip-after", "c"), {"c": 3, "a;b;a;b": 4}),
        (("--root", "a", "--skip-after", "c"), {"c": 3, "a;b": 4}),
        (("--skip-after", "nothing"), {"a;b;b;b;c": 1, "a;b;c": 2, "a;b;a;b": 4}),
    ],
)
def test_stacks_are_cut_at_the_innermost_frame(
    run: RunCommand, options: tuple[str, ...], lines: dict[str, int]
) -> None:
    assert folded(run, "a;b;b;b;c 1\na;b;c 2\na;b;a;b 4\n", *options) == lines


def test_recursion_is_collapsed_after_addresses_are_merged(run: RunCommand) -> None:
    text = "a;0x7f01;0x7f02;b 1\na;0x7f03;b 2\n"
    assert folded(run, text, "--collapse-recursion", "--addresses", "merge") == {"a;[unknown];b": 3}
    assert [edit.option for edit in EDITS] == [
        "--addresses",
        "--collapse-recursion",
        "--root",
        "--skip-after",
    ]


@pytest.mark.parametrize("frame", ["kernel`f", "f_[k]", "kernel`f_[k]", "f+0x1f", "m`f+0x2"])
def test_a_name_needs_no_module_annotation_or_offset(frame: str) -> None:
    assert NamedFrames(("f",)).search(frame)
    assert NamedFrames((frame,)).search(frame)
    assert not NamedFrames(("other`f", "ff", "F", "")).search(frame)


def test_frames_of_the_other_thread_are_no_place_to_cut(run: RunCommand) -> None:
    text = "make;f;lock;--;f;g;sh 5\nmake;h;lock;--;f;sh 2\n"
    assert folded(run, text, "--skip-after", "f") == {
        "f;lock;--;f;g;sh": 5,
        "make;h;lock;--;f;sh": 2,
    }
    assert folded(run, text, "--root", "f") == {"f;lock;--;f;g;sh": 5}


def test_the_process_goes_with_the_callers_and_what_was_waited_for_stays(
    run: RunCommand, tmp_path: Path
) -> None:
    lock = {"name": b"pv", "exec": b"cc"}
    waits = [
        record("turnstile", lock, [b"kernel`w", b"kernel`f", b"kernel`t"], [5, 1]),
        record("turnstile", lock, [b"kernel`w", b"kernel`g"], [3, 1]),
    ]
    path = write_recording(tmp_path / "x.pvprof", raw(waits, 1), None)

    def lines(*options: str) -> set[str]:
        return set(run("fold", path, "-q", *options).stdout.splitlines())

    assert lines("--skip-after", "f") == {"kernel`f;kernel`w;pv 5", "cc;kernel`g;kernel`w;pv 3"}
    assert lines("--root", "f", "--by", "lock") == {"pv;kernel`f;kernel`w 5"}
    assert lines("--root", "g", "--by", "none") == {"kernel`g;kernel`w 3"}


@pytest.mark.slow
@pytest.mark.parametrize("options", EDIT_OPTIONS)
def test_totals_stay_the_same_in_every_command(
    run: RunCommand, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """A stack that ``--root`` does not show is set aside, with its total."""
    whole = folded_total(run("fold", WAKEUPS, "-q").stdout)
    result = run("fold", WAKEUPS, *options)
    tables = run("report", WAKEUPS, *options, "--format", "json")
    shown = folded_total(result.stdout)
    section = json.loads(tables.stdout)["sections"][0]
    assert section["kept"]["value"] == shown
    aside = {one["reason"]: one["value"] for one in section["set_aside"]}
    assert shown + aside.get("not --root amd64_syscall", 0) == whole
    assert ("--root" in options) == ("not --root amd64_syscall" in aside)
    # Other commands and formats show the same stacks.
    stem = tmp_path / "x"
    done = run(
        "report", WAKEUPS, "-q", *options, "-o", f"{stem}.folded", "-o", f"{stem}.speedscope.json"
    )
    assert done.exit_code == 0, done.stderr
    assert run("fold", f"{stem}.folded", "-q").stdout == result.stdout
    assert run("fold", f"{stem}.speedscope.json", "-q").stdout == result.stdout
    picture = run("flamegraph", "--min-width", "0", WAKEUPS, *options).stdout
    frames = re.findall(r"[^;\n]+(?=;)|[^;\n]+(?= \d+$)", result.stdout, re.M)
    assert set(data_of(picture)["names"]) == {"all", *frames}


def test_edits_leave_the_kinds_of_waits_as_they_are(run: RunCommand) -> None:
    """Rules look at frames that a cut would take away."""
    tables = [
        run("report", WAKEUPS, "--format", "csv", *options).stdout
        for options in ((), ("--skip-after", "sleepq_switch"), ("--collapse-recursion",))
    ]
    assert tables[0] == tables[1] == tables[2]


def test_what_an_edit_did_is_reported(run: RunCommand, tmp_path: Path) -> None:
    text = b"a;f;f;0x7f01;b 1\na;0x7f02;b 2\n"
    options = ("--addresses", "merge", "--collapse-recursion", "--skip-after", "f", "--root", "b")
    said = run("fold", "-", *options, stdin=text).stderr
    notes = [
        "2 x stacks with merged addresses (--addresses merge)",
        "stacks with recursive calls as one frame (--collapse-recursion)",
        "2 x stacks that begin at b, without callers (--root)",
    ]
    assert all(f"pvprof: note: {note}\n" in said for note in notes)
    assert (
        "pvprof: warning: --skip-after: no stack that is shown has the frame f\n" in said
    )  # it was cut off
    picture = tmp_path / "x.svg"
    assert run("flamegraph", "-", "-o", picture, *options, stdin=text).exit_code == 0
    assert all(note in picture.read_text("utf-8") for note in notes)
    page = tmp_path / "x.html"
    assert run("report", "-", "-o", page, *options, stdin=text).exit_code == 0
    assert all(note in page.read_text("utf-8") for note in notes)


def test_a_frame_that_no_stack_has_is_named_with_what_is_close(run: RunCommand) -> None:
    error = run("fold", WAKEUPS, "--root", "vm_falt")
    assert assert_is_error(error) == "pvprof: error: no frame matches 'vm_falt'"
    assert "did you mean vm_fault" in error.stderr
    result = run("fold", WAKEUPS, "--skip-after", "vm_falt")
    assert result.exit_code == 0
    assert (
        "warning: --skip-after: no stack that is shown has the frame vm_falt; did you mean vm_fault"
        in result.stderr
    )


def test_two_builds_match_without_their_addresses(run: RunCommand, tmp_path: Path) -> None:
    for side, address in (("base", 0x1000), ("new", 0x2000)):
        for number in range(3):
            waits = [
                record(
                    "turnstile",
                    {"name": b"pv", "exec": b"cc"},
                    [b"kernel`w", b"kernel`0xffffffff8000%x" % (address + i), b"kernel`trap"],
                    [100 + i + number, 1],
                )
                for i in range(3)
            ]
            write_recording(tmp_path / side / f"{number}.pvprof", raw(waits, number), None)
    sides = ("compare", tmp_path / "base", "--vs", tmp_path / "new", "-o", "-", "--format")
    apart = run(*sides, "differential").stdout
    assert len(apart.splitlines()) == 6
    merged = run(*sides, "differential", "--addresses", "merge").stdout
    assert merged == "cc;kernel`trap;kernel`[unknown];kernel`w;pv 918 918\n"
    stripped = run(*sides, "differential", "--addresses", "strip", "--skip-after", "trap").stdout
    assert stripped == "kernel`trap;kernel`0x...;kernel`w;pv 918 918\n"
    text = run(*sides, "markdown", "--addresses", "merge").stdout
    assert "18 x stacks with merged addresses (--addresses merge)" in text


def test_a_page_shows_commands_with_the_same_filters_and_edits(
    run: RunCommand, tmp_path: Path
) -> None:
    page = tmp_path / "x.html"
    edits = [
        *("--root", "a 'b'", "--root", "amd64_syscall", "--addresses", "merge"),
        *("--collapse-recursion", "--skip-after", "f", "--skip-after", "kern_wait", "--frame", "s"),
    ]
    assert run("report", WAKEUPS, "-q", *edits, "-o", page).exit_code == 0
    shown = re.search(r'"selection":("(?:[^"\\]|\\.)*")', page.read_text("utf-8"))
    assert shown is not None
    words = shlex.split(json.loads(shown[1]))
    assert sorted(words) == sorted(edits)
    assert run("fold", WAKEUPS, *words).stdout == run("fold", WAKEUPS, *edits).stdout


def test_each_command_has_the_same_edits(run: RunCommand) -> None:
    for command in ("report", "flamegraph", "fold", "compare"):
        said = run(command, "--help").stdout
        assert all(edit.option in said for edit in EDITS)
        # compare --base LABEL names a side
        assert ("--base FRAME" in said) == (command != "compare")


frames = st.sampled_from(["a", "b", "0x1f", "0x2e", "m`0xffff", "--", "f+0x3", "-"])
chains = st.lists(frames, min_size=1, max_size=7).map(lambda names: Stack(";".join(names)))
all_edits = st.builds(
    StackEdits,
    st.sampled_from(ADDRESSES),
    st.booleans(),
    st.none() | st.just(NamedFrames(("a",))),
    st.none() | st.just(NamedFrames(("b", "f"))),
)


@examples(1)
@given(st.dictionaries(chains, st.integers(1, 1 << 70), max_size=8), all_edits)
def test_no_edit_changes_a_total(weights: dict[Stack, int], edits: StackEdits) -> None:
    waits = [
        Wait(number, value % (1 << 40), stack=stack)
        for number, (stack, value) in enumerate(weights.items())
    ]
    plain = Classified.of(pool_of(waits), RULES, Filters((ALL_KINDS,)))
    edited = Classified.of(pool_of(waits), RULES, Filters((ALL_KINDS,), edits=edits))
    total = sum(wait.wait for wait in waits)
    for data in (plain, edited):
        measured = data.measurements[0]
        selection = measured.selection
        aside = sum(one.weight.value for one in selection.set_aside)
        kept = fold(
            [(part.key, part.stacks) for part in selection.kept], "ns", FoldOptions(edits=edits)
        )
        assert kept.total + aside == measured.measurement.profile.total == total
        events = measured.measurement.events
        assert events is not None
        assert Counter(events.wait_ns.tolist()) == Counter(wait.wait for wait in waits)
        assert events.profile().groups == measured.measurement.profile.groups
        assert len(set(events.stacks)) == len(events.stacks)


@examples(1)
@given(chains, all_edits)
def test_an_edit_has_nothing_to_do_twice(stack: Stack, edits: StackEdits) -> None:
    for stage in ("recorded", "shown"):
        edit = StackEditor(edits, stage)
        once = edit(stack)
        assert edit(once) == once
        assert set(once.split(";")) - {
            "[unknown]",
            "m`[unknown]",
            "0x...",
            "m`0x...",
            "f+0x...",
        } <= set(stack.split(";"))
