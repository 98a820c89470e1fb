"""Input that is damaged, cut off, or no recording at all, for every reader and every command.

Whatever comes in, the outcome is one of two: a result that says what is wrong with it, or one line
of error and no result.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import Result
from conftest import RECORDINGS, read_recording_bytes
from helpers.command_line import RunCommand, assert_is_error, assert_is_result
from helpers.readings import RECORDED

from pvprof.errors import InputError, PvprofError
from pvprof.parse.detect import detect
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

COMMANDS = ("report", "fold", "locks", "flamegraph")

HEADER = (
    b"CPU     ID                    FUNCTION:NAME\n  2  28241                         :tick-8s \n\n"
)
HISTOGRAM = (
    b"           value  ------------- Distribution ------------- count    \n"
    b"             512 |                                         0        \n"
    b"            1024 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@          3        \n"
    b"            2048 |@@@@@@@@@@                               1        \n"
    b"            4096 |                                         0        \n"
)
# One small complete text of each layout. Each has "first" and "second", once, in names of separate
# records, so that damage to the second does not affect the first.
TEXTS = {
    "classic": HEADER + b"\n"
    b"              kernel`first+0x32\n"
    b"              kernel`trap+0x440\n"
    b"             1001\n"
    b"\n"
    b"              kernel`second+0x12\n"
    b"              kernel`trap+0x440\n"
    b"               52\n"
    b"\n",
    "keyed": b"\n"
    b"turnstile|first\n"
    b"kernel`turnstile_wait+0x332\n"
    b"kernel`trap+0x440\n"
    b"1001 3\n"
    b"\n"
    b"sleepq|second\n"
    b"kernel`sleepq_switch+0x115\n"
    b"kernel`trap+0x440\n"
    b"52 1\n",
    "thread": b"\n\n"
    b"kernel`fork1+0x4fa\n"
    b"kernel`first+0x54\n"
    b"\n"
    b"proctree\n"
    b"1001\n"
    b"\n\n\n"
    b"kernel`vm_fault+0x4fa\n"
    b"kernel`second+0x54\n"
    b"\n"
    b"vm object\n"
    b"52\n"
    b"\n",
    "events": b"B 100 1795372027596348298\n"
    b"E 110 1001 20 100159 0 sh t fffff8004309a880 100107 first\n"
    b"\n"
    b"              kernel`turnstile_wait+0x332\n"
    b"              kernel`trap+0x440\n"
    b"E 150 52 21 100160 1 a process s fffff8004309a880 0 second\n"
    b"\n"
    b"              kernel`sleepq_switch+0x115\n"
    b"              kernel`trap+0x440\n"
    b"Z 9000 1795372027596357198\n",
    "single-stacks": b"CPU     ID                    FUNCTION:NAME\n"
    + b"  0  10441                     malloc:entry \n"
    b"              kernel`first+0x2c\n"
    b"              kernel`trap+0x440\n\n" * 3 + b"  0  10441                     malloc:entry \n"
    b"              kernel`second+0x2c\n"
    b"              kernel`trap+0x440\n\n",
    "rows": b"first 1001 3\n" + b"other 7 1\n" * 20 + b"second 52 1\n",
    "histogram": b"\n"
    b"  first                                             \n" + HISTOGRAM + b"\n"
    b"  second                                            \n" + HISTOGRAM + b"\n",
    "differential": b"# pvprof differential, unit: samples\n"
    b"sh;kernel`trap;first 40 1001\n"
    + b"".join(b"sh;kernel`trap;other%d 8 7\n" % number for number in range(20))
    + b"sh;kernel`trap;second 60 52\n",
    "folded": b"sh;kernel`trap;first 1001\n"
    + b"sh;kernel`trap;other 7\n" * 20
    + b"sh;kernel`trap;second 52\n",
    "lock-profiling": b"debug.lock.prof.stats: \n"
    b"     max  wait_max       total  wait_total       count    avg wait_avg cnt_hold cnt_lock"
    b" name\n"
    b"      10         9          20        1001           3      6      0  0      3"
    b" /usr/src/sys/vm/a.c:12 (rw:first)\n"
    b"      10         9          20           7           3      6      2  0      1"
    b" /usr/src/sys/vm/b.c:12 (sleep mutex:second)\n",
    "lockstat": b"\nR/W writer blocked by writer: 4 events in 4.519 seconds (1 events/sec)\n\n"
    b"Count indv cuml rcnt     nsec Lock                   Caller                  \n"
    + b"-"
    * 79
    + b"\n"
    b"    1  25%  25% 0.00     1001 first                  pmap_enter+0xce4        \n"
    b"    3  75% 100% 0.00       52 second                 pmap_copy+0x458         \n"
    + b"-" * 79
    + b"\n",
    "pmcstat": b"@ cpu_clk_unhalted [1053 samples]\n\n"
    b"95.06%  [1001]     first @ /boot/kernel/kernel\n"
    b" 100.0%  [1001]     trap\n\n"
    b"04.94%  [52]       second @ /boot/kernel/kernel\n"
    b" 100.0%  [52]       trap\n\n",
    "bpftrace": b"".join(
        b'{"type": "printf", "data": "%b"}\n' % text
        for text in (
            b"#pvprof 1 events linux ns 0.1.0 frames=32\\n",
            b"#begin 1000 1795372027596348298\\n",
            b"S 2000 1 1 0 0\\n        trap+8\\n.first",
            b"R 3001 1 0",
            b"R 3001 9 0",
            b"R 5052 2 0",
            b"S 5000 2 2 0 0\\n        trap+8\\n.second",
        )
    )
    + b'{"type": "printf", "data": "#end 9000 1795372027596356298\\n"}\n',
    "bpftrace-map": b"Attaching 1 probe...\n\n@ns[first, \n    trap+8\n]: 1001\n"
    b"@ns[second, \n    trap+8\n]: 52\n",
    "bpftrace-json": b'{"type": "map", "data": {"@ns": {"first,\\n    trap+8\\n": 1001}}}\n'
    b'{"type": "map", "data": {"@ns": {"second,\\n    trap+8\\n": 52}}}\n',
    "bcc": b"Tracing off-CPU time (us) of all threads by user + kernel stack for 2 secs.\n\n"
    b"    f\n    trap+0x8\n    -                first (7)\n        1001\n\n"
    b"    g\n    trap+0x8\n    -                second (8)\n        52\n\n",
    "bcc-histogram": b"".join(
        b"\npid = 7 %b\n     usecs               : count    distribution\n"
        b"         0 -> 1          : 3        |*****|\n" % name
        for name in (b"first", b"second")
    ),
    "klockstat": b"Tracing lock events... Hit Ctrl-C to end.\n\n"
    b"                                  Caller   Avg Spin  Count   Max spin Total spin\n"
    b"                               first+0x1        100      3        200       1001\n"
    b"                                trap+0x8\n"
    + b"                               other+0x1          7      1          7          7\n"
    * 9
    + b"                              second+0x1        100      3        200         52\n"
    b"                                trap+0x8\n",
    "perf": b"first 5 [000] 10.000001000: cycles: \n\tffff trap+0x1 ([kernel.kallsyms])\n\n" * 3
    + b"second 6 [000] 10.000002000: cycles: \n\tffff trap+0x1 ([kernel.kallsyms])\n\n",
    "pvprof": b"#pvprof 1 offcpu stock ns 0.1.0 frames=32\n#begin 100 1795372027596348298\n"
    b"\n> turnstile name=5:first\nkernel`turnstile_wait+0x332\nkernel`trap+0x440\n= 1001 3\n"
    b"\n> sleepq name=6:second\nkernel`sleepq_switch+0x115\nkernel`trap+0x440\n= 52 1\n"
    b"\n#end 9000 1795372027596357198\n",
    "pmcstat-log": b'initlog   0x1000000 "INTEL_HASWELL"\n'
    b'exec      0x0 4711 0x201450 "/bin/first"\n'
    + b"callchain 4711 0x2 3 2 s\n...       0x1001\n...       0x1002\n"
    * 3
    + b'exec      0x0 4712 0x201450 "/bin/second"\n'
    b"callchain 4712 0x2 3 1 s\n...       0x1003\n",
}
WITHOUT_TEXT = {
    "speedscope": "one JSON document, whole or unreadable: tests/parse/test_speedscope_read.py",
    "pprof": "no text, and no lines: tests/parse/test_pprof_read.py",
    "html": "one JSON document in a page, whole or unreadable: tests/render/test_html.py",
}
"""Layouts without an entry in `TEXTS`, and why."""

WITHOUT_STACKS = ("histogram", "bcc-histogram")
WITH_HISTOGRAMS = ("pvprof", "events", "classic", "thread", "rows", "histogram", "keyed")
"""Layouts of D programs. In another layout, a histogram of DTrace's makes a text of two tools."""

