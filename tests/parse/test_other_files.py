"""A file that is no recording is named for what it is, with where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand, assert_is_error

from pvprof.parse.recognition.other_files import OTHER_FILES

ROOT = Path(__file__).parent.parent.parent
BASH_TIME = b"\nreal\t0m1.020s\nuser\t0m0.100s\nsys\t0m0.010s\n"
CASES = [
    (RECORDINGS / "events.d", "a D program", "give what it prints: dtrace -s"),
    (ROOT / "dscripts" / "oncpu.d", "a D program", "give what it prints: dtrace -s"),
    (ROOT / "btscripts" / "offcpu.bt", "a bpftrace program", "give what it prints: bpftrace"),
    (SYMBOLS, "the symbols of a kernel", "--symbols FILE"),
    (b"ffffffff80200000 T btext\nffffffff80200010 t f\n", "the symbols of a kernel", "--symbols"),
    (RECORDINGS / "seed-offcpu.time", "the output of time(1)", "pvprof stats reads it"),
    (BASH_TIME, "the output of time(1)", "pvprof stats reads it"),
    (Path("/bin/ls"), "an ELF file (a program, a library or a kernel)", "nm -n FILE"),
    (b"PERFILE2\0\0", "perf.data", "perf script"),
    (b"\x7fELF\2\1\1" + bytes(9) + b"\4\0\x3e\0", "a core dump", "a debugger reads it"),
    (b"minidump FreeBSD/amd64\0\0", "a dump of a FreeBSD kernel (vmcore)", "kgdb reads it"),
    (b"\x17\x08\x44tracing7\0\0\x08\0", "trace.dat of trace-cmd", "perf sched record"),
    (b"gmon\1\0\0\0" + bytes(12), "gmon.out of gprof", "pvprof record oncpu"),
    (
        bytes(8) + b"\3" + bytes(15) + b"\x10\x27" + bytes(22),
        "a profile of gperftools",
        "google-pprof --collapsed",
    ),
    (
        b'{"traceEvents": [{"ph": "X", "ts": 1, "dur": 2}]}',
        "a trace of events (Chrome's format)",
        "ui.perfetto.dev",
    ),
    (
        b'{"nodes":[{"id":1,"callFrame":{"functionName":"f"}}]}',
        "a CPU profile of V8 (node, Chrome)",
        "--perf-basic-prof",
    ),
    (
        b"\n  _     ._   __/__   _ _  _  _ _/_   Recorded: 10:00:00  Samples:  7\n"
        b" /_//_/// /_\\ / //_// / //_'/ //     Duration: 0.500     CPU time: 0.300\n"
        b"/   _/                      v5.1.3\n\nProgram: work.py\n\n0.500 <module>  work.py:1\n",
        "a profile of pyinstrument",
        "pyinstrument -r speedscope",
    ),
    (
        b'{"start_time": 1.5,"duration": 0.5,"sample_count": 7,"root_frame": {"time": 0.5}}',
        "a profile of pyinstrument",
        "pyinstrument -r speedscope",
    ),
    (
        b'<?xml version="1.0" standalone="no"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"'
        b' "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg version="1.1"></svg>',
        "a picture (SVG)",
        "folded stacks",
    ),
    (
        b'{"meta":{"interval":1,"stackwalk":1},"threads":[]}',
        "a profile of the Firefox profiler",
        "perf script",
    ),
    (b'{"schema": 1, "mode": "offcpu"}\n', "the manifest of a recording", "the directory"),
    (
        FIXTURES / "example-lock-patch" / "rwlock" / "set.json",
        "the list of a run set (set.json)",
        "give the directory that it is in",
    ),
    (b"#!/bin/sh\nexec make\n", "a script", "give what it records"),
    (ROOT / "README.md", "a text of sentences", "the output of a tracer"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "name", "hint"), CASES, ids=[case[1] for case in CASES])
def test_another_file_is_named_for_what_it_is(
    file: Path | bytes, name: str, hint: str, run: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "given"
    data = file if isinstance(file, bytes) else file.read_bytes()
    path.write_bytes(data)
    given = path if isinstance(file, bytes) else file
    commands: list[tuple[str, list[object], str, bytes]] = [
        ("report", [given], str(given), b""),
        ("fold", ["-"], "stdin", data),
        ("compare", [given, "--vs", given], str(given), b""),
    ]
    for command, words, source, stdin in commands:
        result = run(command, *words, stdin=stdin)
        assert assert_is_error(result) == f"pvprof: error: {source}: {name}, not a recording"
        assert hint in result.stderr.splitlines()[1]


def test_each_kind_has_a_case() -> None:
    assert {other.name for other in OTHER_FILES} == {case[1] for case in CASES}


@pytest.mark.parametrize("words", [["--input-format", "classic"], ["--input-format", "folded"]])
def test_a_layout_that_the_user_names_is_believed(run: RunCommand, words: list[str]) -> None:
    prose = b"These are words of a page. There is no number in them.\n" * 9
    message = assert_is_error(run("report", "-", *words, stdin=prose))
    assert "sentences" not in message


def test_text_of_the_workload_hides_no_recording(run: RunCommand, tmp_path: Path) -> None:
    text = (RECORDINGS / "stock-offcpu.out").read_bytes()
    times = (RECORDINGS / "stock-offcpu.time").read_bytes()
    (tmp_path / "mixed.out").write_bytes(times + b"These are words of a workload in here.\n" + text)
    assert run("report", tmp_path / "mixed.out").exit_code == 0
