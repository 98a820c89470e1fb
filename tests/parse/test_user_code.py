"""Frames of programs: from saved memory maps and names to frames, and what has none."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand

from pvprof.model.problems import Problem
from pvprof.parse.read import ReadOptions, read, read_recording
from pvprof.parse.result import ParseResult
from pvprof.parse.text.user_code import (
    CodeAddress,
    CodeFile,
    UserCode,
    read_user_code,
    spell_names,
)
from pvprof.recording.layout import Recording
from pvprof.recording.open import open_recording

LIBC = "/usr/lib/libc.so.6"
SH = "/usr/bin/sh"
BLANK = " "  # the kernel writes one where a file would follow
MAPS = f"""\
/proc/7/maps:555500000000-555500010000 r-xp 00004000 fe:00 12                         {SH}
/proc/7/maps:7f0000000000-7f0000100000 r-xp 00028000 fe:00 11                         {LIBC}
/proc/7/maps:7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
/proc/8/maps:7f1111000000-7f1111100000 r-xp 00028000 fe:00 11                         {LIBC}
/proc/8/maps:7f2222000000-7f2222100000 rwxp 00000000 00:00 0{BLANK}
/proc/8/maps:7f3333000000-7f3333100000 r-xp 00000000 00:01 5     /memfd:code (deleted)
/proc/8/maps:7f4444000000-7f4444100000 r-xp 00000000 fe:00 9     /opt/a b/x.so (deleted)
file fe:00 11 00ff {LIBC}
file fe:00 12 - {SH}
compiled 8 7f2222000100 40 LazyCompile:*tick app.js
compiled 8 0x7f3333000000 10 managed
"""
NAMES = f"""\
file fe:00 11 {LIBC}
28fff before
29000 leaf
29010 read
file fe:00 12 {SH}
4010 main
"""


def code() -> UserCode:
    return read_user_code(MAPS.encode(), NAMES.encode())


def test_an_address_is_named_by_its_offset_in_its_file_in_any_process() -> None:
    found = code()
    assert found.frames(7, [0x7F0000001000, 0x7F0000001011, 0x555500000011]) == [
        "leaf",  # exactly there
        "read",  # the byte before: the call itself
        "main",
    ]
    assert found.frames(8, [0x7F1111001000, 0x7F1111001011]) == ["leaf", "read"]
    assert found.unnamed == set()


def test_code_without_a_name_is_its_file_and_the_offset_and_is_noted() -> None:
    found = code()
    assert found.frames(7, [0x7F0000001002, 0x7FFD00000123]) == [
        "[libc.so.6]+0x29002",
        "[vdso]+0x123",
    ]
    assert found.frames(8, [0x7F2222000000, 0x7F4444000002]) == [
        "[anonymous code]+0x0",
        "[x.so]+0x2",
    ]
    assert CodeAddress(CodeFile("fe:00 11", LIBC), 0x29002) in found.unnamed
    assert found.build_ids == {CodeFile("fe:00 11", LIBC): "00ff", CodeFile("fe:00 12", SH): "-"}


def test_code_that_was_compiled_at_run_time_has_the_name_that_its_program_wrote() -> None:
    addresses = [0x7F2222000100, 0x7F2222000140, 0x7F2222000141, 0x7F3333000001]
    assert code().frames(8, addresses) == [
        "LazyCompile:*tick app.js",
        "LazyCompile:*tick app.js",
        "[anonymous code]+0x141",  # behind the end
        "managed",
    ]


@pytest.mark.parametrize("address", [0, 1, 0x4141414141414141, 0xFFFFFFFFFFFFFFFF, 0x7F0000100001])
def test_an_address_in_no_code_is_unknown(address: int) -> None:
    assert code().frames(7, [0x7F0000001000, address]) == ["leaf", "[unknown]"]


def test_of_several_maps_the_last_that_explains_the_stack_counts() -> None:
    later = MAPS + MAPS.replace("555500000000-555500010000", "555600000000-555600010000")
    found = read_user_code(later.encode(), NAMES.encode())
    assert found.frames(7, [0x555500000010, 0x7F0000001011]) == ["main", "read"]
    assert found.frames(7, [0x555600000010, 0x7F0000001011]) == ["main", "read"]
    assert found.frames(7, [0x555600000010, 0x555500000011]) == ["main", "[unknown]"]


def test_lines_that_are_damaged_are_skipped() -> None:
    broken = "/proc/7/maps:zz-1 r-xp\nfile\ncompiled x y\n/proc/9/maps:1-2 r-xp\n\x00\n"
    found = read_user_code((broken + MAPS).encode(), (f"7 lost\nxyz\n{NAMES}q q\n").encode())
    assert found.frames(7, [0x7F0000001000]) == ["leaf"]
    assert not found.knows(9)


def test_names_are_spelled_as_they_are_read() -> None:
    names = dict(code().names)
    assert len(names) == 4
    assert dict(read_user_code(b"", spell_names(names)).names) == names


# ---- the reader of bpftrace's output -------------------------------------------------------------

PARTS = "stack user_stack pid privilege exec"


def printed(text: str) -> str:
    return json.dumps({"type": "printf", "data": text})


def recording(
    samples: dict[str, int], *lines: str, parts: str = PARTS, maps: str = MAPS, taken: int = -1
) -> Recording:
    text = [
        printed("#pvprof 2 oncpu linux samples 0.1.0 frames=32\n"),
        printed("#map samples\n"),
        printed(f"#map on_cpu {parts}\n"),
        printed(f"#map on_cpu_1 {parts}\n"),
        printed("#begin 1000 5000000000000000000\n"),
        *lines,
        json.dumps({"type": "map", "data": {"@on_cpu_1": samples}}),
        printed("#end 9000 5000000000000008000\n"),
    ]
    if taken >= 0:
        for count in (taken, 0):  # bpftrace prints it again after it was cleared
            text.append(json.dumps({"type": "map", "data": {"@samples": count}}))
    data = "".join(f"{line}\n" for line in text).encode()
    packed = [gzip.compress(part.encode()) for part in (maps, NAMES)] if maps else [b"", b""]
    return Recording("x", "x", data, user_maps=packed[0], user_symbols=packed[1])


def weights(parsed: ParseResult) -> dict[tuple[str, str, str], int]:
    return {
        (key.mechanism, key.execname, stack): weight.value
        for profile in parsed.profiles.values()
        for key, stack, weight in profile
    }


def problem(parsed: ParseResult, kind: str) -> Problem | None:
    return next((one for one in parsed.problems if one.kind == kind), None)


def test_stacks_of_two_processes_with_the_same_code_are_one() -> None:
    one = ",\n    0x7f0000001000\n    0x7f0000001011\n,7,3,sh"
    other = ",\n    0x7f1111001000\n    0x7f1111001011\n,8,3,sh"
    raw_mode = ",\n7f1111001000\n7f1111001011\n,8,3,sh"
    parsed = read_recording(recording({one: 2, other: 3, raw_mode: 4}, taken=9), ReadOptions())
    assert weights(parsed) == {("user", "sh", "read;leaf"): 9}
    assert parsed.problems == []


def test_processes_whose_maps_were_missed_have_one_frame_and_are_counted() -> None:
    samples = {
        ",\n    0x1000\n    0x2000\n,90,3,cc": 2,
        ",\n    0x3000\n    0x4000\n,91,3,cc": 3,
        "\n    f+1\n,\n    0x5000\n,91,0,cc": 4,
        ",\n    0x7f0000001000\n,7,3,sh": 1,
    }
    parsed = read_recording(recording(samples, taken=10), ReadOptions())
    assert weights(parsed) == {
        ("user", "cc", "[unknown]"): 5,
        ("on-cpu", "cc", "[unknown];-;kernel`f"): 4,
        ("user", "sh", "leaf"): 1,
    }
    missed = problem(parsed, "missed-processes")
    assert missed is not None
    assert (missed.count, missed.severity) == (2, "note")
    assert "(90.0% of what has user stacks)" in missed.text


def test_a_process_that_only_forked_has_the_code_of_its_parent() -> None:
    family = (printed("#process 7 1 sh\n"), printed("#process 90 7 sh\n"))
    key = ",\n    0x7f0000001000\n,90,3,sh"
    assert weights(read_recording(recording({key: 1}, *family), ReadOptions())) == {
        ("user", "sh", "leaf"): 1
    }
    execed = (family[0], printed("#process 90 7 cc\n"))
    assert weights(read_recording(recording({key: 1}, *execed), ReadOptions())) == {
        ("user", "sh", "[unknown]"): 1
    }


def test_unnamed_frames_of_one_file_are_one_unless_offsets_are_kept() -> None:
    key = (
        ",\n    0x7f0000001002\n    0x7f0000001033\n    0x7f0000001011\n    0x99\n    0x98\n,7,3,sh"
    )
    short = read_recording(recording({key: 1}), ReadOptions())
    assert weights(short) == {("user", "sh", "[unknown];read;[libc.so.6]"): 1}
    whole = read_recording(recording({key: 1}), ReadOptions(keep_offsets=True))
    assert weights(whole) == {
        ("user", "sh", "[unknown];read;[libc.so.6]+0x29033;[libc.so.6]+0x29002"): 1
    }
    assert [problem(parsed, "hex-user-frames").count for parsed in (short, whole)] == [2, 2]  # type: ignore[union-attr]


def test_a_lost_stack_is_told_from_one_that_cannot_be() -> None:
    kernel, user = "\n    f+1\n    entry_SYSCALL_64+2\n", "\n    0x7f0000001000\n"
    samples = {
        f",{user},7,3,a": 1,  # user code
        f"{kernel},{user},7,0,b": 2,
        f",{user},7,0,c": 4,  # the kernel's stack is lost
        ",,7,3,d": 8,  # the stack of user code is lost
        f"{kernel},,7,0,e": 16,  # the process's stack is lost
        ",,7,0,f": 32,  # both are
        "\n    f+1\n    kthread+1\n    ret_from_fork_asm+2\n,,2,0,g": 64,  # has none
        "\n    f+1\n    do_exit+2\n    entry_SYSCALL_64+1\n,,9,0,h": 128,  # has none any more
        "\n    f+1\n    start_secondary+1\n,,0,0,i": 256,  # an idle CPU
        "\n    f+1\n    asm_exc_page_fault+1\n,,9,0,j": 512,  # lost
    }
    parsed = read_recording(recording(samples, taken=1023), ReadOptions())
    assert weights(parsed) == {
        ("user", "a", "leaf"): 1,
        ("on-cpu", "b", "leaf;-;kernel`entry_SYSCALL_64;kernel`f"): 2,
        ("on-cpu", "c", "leaf;-;[no stack]"): 4,
        ("user", "d", "[no stack]"): 8,
        ("on-cpu", "e", "[no stack];-;kernel`entry_SYSCALL_64;kernel`f"): 16,
        ("on-cpu", "f", "[no stack]"): 32,
        ("on-cpu", "g", "kernel`ret_from_fork_asm;kernel`kthread;kernel`f"): 64,
        ("on-cpu", "h", "kernel`entry_SYSCALL_64;kernel`do_exit;kernel`f"): 128,
        ("on-cpu", "i", "kernel`start_secondary;kernel`f"): 256,
        ("on-cpu", "j", "[no stack];-;kernel`asm_exc_page_fault;kernel`f"): 512,
    }
    lost = problem(parsed, "lost-sample-stacks")
    assert lost is not None
    assert (lost.count, lost.severity) == (4 + 8 + 16 + 32 + 512, "loss")


def test_lost_stacks_do_not_make_totals_too_low(tmp_path: Path, run: RunCommand) -> None:
    kept = {",\n    0x7f0000001000\n,7,3,sh": 998}
    for name, stackless, taken in (
        ("all", 0, 998),
        ("stacks", 2, 1000),
        ("samples", 0, 1000),
        ("both", 2, 1002),
    ):
        made = recording(kept | ({",,7,3,sh": stackless} if stackless else {}), taken=taken)
        directory = tmp_path / name
        directory.mkdir()
        (directory / "raw.out").write_bytes(made.data)
        (directory / "user-maps.txt.gz").write_bytes(made.user_maps)
        text = run("report", directory, "-k", "all").stdout
        right = "" if name == "both" else ", totals are right"
        few = f"Stacks are missing{right}: 2 of"
        low = "Data are missing, totals are too low: 2 of"
        assert (few in text, low in text) == (
            name in ("stacks", "both"),
            name in ("samples", "both"),
        )
        assert "how much is not known" not in text


def test_samples_that_did_not_fit_into_a_map_are_counted() -> None:
    key = ",\n    0x7f0000001000\n,7,3,sh"
    parsed = read_recording(recording({key: 5}, taken=12), ReadOptions())
    lost = problem(parsed, "lost-samples")
    assert lost is not None
    assert (lost.count, lost.severity) == (7, "loss")
    assert (
        problem(read_recording(recording({key: 5}, taken=5), ReadOptions()), "lost-samples") is None
    )


def test_names_that_bpftrace_looked_up_stay() -> None:
    key = ",\n    main+17\n    __libc_start+3\n,7,3,sh"
    assert weights(read_recording(recording({key: 1}), ReadOptions())) == {
        ("user", "sh", "__libc_start;main"): 1
    }


def test_without_memory_maps_addresses_are_unknown() -> None:
    """The program was run by hand: nothing saved the maps."""
    key = ",\n    0x7f0000001000\n    0x7f0000001011\n,7,3,sh"
    parsed = read_recording(recording({key: 1}, maps=""), ReadOptions())
    assert weights(parsed) == {("user", "sh", "[unknown];[unknown]"): 1}


def test_damaged_maps_are_a_problem_and_no_error() -> None:
    key = ",\n    0x7f0000001000\n,7,3,sh"
    whole = recording({key: 1})
    for damaged in (b"\x1f\x8b\x08nothing at all", whole.user_maps[:30]):
        parsed = read_recording(replace(whole, user_maps=damaged), ReadOptions())
        assert sum(weights(parsed).values()) == 1
        assert problem(parsed, "unreadable-companion") is not None


def test_an_old_recording_that_ends_early_names_the_cause() -> None:
    old = printed("#pvprof 2 oncpu linux samples 0.1.0 frames=32\n") + "\n"
    old += printed("#map on_cpu stack user_stack exec\n") + "\n"
    old += json.dumps({"type": "map", "data": {"@on_cpu": {",\n    main+1\n,sh": 1}}}) + "\n"
    found = read(old.encode(), "x", ReadOptions())
    cause = problem(found, "closed-output")
    assert cause is not None
    assert "libbcc before 0.33" in cause.text
    now = old.replace("user_stack exec", "user_stack pid exec").replace(
        "main+1\\n,", "main+1\\n,7,"
    )
    assert problem(read(now.encode(), "x", ReadOptions()), "closed-output") is None


def test_waits_keep_the_process_of_the_thread_that_waited() -> None:
    lines = [
        printed("#pvprof 2 offcpu linux ns 0.1.0 frames=32\n"),
        printed("#map off_cpu stack user_stack pid exec\n"),
        printed("#map open tid\n"),
        printed("#begin 1000 5000000000000000000\n"),
        json.dumps(
            {
                "type": "stats",
                "data": {
                    "@off_cpu": {
                        "\n    schedule+1\n,\n    0x7f0000001010\n,7,sh": SUMS,
                        "\n    schedule+1\n,\n    0x7f1111001010\n,8,sh": SUMS,
                    }
                },
            }
        ),
        json.dumps({"type": "map", "data": {"@open": {"71": [2 * 8000, "\n    f+1\n", "", 7]}}}),
        printed("#end 9000 5000000000000008000\n"),
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    packed = [gzip.compress(part.encode()) for part in (MAPS, NAMES)]
    made = Recording("x", "x", data, user_maps=packed[0], user_symbols=packed[1])
    parsed = read_recording(made, ReadOptions())
    assert weights(parsed) == {("off-cpu", "sh", "read;-;kernel`schedule"): 36}
    assert [(one.kind, one.count) for one in parsed.problems] == [("open-waits", 1)]


SUMS = {"count": 2, "average": 9, "total": 18}


def test_stacks_that_bpftrace_could_not_read_are_a_loss() -> None:
    """-9: libbcc has closed the table; -2: there is none, which is counted where it was lost."""
    stderr = "ERROR: failed to look up stack id 81 (pid 7): -9\n" * 2
    stderr += "ERROR: failed to look up stack id 82 (pid 8): -9\n"
    stderr += "ERROR: failed to look up stack id 0 (pid 0): -2\n"
    stderr += "ERROR: failed to look up stack id -17 (pid -1): -2\n"
    key = ",\n    0x7f0000001000\n,7,3,sh"
    parsed = read_recording(replace(recording({key: 1}), stderr=stderr), ReadOptions())
    assert [(one.kind, one.count, one.severity) for one in parsed.problems] == [
        ("unreadable-stacks", 3, "loss")
    ]
    assert "libbcc before 0.33" in parsed.problems[0].text


# ---- real recordings ----------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["bpftrace", "bpftrace-0.23", "bpftrace-0.27"])
def test_a_real_recording_has_all_samples_and_the_names_of_its_programs(folder: str) -> None:
    """0.17 prints addresses with 0x and blanks; 0.23 and 0.27 have a mode for raw addresses."""
    made = open_recording(str(FIXTURES / "linux" / folder / "oncpu-amd64.pvprof.tar.gz"))
    is_raw = "ustack(raw, 33)" in made.script
    assert is_raw is (folder != "bpftrace")
    parsed = read_recording(made, ReadOptions())
    text = bytes(made.data).decode()
    taken = max(int(count) for count in re.findall(r'"@samples": "?([0-9]+)', text))
    found = weights(parsed)
    assert sum(found.values()) == taken > 100
    assert "loss" not in {one.severity for one in parsed.problems}
    frames = {
        frame
        for mechanism, _, stack in found
        for frame in stack.partition(";-;")[0].split(";")
        if mechanism == "user" or ";-;" in stack
    }
    assert {"__strlen_evex", "getdents64", "[ls]"} <= frames  # ls(1) is stripped
    assert not any(re.match("0x|[0-9a-f]{8}", frame) for frame in frames)
    missed = problem(parsed, "missed-processes")
    assert missed is not None
    assert missed.count < 6
    offsets = weights(read_recording(made, ReadOptions(keep_offsets=True)))
    assert sum(offsets.values()) == taken
    assert any(re.search(r"\[ls\]\+0x[0-9a-f]+", stack) for _, _, stack in offsets)