NUMBERED_LINES = ("rows", "folded", "differential")
"""Layouts in which any line that ends in a number is a record."""

LINES_ARE_RECORDS = (
    "lock-profiling",
    "rows",
    "folded",
    "bpftrace-json",
    "differential",
)
"""Layouts in which every record is one line: a text that ends between two lines is not damaged."""

FIRST_LINE_COUNTS = (*LINES_ARE_RECORDS, "pmcstat", "pmcstat-log", "perf", "klockstat")
"""Layouts in which the line with a record's name holds its value, too."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_a_text_to_damage(layout: str) -> None:
    if layout in WITHOUT_TEXT:
        assert layout not in TEXTS
        return
    assert layout in TEXTS, (
        f"no text of {layout} to damage: add a small one to TEXTS in tests/parse/test_bad_input.py,"
        " with a record named first, of value 1001, and then one named second, of value 52,"
        " both below a frame trap"
    )


@pytest.mark.parametrize("layout", TEXTS)
def test_each_text_is_detected_as_its_layout(layout: str) -> None:
    found = detect(TEXTS[layout]).name
    assert found == layout, (
        f"the text of {layout} in TEXTS is detected as {found}: is LAYOUTS right about how"
        f" {layout} is detected, and in the right order?"
    )


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def assert_is_outcome(result: Result, command: str, layout: str, damage: str) -> None:
    """Check that a command gave a result, or an error if the layout has no stacks to draw."""
    if result.exit_code and may_be_of_two_tools(layout, damage):
        assert "two layouts in one text" in assert_is_error(result)
    elif layout in WITHOUT_STACKS and command in ("fold", "flamegraph"):
        assert result.exit_code in (1, 2)
        assert_is_error(result, result.exit_code)
    else:
        assert_is_result(result)


# Nothing in it.

NOTHING = {
    "empty": b"",
    "blanks": b"  \n\t\n \n\n",
    "line ends": b"\r\n\r\n\r\n",
    "one header": HEADER,
    "two headers": HEADER + b"\n" + HEADER,
    "half a header": HEADER.split(b"\n", 1)[0],
    "every byte": bytes(range(256)) * 20,
    "random": bytes(n * n * 7919 % 251 ^ n % 256 for n in range(5000)),
    "NULs": b"\0" * 4096,
    "a line of 1 MB": b"x" * 1_000_000,
    "prose": b"The build took 17 minutes.\nThen it failed.\n",
    "messages": b"dtrace: script 'x.d' matched 3 probes\ndtrace: 5 drops on CPU 1\n",
    "marks": b"B 100 200\nZ 300 400\n",
    "half a stack": b"\n              kernel`a+0x1\n              kernel`b\n",
}


def as_text(command: str) -> tuple[str, ...]:
    """Return the words of a command that draws nothing: an empty file still gives a picture."""
    return (command, "--tree") if command == "flamegraph" else (command,)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", NOTHING)
def test_a_file_without_content_is_a_one_line_error(
    run: RunCommand, tmp_path: Path, command: str, name: str
) -> None:
    error = assert_is_error(run(*as_text(command), write(tmp_path / "nothing.out", NOTHING[name])))
    assert "nothing" in error, "an error names its file"


@pytest.mark.parametrize("layout", ["", "folded", "classic"])
@pytest.mark.parametrize("text", [b"", b" \n\n"], ids=["empty", "blanks"])
def test_an_empty_file_fails_and_its_picture_has_the_reason(
    run: RunCommand, tmp_path: Path, text: bytes, layout: str
) -> None:
    words = ("--input-format", layout) if layout else ()
    result = run(
        "flamegraph", "-", *words, "--title", "A < B", "-o", tmp_path / "x.svg", stdin=text
    )
    assert result.exit_code == 1
    assert "pvprof: error: stdin: the file is empty\n" in result.stderr
    said = "".join(ET.parse(tmp_path / "x.svg").getroot().itertext())
    for sentence in ("A < B", "There is nothing to draw", "stdin: the file is empty"):
        assert sentence in said


def test_an_empty_file_among_others_makes_no_picture(run: RunCommand, tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.out", b"")
    result = run("flamegraph", RECORDINGS / "stock-offcpu.out", empty, "-o", tmp_path / "x.svg")
    assert_is_error(result)
    assert not (tmp_path / "x.svg").exists()


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NOTHING)
def test_a_file_without_content_is_an_error_in_any_layout(
    run: RunCommand, layout: str, name: str
) -> None:
    if layout in NUMBERED_LINES and name in ("messages", "marks"):
        pytest.skip("any line that ends in a number is a record there")
    assert_is_error(run("report", "-", "--input-format", layout, stdin=NOTHING[name]))


def test_an_error_leaves_no_file_behind(run: RunCommand, tmp_path: Path) -> None:
    result = run("fold", "-k", "all", "-", "-o", tmp_path / "out.folded", stdin=b"")
    assert_is_error(result)
    assert list(tmp_path.iterdir()) == []


def test_a_hint_names_an_option_that_the_command_has(run: RunCommand) -> None:
    hints = [
        run("fold", "-k", "all", "-", stdin=NOTHING[name]).stderr
        for name in ("prose", "one header")
    ]
    options = re.findall(r"--[a-z-]+", " ".join(hints))
    known = re.findall(r"--[a-z-]+", run("fold", "-k", "all", "--help").stdout)
    assert set(options) <= set(known)


# Something in it, and damage.


def damage_second(data: bytes, inserted: bytes) -> bytes:
    """Insert bytes into the name of the second record."""
    place = data.rindex(b"second") + len(b"sec")
    return data[:place] + inserted + data[place:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "cut in mid-line": lambda data: data[: data.rindex(b"second") + len(b"sec")],
    "cut in mid-record": lambda data: data[: data.index(b"\n", data.rindex(b"second")) + 1],
    "cut before a record": lambda data: data[: data.rindex(b"\n", 0, data.rindex(b"second")) + 1],
    "cut before the last line end": lambda data: data.rstrip(b"\n"),
    "NULs": lambda data: damage_second(data, b"\0" * 50),
    "control characters": lambda data: damage_second(data, bytes([*range(1, 9), 11, 12, 27, 127])),
    "lone carriage returns": lambda data: damage_second(data, b"\r\r"),
    "a number too large": lambda data: re.sub(rb"\b52\b", b"9" * 25, data),
    "bytes that are not UTF-8": lambda data: damage_second(data, b"\xff\xfe\xf0\x28\x8c\xbc"),
    "a name of 1 MB": lambda data: damage_second(data, b"x" * 1_000_000),
    "a name of 1 MB, cut": lambda data: damage_second(data, b"x" * 1_000_000)[:500_000],
    "a line of 1 MB": lambda data: data + b"\n" + b"x" * 1_000_000 + b"\n\n",
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "a histogram": lambda data: data + b"\n  name     \n" + HISTOGRAM + b"\n",
    "a histogram before": lambda data: b"\n  name     \n" + HISTOGRAM + b"\n" + data,
    "binary junk behind": lambda data: data + b"\n" + bytes(range(256)) * 4 + b"\n",
    "messages around": lambda data: b"dtrace: 5 drops on CPU 1\n" + data + b"dtrace: oops\n",
}


def is_refused_as_two(text: bytes) -> bool:
    """Tell whether a text is refused since it has lines of two layouts."""
    try:
        detect(text)
    except InputError as error:
        return "two layouts in one text" in error.message
    return False


def may_be_of_two_tools(layout: str, damage: str) -> bool:
    """Tell whether there is a histogram of DTrace's in a text of another tool."""
    if layout == "pvprof":  # what follows its header is its own
        return damage == "a histogram before"
    return "histogram" in damage and layout not in WITH_HISTOGRAMS


