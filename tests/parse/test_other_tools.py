"""The output of a tool that pvprof does not read is refused by the tool's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand, assert_is_error

from pvprof.errors import InputError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.recognition.other_tools import OTHER_TOOLS

DIRECTORY = FIXTURES / "other-tools"
FILES = {
    "perf report": ("perf-report", "perf-report-flat", "perf-report-folded"),
    "perf diff": ("perf-diff",),
    "perf annotate": ("perf-annotate",),
    "perf sched timehist": ("perf-sched-timehist", "perf-sched-timehist-summary"),
    "perf sched latency": ("perf-sched-latency",),
    "perf sched map": ("perf-sched-map",),
    "perf trace": ("perf-trace", "perf-trace-summary"),
    "perf script -D": ("perf-script-raw",),
    "perf script --header-only": ("perf-script-header",),
    "perf list": ("perf-list",),
    "perf stat": ("perf-stat",),
    "ftrace or trace-cmd": ("ftrace", "ftrace-empty"),
    "lockstat -I": ("lockstat-I",),
    "procstat -kk": ("procstat-kk",),
    "pmcstat -T": ("pmcstat-T",),
    "dtrace -l": ("dtrace-l",),
    "dtrace -F": ("dtrace-F",),
    "bpftrace -l": ("bpftrace-l",),
    "ktrdump": ("ktrdump",),
    "kdump": ("kdump",),
    "gdb": ("gdb", "gdb-breakpoint"),
    "lldb": ("lldb",),
    "jstack": ("jstack",),
    "py-spy dump": ("py-spy-dump",),
    "/proc/PID/stack": ("proc-stack",),
    "/proc/PID/maps": ("proc-maps",),
    "strace, truss or ltrace": (
        *("strace", "strace-times", "strace-stacks", "strace-summary", "truss", "ltrace"),
    ),
    "ministat": ("ministat",),
    "gprof": ("gprof",),
    "pprof": ("pprof-top", "pprof-raw", "google-pprof"),
    "callgrind": ("callgrind", "callgrind-annotate"),
    "massif": ("massif", "ms-print"),
    "Python's cProfile": ("cprofile",),
    "sample (macOS)": ("sample-macos",),
    "xctrace": ("xctrace",),
    "top": ("top", "top-freebsd"),
    "vmstat": ("vmstat", "vmstat-freebsd"),
    "ps": ("ps",),
    "sar, iostat, mpstat or pidstat": ("sar", "iostat", "mpstat", "pidstat"),
    "dmesg": ("dmesg", "dmesg-freebsd"),
    "sysctl": ("sysctl", "sysctl-freebsd"),
}
"""The files with the output of each tool, by what its name begins with."""

OUTPUTS = [(tool, file) for tool, files in FILES.items() for file in files]
STEMS = [file for _, file in OUTPUTS]


@pytest.mark.parametrize(("tool", "file"), OUTPUTS, ids=STEMS)
def test_the_output_of_another_tool_is_refused_by_name(
    tool: str, file: str, run: RunCommand
) -> None:
    result = run("report", path_of(file))
    message = assert_is_error(result)
    name = message.partition(": the output of ")[2]
    assert name.startswith(tool)
    (known,) = (one for one in OTHER_TOOLS if f"the output of {name}" == one.refusal().message)
    assert result.stderr.splitlines()[1].strip().startswith(known.hint[:20])


def path_of(file: str) -> Path:
    return DIRECTORY / f"{file}.txt"


def test_each_tool_and_each_file_has_a_case() -> None:
    names = [tool.name.removeprefix("the output of ") for tool in OTHER_TOOLS]
    assert len(names) == len(FILES)
    assert all(any(name.startswith(tool) for name in names) for tool in FILES)
    assert {path.stem for path in DIRECTORY.glob("*.txt")} == set(STEMS)


@pytest.mark.parametrize("file", STEMS)
@pytest.mark.parametrize("half", ["first", "second"])
def test_half_of_an_output_is_never_read_without_a_warning(file: str, half: str) -> None:
    lines = path_of(file).read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    part = b"".join(lines[:middle] if half == "first" else lines[middle:])
    assert problems_of(part)


def problems_of(text: bytes) -> list[str]:
    """Return the error that refuses a text, or the warnings and losses of its result."""
    try:
        parsed = read(text, "x", ReadOptions())
    except InputError as error:
        return [error.message]
    return [problem.text for problem in parsed.problems if problem.severity != "note"]


def test_a_layout_that_the_user_names_is_believed() -> None:
    text = (DIRECTORY / "vmstat.txt").read_bytes()
    assert read(text, "x", ReadOptions(layout="rows")).records == 3
