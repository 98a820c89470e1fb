"""The multi-line output of bcc's tools, in Python and of libbpf-tools."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.readings import kinds_of, parsed_from

from pvprof.parse.result import ParseResult

REAL = FIXTURES / "linux" / "bcc"
OFF_CPU = "Tracing off-CPU time (us) of all threads by user + kernel stack for 2 secs.\n\n"
BLOCKED = "Tracing blocked time (us) by user + kernel off-CPU and waker stack for 2 secs.\n\n"
SAMPLING = "Sampling at 49 Hertz of all threads by user + kernel stack... Hit Ctrl-C to end.\n\n"
COUNTING = 'Tracing 2 functions for "ip_*"... Hit Ctrl-C to end.\n\n'


def process(name: str, value: int = 5, label: str = "-") -> str:
    return f"    {label:16} {name}\n        {value}\n\n"


def rows_of(parsed: ParseResult) -> Counter[tuple[str, str, str]]:
    """Return values by process, the process that was woken, and stack."""
    found: Counter[tuple[str, str, str]] = Counter()
    for profile in parsed.profiles.values():
        for key, stack, weight in profile:
            found[key.execname, key.sleeper, stack] += weight.value
    return found


# ---- real output --------------------------------------------------------------------------------

REAL_FILES = {
    "profile": ("samples", 1),
    "stackcount": ("events", 1),
    "stackcount-verbose": ("events", 1),
    "wakeuptime": ("ns", 1000),
    "libbpf-offcputime": ("ns", 1000),
    "libbpf-offcputime-verbose": ("ns", 1000),
    "libbpf-wakeuptime": ("ns", 1000),
}


def test_each_real_file_is_read() -> None:
    assert {path.stem for path in REAL.iterdir()} == REAL_FILES.keys()


@pytest.mark.parametrize("name", REAL_FILES)
def test_the_values_of_a_real_text_add_up(name: str) -> None:
    unit, scale = REAL_FILES[name]
    text = (REAL / f"{name}.txt").read_text()
    parsed = parsed_from(text)
    assert parsed.layout == "bcc"
    values = [int(value) for value in re.findall(r"(?m)^\s+(\d+)$", text)]
    assert parsed.profiles.keys() == {(unit, False)}
    assert parsed.profiles[unit, False].total == scale * sum(values)
    assert parsed.records == len(values) > 10
    lost = {one.kind for one in parsed.problems if one.severity != "note"}
    assert lost == ({"lost-stacks"} if "[Missed" in text else set())
    names = {key.execname for key, _, _ in parsed.profiles[unit, False]}
    names |= {key.sleeper for key, _, _ in parsed.profiles[unit, False]}
    assert {"dash", "dd"} & names


@pytest.mark.parametrize("name", ["wakeuptime", "libbpf-wakeuptime"])
def test_the_wakers_stack_has_its_root_first_in_each_release(name: str) -> None:
    stacks = [stack.split(";") for _, _, stack in rows_of(parsed_from(read(REAL, name))) if stack]
    leaves = Counter(stack[-1].removeprefix("kernel`") for stack in stacks if len(stack) > 1)
    assert leaves.most_common(1)[0][0] in ("try_to_wake_up", "ttwu_do_activate")


def read(place: Path, name: str) -> str:
    return (place / f"{name}.txt").read_text()


def test_addresses_tell_where_the_stack_of_the_program_begins() -> None:
    rows = rows_of(parsed_from(read(REAL, "libbpf-offcputime-verbose")))
    of_programs = [stack for _, _, stack in rows if stack.startswith("[unknown]")]
    assert len(of_programs) > 5
    assert all(re.match(r"(\[unknown\];)+-;kernel`(asm|entry)_", one) for one in of_programs)


# ---- records of each tool -----------------------------------------------------------------------


def test_a_record_without_a_heading_is_one_of_samples(run: RunCommand) -> None:
    text = (
        b"    __audit_syscall_exit\n    syscall_exit_to_user_mode\n"
        b"    -                systemd (58990)\n        1\n"
    )
    done = run("fold", "-k", "all", "-", stdin=text)
    assert done.stdout == "systemd;syscall_exit_to_user_mode;__audit_syscall_exit 1\n"
    assert "no heading states the unit: taken for samples of profile; --unit" in done.stderr
    given = run("fold", "-k", "all", "-", "--unit", "us", stdin=text).stdout
    assert given.splitlines()[-1].endswith(" 1000")


def test_a_record_of_a_thread_that_left_its_cpu_is_time() -> None:
    for leaf in ("schedule", "#0  0xffffffff81c0ffee __schedule+0x23"):
        parsed = parsed_from(f"    {leaf}\n    g\n{process('sh (7)')}")
        assert parsed.profiles["ns", False].total == 5000
        assert kinds_of(parsed) == {"unit": 1}


RECORDS = {
    OFF_CPU + "    f\n    g\n" + process("sh (7)"): ("ns", "sh", "", "g;f", 5000),
    OFF_CPU + "    f\n    g\n    --\n    read\n    main\n" + process("sh (7)"): (
        *("ns", "sh", "", "main;read;-;g;f", 5000),
    ),
    OFF_CPU + process("(sd-pam) (7)"): ("ns", "(sd-pam)", "", "[no stack]", 5000),
    OFF_CPU + "    f\n" + process("a b (1) (-7)"): ("ns", "a b (1)", "", "f", 5000),
    OFF_CPU + "    f\n" + process("a\nb (7)"): ("ns", "a\nb", "", "f", 5000),
    OFF_CPU + "    f\n" + process(" (7)"): ("ns", "", "", "f", 5000),
    OFF_CPU + "    ffffffff81c0ffee f\n" + process("sh"): (
        "ns",
        "sh",
        "",
        "kernel`f",
        5000,
    ),  # 2016
    OFF_CPU + "    b'f'\n" + process("b'a\\tb' (7)"): ("ns", "a\tb", "", "f", 5000),
    SAMPLING + "    f\n" + process("sh (7)"): ("samples", "sh", "", "f", 5),
    COUNTING + "  ip_output\n  g\n    5\n\n": ("events", "", "", "g;ip_output", 5),
    COUNTING + "  ip_output\n    --\n  main\n    sh [7]\n    5\n\n": (
        *("events", "sh", "", "main;-;ip_output", 5),
    ),
    COUNTING + "  f\n    b'a b' [7]\n    5\n\nDetaching...\n": ("events", "a b", "", "f", 5),
    COUNTING + "  f\n    a\nb [7]\n    5\n\n": ("events", "a\nb", "", "f", 5),
    "  ip_output\n  g\n    sh [7]\n    5\n\n": ("events", "sh", "", "g;ip_output", 5),
    BLOCKED
    + "    waker:           cat 9\n    main\n    vfs_write\n    --               --\n"
    + "    schedule\n    vfs_read\n    -\n    read\n"
    + process("sh 7", label="target:"): ("ns", "sh", "", "read;-;vfs_read;schedule", 5000),
    "    target:          sh\n    ffffffff81c0ffee try_to_wake_up\n    ffffffff81c0beef kthread\n"
    + process("cat", label="waker:"): (
        "ns",
        "cat",
        "sh",
        "kernel`kthread;kernel`try_to_wake_up",
        5000,
    ),
    "    target:          sh\n    ffffffff81c0beef kthread\n    ffffffff81c0ffee try_to_wake_up\n"
    + process("cat", label="waker:"): (
        "ns",
        "cat",
        "sh",
        "kernel`kthread;kernel`try_to_wake_up",
        5000,
    ),
    "\n\ttarget:          sh\n\tffffffff81c0ffee f+0x1\n\tffffffff81c0beef kthread+0x2\n"
    "\t          waker: cat\n\t5\n": ("ns", "cat", "sh", "kernel`kthread;kernel`f", 5000),
}


@pytest.mark.parametrize("text", RECORDS, ids=map(str, range(len(RECORDS))))
def test_a_record_of_each_tool_is_read(text: str) -> None:
    unit, execname, sleeper, stack, value = RECORDS[text]
    padding = "    -                zz (1)\n        7\n" if "    -    " in text else ""
    parsed = parsed_from(text + padding)
    assert parsed.layout == "bcc"
    assert rows_of(parsed)[execname, sleeper, stack] == value
    assert {one for one, _ in parsed.profiles} == {unit}
    assert {one.severity for one in parsed.problems} <= {"note"}


FRAMES = {
    "read+0x13 [libc.so.6]": "libc.so.6`read",
    "default_idle+0xb [kernel]": "kernel`default_idle",
    "0xffffffff81c0ffee schedule+0x23 [kernel]": "kernel`schedule",
    "ffffffff81c0ffee schedule": "kernel`schedule",
    "7f91ec57fad7     std::map<int, char>::at(int)+0x3": "std::map<int, char>::at",
    "#3  0x00007f91ec57fad7 read+0x13 (libc.so.6+0xf8b7)": "libc.so.6`read",
    "#3  0x00007f91ec57fad7 (/opt/My App/x.so+0xf8b7)": "x.so`0xf8b7",
    "#13 0x00007f91ec57fad7": "[unknown]",
    "#13 0x00007f91ec57fad7 [unknown]": "[unknown]",
    "0xffffffff81c0ffee [unknown]": "0xffffffff81c0ffee",
    "unknown": "[unknown]",
    "[unknown] [kernel]": "[unknown] [kernel]",
    "b'schedule'": "schedule",
    "b'read+0x13 [libc.so.6]'": "libc.so.6`read",
    "schedule_[k]": "schedule_[k]",
    "operator new(unsigned long)": "operator new",
    "a::f(int (*)(int))": "a::f",
    "deadbeef": "deadbeef",
}


@pytest.mark.parametrize(("line", "frame"), FRAMES.items(), ids=FRAMES)
def test_a_frame_is_read_in_each_form(line: str, frame: str) -> None:
    parsed = parsed_from(f"{SAMPLING}    {line}\n    main\n{process('sh (7)')}")
    is_kernel = frame.startswith("kernel`")
    assert rows_of(parsed) == {("sh", "", f"main;-;{frame}" if is_kernel else f"main;{frame}"): 5}


def test_the_wakers_of_offwaketime_are_known(run: RunCommand) -> None:
    text = (
        f"{BLOCKED}    waker:           cat 9\n    main\n    -\n    entry\n    vfs_write\n"
        f"    --               --\n    f\n    g\n{process('sh 7', label='target:')}"
        "    waker:            0\n    --               --\n    f\n"
        f"{process('a 7', label='target:')}"
    ).encode()
    joined = run("fold", "-k", "all", "--chain", "wakers", "-", stdin=text).stdout.splitlines()
    assert joined == [
        "a;f;f;--;[no waker recorded] 5000",
        "sh;g;f;f;--;vfs_write;entry;-;main;cat 5000",
    ]


# ---- losses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("    [Missed Kernel Stack]\n" + process("sh (7)"), {"lost-stacks": 1}),
        ("    [Missed User Stack] -17\n" + process("sh (7)"), {"lost-stacks": 1}),
        ("    f\n" + process("sh (7)") + "    [Missed User Stack]\n", {"cut-off": 1}),
        (
            "    f\n"
            + process("sh (7)")
            + "WARNING: 3 stack traces lost and could not be displayed. Consider\n",
            {"lost-stacks": 3},
        ),
        ("    f\n" + process("sh (7)") + "WARNING: hash table full. Consider\n", {"map-full": 1}),
        (
            "    f\n"
            + process("sh (7)")
            + "WARN: Skipped an event with negative duration: pid:1\n",
            {"negative-time": 1},
        ),
        ("    f\n    g\n" + process("a (7)", -3) + process("sh (7)"), {"negative-value": 1}),
        ("    f\n        7\n\n" + process("sh (7)"), {"damaged": 1}),
        ("    f\n    -                a (7)\n\n" + process("sh (7)"), {"damaged": 1}),
        ("    f\n    -                a (7)\n" + process("sh (7)"), {"damaged": 1}),
        (process("sh (7)") + "    f\n    -                a (7)\n", {"cut-off": 1}),
    ],
)
def test_what_is_missing_is_a_loss(text: str, lost: dict[str, int]) -> None:
    parsed = parsed_from(OFF_CPU + text)
    found = {one.kind: one.count for one in parsed.problems if one.severity == "loss"}
    assert found == lost
    assert parsed.profiles["ns", False].total == 5000


def test_messages_on_stderr_before_all_records_are_lost_stacks() -> None:
    text = f"    [Missed User Stack]\n    [Missed User Stack]\n{OFF_CPU}    f\n{process('sh (7)')}"
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("sh", "", "f"): 5000}
    assert kinds_of(parsed) == {"lost-stacks": 2}


def test_other_lines_are_a_note() -> None:
    text = f"{OFF_CPU}    f\nCould not open /memfd:x (deleted)\n{process('sh (7)')}"
    parsed = parsed_from(text)
    assert rows_of(parsed) == {("sh", "", "f"): 5000}
    assert kinds_of(parsed) == {"bad-line": 1}


def test_stacks_whose_order_is_not_known_are_a_warning() -> None:
    text = f"    target:          sh\n    a\n    b\n{process('cat', label='waker:')}"
    assert kinds_of(parsed_from(text)) == {"guessed-order": 1}


def test_messages_on_stderr_are_read(run: RunCommand, tmp_path: Path) -> None:
    place = tmp_path / "x.out"
    place.write_text(f"{OFF_CPU}    f\n{process('sh (7)')}")
    (tmp_path / "x.err").write_text(
        "    [Missed User Stack]\nfailed to get syms\nWARNING: hash table full. Consider\nOops\n"
    )
    said = run("fold", "-k", "all", place).stderr
    for text in ("stacks that bcc lost", "bcc's table was full", "bcc: Oops"):
        assert text in said
    assert "get syms" not in said


# ---- klockstat ----------------------------------------------------------------------------------

PYTHON = """Tracing lock events... Hit Ctrl-C to end.
^C
                                  Caller   Avg Spin  Count   Max spin Total spin
                           tty_write+0x9       4120      3       9000      12360
                           vfs_write+0x7
                               b'isig+1'       1000      1       1000       1000

                                  Caller   Avg Hold  Count   Max hold Total hold
                           tty_write+0x9      20000      3      31000      60000