EXPLAINED = {
    "cut in mid-line": {"cut-off", "no-end-marker", "no-final-newline"},
    "cut in mid-record": {"cut-off", "no-end-marker", "bad-line"},
    "a name of 1 MB, cut": {"cut-off", "no-end-marker", "no-final-newline"},
    "messages around": {"drops", "bad-line", "damaged"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "damage", "command"),
    [
        (layout, damage, command)
        for layout, damage, command in product(TEXTS, DAMAGES, COMMANDS)
        if "1 MB" not in damage or command == "fold" or layout == "keyed"  # the others take long
    ],
)
def test_damage_never_ends_in_a_traceback(
    run: RunCommand, layout: str, damage: str, command: str
) -> None:
    result = run(command, "-", stdin=DAMAGES[damage](TEXTS[layout]))
    assert_is_outcome(result, command, layout, damage)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("layout", TEXTS)
def test_damage_to_one_record_leaves_the_others(layout: str, damage: str) -> None:
    text = DAMAGES[damage](TEXTS[layout])
    if may_be_of_two_tools(layout, damage) and is_refused_as_two(text):
        return
    assert_holds_first(read(text, "test", ReadOptions(jobs=1)))


def assert_holds_first(parsed: ParseResult) -> None:
    """Check that the record named "first" has the same value as in `TEXTS`."""
    values = [
        weight.value
        for profile in profiles_of(parsed)
        for key, stack, weight in profile
        if "first" in f"{key} {stack}"
    ]
    counts = [one.count for one in parsed.histograms if "first" in str(one.key)]
    # LOCK_PROFILING counts in µs; a line of pmcstat's log is one sample
    assert values + counts in ([1001], [1_001_000], [4], [3])


def profiles_of(parsed: ParseResult) -> list[Any]:
    events = [] if parsed.events is None else [parsed.events.profile()]
    return [*parsed.profiles.values(), *events]


@pytest.mark.slow
@pytest.mark.parametrize("damage", EXPLAINED)
@pytest.mark.parametrize("layout", TEXTS)
def test_a_result_lists_what_was_damaged(run: RunCommand, layout: str, damage: str) -> None:
    if layout in FIRST_LINE_COUNTS and damage == "cut in mid-record":
        pytest.skip("the value is in the line with the name there: nothing is lost")
    text = DAMAGES[damage](TEXTS[layout])
    result = run("report", "-", "-o", "-", "--format", "json", stdin=text)
    found = json.loads(result.stdout)["problems"]
    assert {one["kind"] for one in found} & EXPLAINED[damage]
    for output_format in ("terminal", "markdown"):
        shown = run("report", "-", "-o", "-", "--format", output_format, stdin=text).stdout
        assert any(one["text"][:20] in shown for one in found)


@pytest.mark.parametrize("layout", TEXTS)
def test_a_complete_text_has_no_problem(layout: str) -> None:
    problems = read(TEXTS[layout], "test", ReadOptions(jobs=1)).problems
    told = [one for one in problems if one.severity != "note" and one.kind != "single-stacks"]
    assert told == []