"""
LIBBPF = """Tracing mutex/sem lock events...  Hit Ctrl-C to end

                               Caller  Avg Wait    Count   Max Wait   Total Wait
                        tty_write+0x9    4.1 us        3     9.0 us      12.4 us
                        vfs_write+0x7
                              Max PID 77, COMM a, Lock b, Lock tty_mutex (0xffff8881)

                               Caller  Avg Hold    Count   Max Hold   Total Hold
                        tty_write+0x9    1.0 s         3     2.0 s        3.1 m \n
Exiting trace of mutex/sem locks
"""
THREADS = """
                Tid              Comm  Avg Wait    Count   Max Wait   Total Wait
               1234        kworker/0:1    4.1 ms        3     9.0 ms        1.5 h \n"""


def test_klockstat_gives_waits_and_holds() -> None:
    parsed = parsed_from(PYTHON)
    ((first, stack, weight), (second, _, _)) = parsed.profiles["ns", True]
    assert (first.name, stack, weight[:2]) == ("tty_write", "vfs_write;tty_write", (12360, 3))
    assert second.name == "isig+1"
    (hold,) = parsed.holds
    assert (hold.caller, hold.hold_ns, hold.acquisitions, hold.max_hold_ns) == (
        *("tty_write", 60000, 3, 31000),
    )
    assert kinds_of(parsed) == {"acquisitions": 1}


def test_klockstat_of_libbpf_rounds_and_names_locks() -> None:
    parsed = parsed_from(LIBBPF)
    ((key, stack, weight),) = parsed.profiles["ns", True]
    assert (key.name, stack, weight[:2]) == ("tty_mutex", "vfs_write;tty_write", (12400, 3))
    assert parsed.holds[0].hold_ns == 186 * 10**9
    assert kinds_of(parsed) == {"acquisitions": 1, "rounded": 1}


def test_klockstat_counts_threads() -> None:
    ((key, stack, weight),) = parsed_from(THREADS).profiles["ns", True]
    assert (key.execname, stack, weight[:2]) == ("kworker/0:1", "[no stack]", (5400 * 10**9, 3))


def test_of_tables_that_grow_the_last_counts() -> None:
    parsed = parsed_from(LIBBPF + LIBBPF.replace("us        3", "us        4"))
    assert [weight.count for _, _, weight in parsed.profiles["ns", True]] == [4]
    assert kinds_of(parsed)["several-prints"] == 1
    cleared = parsed_from(PYTHON + PYTHON.replace("  4120      3 ", "  4120      2 "))
    assert cleared.profiles["ns", True].total == 2 * 13360


def test_a_line_that_is_no_row_is_a_loss() -> None:
    parsed = parsed_from(PYTHON + "oops\n")
    assert [one.kind for one in parsed.problems if one.severity == "loss"] == ["bad-line"]