_TRAP = re.compile(rb"(?:kernel`)?trap(?:\+0x[0-9a-f]+|\+8|)")


@pytest.mark.parametrize(
    "layout",
    [
        name
        for name, text in TEXTS.items()
        if _TRAP.search(text) and name not in ("folded", "differential")
    ],
)
def test_an_address_without_a_name_is_handed_on(layout: str) -> None:
    text = _TRAP.sub(b"0xffffffff80123456", TEXTS[layout])
    found = read(text, "test", ReadOptions(jobs=1)).hex_frames
    assert found, f"{layout}: its reader does not hand on source.frame_names.hex_frames"


@pytest.mark.slow
@pytest.mark.parametrize("layout", [name for name in TEXTS if name not in WITHOUT_STACKS])
def test_line_ends_of_another_system_change_nothing(run: RunCommand, layout: str) -> None:
    text = TEXTS[layout]
    plain = run("fold", "-k", "all", "-", stdin=text)
    converted = run("fold", "-k", "all", "-", stdin=text.replace(b"\n", b"\r\n"))
    assert (converted.stdout, converted.stderr) == (plain.stdout, plain.stderr)


def test_a_file_whose_line_ends_change_half_way_is_read_to_its_end(run: RunCommand) -> None:
    record = b"\n              kernel`f+0x1\n              kernel`g\n             1001\n"
    text = record * 100 + record.replace(b"\n", b"\r\n") * 100
    assert run("fold", "-k", "all", "-", stdin=text).stdout == "kernel`g;kernel`f 200200\n"


HEAD = "E 110 1001 20 100159 0 sh t fffff8004309a880 100107 first"


@pytest.mark.parametrize(
    "line",
    [
        HEAD.replace("1001", "9" * 25),
        HEAD.replace("1001", "1e3"),
        HEAD.replace("100107", "9" * 25),
        HEAD.replace("100107", "owner"),
        HEAD.replace("fffff8004309a880", "not-hex"),
        "E 110",
        "E ",
        "E 110 first",
    ],
)
def test_a_malformed_event_line_is_one_problem(run: RunCommand, line: str) -> None:
    text = TEXTS["events"].decode().replace(HEAD, line)
    result = run("report", "-", "-o", "-", "--format", "json", stdin=text.encode())
    assert_is_result(result)
    document = json.loads(result.stdout)
    assert [one["kind"] for one in document["problems"]] == ["bad-event"]
    assert [one["total"]["value"] for one in document["sections"]] == [52]


# Files that are none, or cannot be read, and damaged packing.


def missing(place: Path) -> Path:
    return place / "missing.out"


def dangling_link(place: Path) -> Path:
    (place / "link.out").symlink_to("nowhere")
    return place / "link.out"


def link_to_itself(place: Path) -> Path:
    (place / "link.out").symlink_to("link.out")
    return place / "link.out"


def below_a_file(place: Path) -> Path:
    return write(place / "file.out", TEXTS["keyed"]) / "raw.out"


def name_too_long(place: Path) -> Path:
    return place / ("x" * 300)


def empty_directory(place: Path) -> Path:
    return place


def directory_of_other_files(place: Path) -> Path:
    write(place / "readme.txt", b"hello\n")
    return place


def directory_in_the_place_of_the_output(place: Path) -> Path:
    write(place / "raw.out" / "x", b"")
    return place


def manifest_alone(place: Path) -> Path:
    write(place / "manifest.json", b'{"schema": 1}')
    return place


def with_manifest(manifest: bytes) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        write(place / "raw.out", TEXTS["keyed"])
        write(place / "manifest.json", manifest)
        return place

    return make


def with_symbols(symbols: bytes) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        write(place / "raw.out", TEXTS["keyed"])
        write(place / "symbols.nm.gz", symbols)
        return place

    return make


def file_of(name: str, data: bytes) -> Callable[[Path], Path]:
    return lambda place: write(place / name, data)


def tar_of(data: bytes) -> bytes:
    """A recording as one .tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("run.pvprof/raw.out")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


GZIP = gzip.compress(read_recording_bytes("stock-offcpu.out"))
TAR = tar_of(read_recording_bytes("stock-offcpu.out"))

NO_RECORDINGS: dict[str, Callable[[Path], Path]] = {
    "missing": missing,
    "dangling link": dangling_link,
    "link to itself": link_to_itself,
    "below a file": below_a_file,
    "name too long": name_too_long,
    "empty directory": empty_directory,
    "directory of other files": directory_of_other_files,
    "directory for output": directory_in_the_place_of_the_output,
    "manifest alone": manifest_alone,
    "manifest cut": with_manifest(b'{"schema": 1, "host'),
    "manifest empty list": with_manifest(b"[]"),
    "manifest newer": with_manifest(b'{"schema": 999}'),
    "manifest without schema number": with_manifest(b'{"schema": "one"}'),
    "manifest binary": with_manifest(b"\xff\xfe\0\0"),
    "manifest deeply nested": with_manifest(b"[" * 100_000),
    "gzip of nothing": file_of("run.out.gz", gzip.compress(b"")),
    "gzip magic alone": file_of("run.out.gz", GZIP[:2]),
    "gzip damaged": file_of("run.out.gz", GZIP[:200] + b"\0" * 50 + GZIP[250:]),
    "zstd magic alone": file_of("run.out.zst", b"\x28\xb5\x2f\xfd"),
    "tar cut": file_of("run.tar.gz", TAR[:300]),
    "tar damaged": file_of("run.tar.gz", TAR[:200] + b"\0" * 50 + TAR[250:]),
    "tar empty": file_of("run.tar.gz", b""),
    "tar of junk": file_of("run.tar.gz", b"junk" * 500),
    "tar of gzip junk": file_of("run.tgz", gzip.compress(b"junk" * 500)),
    "tar plain junk": file_of("run.tar", b"junk" * 500),
    "tar with an empty output": file_of("run.tar.gz", tar_of(b"")),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", NO_RECORDINGS)
def test_a_path_without_a_recording_is_a_one_line_error(
    run: RunCommand, tmp_path: Path, name: str, command: str
) -> None:
    error = assert_is_error(run(*as_text(command), NO_RECORDINGS[name](tmp_path)))
    assert error.isprintable()


@pytest.mark.parametrize("name", ["run.out.gz", "run.pvprof/raw.out.gz"])
def test_a_gzip_file_that_ends_early_gives_what_could_be_unpacked(
    run: RunCommand, tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / name, GZIP[: len(GZIP) // 2])
    cut = path if path.parent == tmp_path else path.parent
    document = json.loads(run("report", cut, "-o", "-", "--format", "json").stdout)
    whole = run("report", RECORDINGS / "stock-offcpu.out", "-o", "-", "--format", "json").stdout
    assert "cut-off" in {one["kind"] for one in document["problems"]}
    total = document["sections"][0]["total"]["value"]
    assert 0 < total < json.loads(whole)["sections"][0]["total"]["value"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_socket_is_a_one_line_error(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    # Nobody can open a socket as a file, root included; its path must be short.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("run.out")
        assert "run.out" in assert_is_error(run(command, "run.out"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_without_permission_is_a_one_line_error(
    run: RunCommand, tmp_path: Path, command: str
) -> None:
    path = write(tmp_path / "run.out", TEXTS["keyed"])
    path.chmod(0)
    assert "run.out" in assert_is_error(run(command, path))


def test_one_bad_recording_of_several_fails_and_is_named(run: RunCommand, tmp_path: Path) -> None:
    good = write(tmp_path / "good.out", TEXTS["keyed"])
    bad = write(tmp_path / "bad.out", b"")
    for command in COMMANDS:
        assert "bad" in assert_is_error(run(command, good, bad))


def test_a_whole_archive_is_read_as_the_file_in_it(run: RunCommand, tmp_path: Path) -> None:
    packed = run("fold", "-k", "all", write(tmp_path / "run.tar.gz", TAR))
    assert packed.stdout == run("fold", "-k", "all", RECORDINGS / "stock-offcpu.out").stdout
    assert_is_result(packed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["fold", "-k", "all", "missing.out"], b"", 1),
        (["report", "-"], b"", 1),
        (["locks", "-"], b"\0\xff" * 1000, 1),
        (["flamegraph", "-", "--measure", "samples"], TEXTS["keyed"], 2),
        (["fold", "-k", "all", "-"], DAMAGES["bytes that are not UTF-8"](TEXTS["keyed"]), 0),
    ],
)
def test_a_real_process_has_the_same_exit_status(
    tmp_path: Path, arguments: list[str], stdin: bytes, code: int
) -> None:
    command = [sys.executable, "-m", "pvprof", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert bool(done.stdout) == (code == 0)
    assert done.stderr.startswith(b"pvprof: error: ") == (code != 0)


# Cuts: what a reader gives for the first part of a text lies between the records that are whole in
# it and the records of the whole text.

MAX_BYTES = 12_000
MAX_CUTS = 160

Totals = Counter[str]
"""Sums by unit, and the number of values in histograms."""

_RECORD_END = re.compile(rb"(?:.*\S )?\s*\d+(?: \d+)?\s*")


def sample_of(name: str) -> bytes:
    """Return a text, or the first complete records of a long one."""
    if name in TEXTS:
        return TEXTS[name]
    data = read_recording_bytes(name)
    return data if len(data) < MAX_BYTES else data[: [*record_ends(name, data[:MAX_BYTES])][-1]]


class Reading(NamedTuple):
    """The result of a text cut at one offset."""

    cut: int
    totals: Totals
    problems: frozenset[str]


def read_cut(data: bytes, cut: int) -> Reading:
    """Read the first part of a text; if it cannot be read, its sum is nothing."""
    try:
        parsed = read(data[:cut], "cut", ReadOptions(jobs=1))
    except PvprofError:
        return Reading(cut, Totals(), frozenset({"error"}))
    totals = Totals({"histogram": sum(one.count for one in parsed.histograms)})
    for profile in profiles_of(parsed):
        totals[profile.unit] += profile.total
    return Reading(cut, totals, frozenset(problem.kind for problem in parsed.problems))


@cache
def readings(name: str) -> tuple[Reading, ...]:
    """Read a text cut at many offsets and at the end of every line, the complete one last."""
    data = sample_of(name)
    cuts = {*range(0, len(data), max(1, len(data) // MAX_CUTS)), len(data)}
    cuts |= {match.end() for match in re.finditer(b"\n", data)}
    return tuple(read_cut(data, cut) for cut in sorted(cuts))


def record_ends(name: str, data: bytes) -> Iterator[int]:
    """Yield the offsets at which records are complete, judged by their lines only."""
    yield 0
    if name in LINES_ARE_RECORDS:
        yield from (match.end() for match in re.finditer(b"\n", data))
        return
    end = 0
    is_histogram = is_event = False
    for line in data.splitlines(keepends=True):
        if line.startswith((b"callchain ", b"exec ", b"first ", b"second ", b"pid = ")):
            yield end
        if is_event and line.startswith((b"E ", b"Z ")):
            yield end
        end += len(line)
        if line.endswith(b" cycles: \n"):  # perf prints samples without stacks, too
            yield end
        is_event = (is_event or line.startswith(b"E ")) and not line.startswith(b"Z ")
        is_body = b" Distribution " in line or (b"|" in line and is_histogram)
        if is_histogram and not line.strip():
            yield end - len(line)
        is_histogram = is_body
        if not is_event and line.endswith(b"\n") and _RECORD_END.fullmatch(line):
            yield end


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TEXTS, *RECORDED])
def test_the_total_of_a_cut_text_is_never_higher(name: str) -> None:
    *cuts, whole = readings(name)
    assert [(one.cut, one.totals) for one in cuts if one.totals - whole.totals] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TEXTS, *RECORDED])
def test_a_cut_text_keeps_every_complete_record(name: str) -> None:
    data = sample_of(name)
    ends = list(record_ends(name, data))
    at_ends = {end: read_cut(data, end).totals for end in ends}
    lost = []
    for one in readings(name):
        end = ends[bisect_right(ends, one.cut) - 1]
        if at_ends[end] - one.totals:
            lost.append((one.cut, one.problems))
    assert lost == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TEXTS, *RECORDED])
def test_a_cut_inside_a_record_is_a_problem(name: str) -> None:
    data = sample_of(name)
    ends = list(record_ends(name, data))
    *cuts, whole = readings(name)
    silent = []
    for one in cuts:
        record = bisect_right(ends, one.cut)
        since = data[ends[record - 1] : one.cut]
        missing = data[one.cut :] if record == len(ends) else data[one.cut : ends[record]]
        is_inside = since.strip() and missing.strip()  # the end of the last line is no loss
        if is_inside and whole.totals - one.totals and not one.problems:
            silent.append(one.cut)
    assert silent == []


@pytest.mark.parametrize(
    "symbols", [GZIP[:100], gzip.compress(b"hello\n")], ids=["cut gzip", "not nm output"]
)
def test_unreadable_symbols_in_a_recording_are_a_warning(
    run: RunCommand, tmp_path: Path, symbols: bytes
) -> None:
    result = run("report", with_symbols(symbols)(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert re.search(r"warning: .*(no symbol|damaged)", result.stdout)


def test_a_folded_line_with_a_number_of_thousands_of_digits_is_a_problem(
    run: RunCommand, tmp_path: Path
) -> None:
    number = "9" * 5000
    place = tmp_path / "big.folded"
    for line in (f"a;b {number}", f"a;b {number}.5"):
        place.write_text(f"{line}\na;c 3\n")
        result = run("fold", "-k", "all", place)
        assert result.exit_code == 0
        assert result.stdout == "a;c 3\n"
        assert "not a folded stack" in result.stderr
