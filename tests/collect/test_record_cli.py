"""``pvprof record``, ``doctor`` and ``script --standalone`` as a user runs them, on this machine.

It is made to look like a FreeBSD host; the recorder and its talk with pvprof are real.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import shutil
import signal
import stat
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import RunCommand
from target.harness import Outcome, Running, StandIn, wait_until

from pvprof.cli.commands.record import default_name
from pvprof.recording.open import open_recording

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
FALLEN_BACK = "pvprof: recorded with offcpu: this kernel has no kernel:profile probes"
STARTED = ("sh", "-c", "touch started; sleep 60")


@pytest.fixture
def target(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(tmp_path) as machine:
        machine.env["PYTHONPATH"] = str(ROOT)
        machine.dtrace(patched=True)
        yield machine


def start(target: StandIn, *words: str, prefix: tuple[str, ...] = ()) -> Running:
    return Running(target, [*prefix, sys.executable, "-m", "pvprof", *words], has_stdin=False)


def run(target: StandIn, *words: str, prefix: tuple[str, ...] = ()) -> Outcome:
    return start(target, *words, prefix=prefix).wait()


def recording(target: StandIn, *words: str) -> Running:
    """Start pvprof record and wait until its workload runs."""
    running = start(target, "record", *words, "--", *STARTED)
    wait_until((target.home / "started").exists, "the workload")
    return running


def contents(target: StandIn) -> list[str]:
    return sorted(place.name for place in target.home.iterdir() if place.name != "started")


def manifest_of(place: Path) -> dict[str, Any]:
    return dict(open_recording(str(place)).manifest.raw)


# --- successful runs -----------------------------------------------------------------------------


@pytest.mark.parametrize(("output", "shared"), [("o.pvprof", 0o755), ("o.tgz", 0o640)])
def test_a_recording_is_its_owners_alone_unless_it_replaces_one_that_is_not(
    target: StandIn, output: str, shared: int
) -> None:
    words = ("record", "-q", "-o", output, "--", "true")
    assert run(target, *words).status == 0
    place = target.home / output
    files = [one for one in (place, *place.rglob("*")) if one.is_file()]
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert stat.S_IMODE(place.stat().st_mode) == (0o700 if place.is_dir() else 0o600)
    place.chmod(shared)
    assert run(target, *words[:2], "-f", *words[2:]).status == 0
    assert stat.S_IMODE(place.stat().st_mode) == shared


def test_report_opens_what_record_writes(target: StandIn) -> None:
    done = run(target, "record", "-o", "out.pvprof", "--label", "x", "--", "sh", "-c", "exit 0")
    assert (done.status, done.left) == (0, [])
    assert done.said.splitlines() == [
        "pvprof: wrote out.pvprof: 12.9 s traced, 0 records dropped",
        "  show it: pvprof report out.pvprof",
    ]
    assert contents(target) == ["out.pvprof"]
    manifest = manifest_of(target.home / "out.pvprof")
    assert (manifest["mode"], manifest["program"]) == ("offcpu", "offcpu-sdt")
    assert manifest["label"] == "x"
    assert manifest["complete"] is True
    assert (target.home / "out.pvprof" / "symbols.nm.gz").is_file()
    shown = run(target, "report", "out.pvprof")
    assert (shown.status, shown.said) == (0, "")
    assert "pmap pv list" in shown.archive.read_text()


def test_record_chooses_a_name_for_its_output(target: StandIn) -> None:
    done = run(target, "record", "locks", "-d", "100ms")
    assert done.status == 0
    (name,) = contents(target)
    assert name.startswith("pvprof-")
    assert "-locks-" in name
    assert name.endswith(".pvprof")
    assert f"wrote {name}" in done.said


def test_the_workload_gets_its_words_exactly(target: StandIn) -> None:
    words = (
        "",
        " two  words ",
        "it's",
        '"',
        "$HOME`id`",
        "a\nb",
        "--repeat",
        "-o",
        "--",
        "☃",
        "\udcff",
    )
    script = 'for word do printf "%s\\0" "$word"; done >got'
    done = run(target, "record", "-o", "out", "--", "sh", "-c", script, "sh", *words)
    assert done.status == 0
    got = (target.home / "got").read_bytes().split(b"\0")[:-1]
    assert [os.fsdecode(word) for word in got] == list(words)
    assert manifest_of(target.home / "out")["workload"][4:] == list(words)


def test_five_runs_and_a_warmup_make_a_run_set(target: StandIn) -> None:
    done = run(
        target, "record", "--repeat", "5", "--warmup", "1", "--label", "stock", "--no-symbols",
        "-o", "stock", "--", "sh", "-c", "sleep 0.1",
    )  # fmt: skip
    assert (done.status, done.left) == (0, [])
    assert done.said.splitlines()[-3:] == [
        "  show it: pvprof report stock",
        "  compare it with another set: pvprof compare stock --vs OTHER",
        "  show the times of the workload: pvprof stats stock",
    ]
    for command in ("report", "stats"):  # as the last lines promise
        assert run(target, command, "stock").status == 0
    facts = json.loads((target.home / "stock" / "set.json").read_text())
    assert facts["recordings"] == [f"offcpu-{number}.pvprof" for number in range(1, 6)]
    assert facts["warmups"] == ["warmup-1.pvprof"]
    assert (facts["label"], facts["wanted"]) == ("stock", 5)
    for number, name in enumerate(facts["recordings"], start=1):
        manifest = manifest_of(target.home / "stock" / name)
        assert (manifest["run"], manifest["warmup"]) == (number, False)
        assert manifest["real_s"] >= 0.1
        assert manifest["user_s"] >= 0
        assert manifest["sys_s"] >= 0
        assert manifest["label"] == "stock"
    assert manifest_of(target.home / "stock" / "warmup-1.pvprof")["warmup"] is True
    assert run(target, "report", "stock").status == 0
    shutil.copytree(target.home / "stock", target.home / "patched")
    for number, place in enumerate(sorted(target.home.glob("*/offcpu-*.pvprof/raw.out*"))):
        place.write_bytes(place.read_bytes() + b"\n" * number)  # else the runs have equal output
    done = run(target, "compare", "stock", "--vs", "patched", "--format", "json", "-o", "-")
    assert done.status == 0
    compared = json.loads(done.archive.read_text())
    assert [len(compared[side]["recordings"]) for side in ("base", "new")] == [5, 5]
    assert [one["name"] for one in compared["times"]] == ["real", "user", "sys"]


def test_several_modes_make_a_run_set(target: StandIn) -> None:
    done = run(target, "record", "locks", "runq", "--no-symbols", "-o", "set", "--", "true")
    assert done.status == 0
    assert contents(target) == ["set"]
    names = sorted(place.name for place in (target.home / "set").iterdir())
    assert names == ["locks-1.pvprof", "runq-1.pvprof", "set.json"]
    assert "2 recordings" in done.said


def test_an_output_named_tar_gz_is_one_file(target: StandIn) -> None:
    done = run(target, "record", "-o", "out.tar.gz", "--no-symbols", "--", "true")
    assert done.status == 0
    assert manifest_of(target.home / "out.tar.gz")["complete"] is True


def test_a_recording_can_go_to_stdout(target: StandIn) -> None:
    done = run(target, "record", "-o", "-", "--no-symbols", "--", "true")
    assert done.status == 0
    assert done.manifest["complete"] is True
    assert contents(target) == []


def test_quiet_prints_nothing(target: StandIn) -> None:
    target.dtrace(patched=False)
    done = run(target, "record", "-q", "-o", "out", "--no-symbols", "--", "true")
    assert (done.status, done.said) == (0, "")


def test_falling_back_to_the_stock_program_is_a_note(target: StandIn) -> None:
    target.dtrace(patched=False)
    done = run(target, "record", "-o", "out", "--no-symbols", "--", "true")
    assert done.said.splitlines()[0] == FALLEN_BACK


def on_terminal(target: StandIn, stream: str, *words: str) -> tuple[int, str]:
    """Run pvprof with stdout or stderr on a terminal; return the exit status and the screen."""
    ours, theirs = pty.openpty()
    target.env |= {"TERM": "xterm-256color", "COLUMNS": "100"}
    command = [sys.executable, "-m", "pvprof", *words]
    running = Running(target, command, has_stdin=False, terminal={stream: theirs})
    os.close(theirs)
    shown = b""
    with open(ours, "rb", buffering=0) as terminal, contextlib.suppress(OSError):
        # Linux: reading fails once the other end is closed.
        while piece := terminal.read(4096):
            shown += piece
    return running.wait().status, shown.decode()


def test_a_terminal_shows_time_bytes_and_drops(target: StandIn) -> None:
    target.dtrace(patched=True, stderr="dtrace: 1234 drops on CPU 5\n")
    words = ("record", "-d", "1500ms", "-o", "out", "--no-symbols")
    status, shown = on_terminal(target, "stderr", *words)
    assert status == 0
    assert "offcpu: 1 s, 0.0 MB, 1,234 drops" in shown


def test_a_recording_is_not_written_to_a_terminal(target: StandIn) -> None:
    status, shown = on_terminal(target, "stdout", "record", "-o", "-", "--", "touch", "ran")
    assert status == 1
    assert shown == ""
    assert contents(target) == []


def test_a_standalone_recorder_needs_no_pvprof(target: StandIn) -> None:
    words = ("sh", "-c", "exit 0", "two words")
    done = run(target, "script", "offcpu", "--standalone", "--label", "mine", "--", *words)
    assert done.status == 0
    made = target.start(done.archive.read_text(), "-o", "out.tar.gz", carried=True).wait()
    assert (made.status, made.left) == (0, [])
    manifest = manifest_of(target.home / "out.tar.gz")
    assert manifest["workload"] == list(words)
    assert (manifest["label"], manifest["complete"]) == ("mine", True)


def test_doctor_accepts_a_good_target(target: StandIn) -> None:
    done = run(target, "doctor")
    assert (done.status, done.said, done.left) == (0, "", [])
    assert "BAD" not in done.archive.read_text()


def test_doctor_has_a_hint_for_each_failure(target: StandIn) -> None:
    target.set(uid="1001\n")
    done = run(target, "doctor")
    assert done.status == 3
    assert done.said == "pvprof: error: this machine: root, dtrace"
    lines = done.archive.read_text().splitlines()
    bad = [number for number, line in enumerate(lines) if line.startswith("BAD")]
    assert len(bad) == 2
    assert all(lines[number + 1].strip().startswith("-> ") for number in bad)


WITHOUT = """
import sys
sys.modules["numpy"] = sys.modules["pandas"] = None  # importing them fails
from pvprof.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "words",
    [
        ("record", "-o", "out", "--no-symbols", "--", "true"),
        ("record", "-n", "2", "-o", "out", "--no-symbols", "--", "true"),
        ("script", "offcpu"),
        ("script", "offcpu", "--standalone", "--", "true"),
        ("doctor",),
        ("patch", "list"),
        ("patch", "show", "--branch", "main"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_the_target_side_imports_neither_numpy_nor_pandas(
    target: StandIn, words: tuple[str, ...]
) -> None:
    done = Running(target, [sys.executable, "-c", WITHOUT, *words], has_stdin=False).wait()
    assert (done.status, done.left) == (0, [])
    assert "Traceback" not in done.said


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("make",), "no such mode: make"),
        (("--",), "no workload after --"),
        (("-d", "5", "--", "true"), "either ends the recording"),
        (("-d", "0"), "0 is too short: nothing would be recorded"),
        (("-d", "0.1ns"), "0.1ns is too short"),
        (("-d", "-5"), "'-5' is not a time"),
        (("-n", "2"), "several runs need a workload or a --duration"),
        (("-n", "2", "-o", "out.tar.gz", "--", "true"), "several runs make a directory"),
        (("-n", "2", "-o", "-", "--", "true"), "several runs make a directory"),
        (("-d", "0"), "leave it out to record until Ctrl-C"),
        (("oncpu", "--min-wait", "10us", "--", "true"), "--min-wait does not work with oncpu"),
        (("events", "--min-wait", "1ms"), "--min-wait does not work with events\n"),
        (("events-sdt", "--min-wait", "1ms"), "--min-wait does not work with events-sdt\n"),
        (
            ("offcpu", "events", "--min-wait", "1ms", "--", "true"),
            "--min-wait does not work with events\n",
        ),
        (("--ssh-option", "Port=22", "--", "true"), "--ssh-option"),
        (("--host", "-oProxyCommand=id", "--", "true"), "not a host"),
    ],
)
def test_options_that_contradict_each_other_are_an_error(
    target: StandIn, words: tuple[str, ...], message: str
) -> None:
    done = run(target, "record", *words)
    assert done.status == 2
    assert message in done.said
    assert contents(target) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [("10", "10.00 s"), ("1m", "60.00 s"), ("1.5s", "1.500 s"), ("1s", ""), ("10ms", "")],
)
def test_a_long_minimum_is_said_with_its_unit(target: StandIn, text: str, told: str) -> None:
    done = run(target, "record", "offcpu", "--min-wait", text, "--", "true")
    assert done.status == 0
    note = f"--min-wait is {told} (a number alone is seconds, m is minutes)"
    assert (note in done.said) == bool(told)
    assert ("--min-wait is" in done.said) == bool(told)


def test_an_output_that_exists_is_an_error_before_the_run(target: StandIn) -> None:
    (target.home / "out").mkdir()
    done = run(target, "record", "-o", "out", "--", "touch", "ran")
    assert done.status == 1
    assert done.said.startswith("pvprof: error: out: already exists\n")
    assert "--force" in done.said
    assert contents(target) == ["out"]


def test_force_overwrites_a_recording(target: StandIn) -> None:
    words = ("record", "-o", "out", "--no-symbols")
    assert run(target, *words, "--label", "first", "--", "true").status == 0
    assert run(target, *words, "--label", "second", "--force", "--", "true").status == 0
    assert manifest_of(target.home / "out")["label"] == "second"
    assert contents(target) == ["out"]


def test_force_does_not_overwrite_a_directory_of_something_else(target: StandIn) -> None:
    (target.home / "src").mkdir()
    (target.home / "src" / "precious").write_text("")
    done = run(target, "record", "-o", "src", "--force", "--", "touch", "ran")
    assert done.status == 1
    assert "not a recording of pvprof's" in done.said
    assert (target.home / "src" / "precious").exists()
    assert contents(target) == ["src"]


@pytest.mark.parametrize("name", ["notes.txt", "offcpu-1.pvprof/notes.txt", "sub/raw.out"])
def test_force_does_not_remove_files_that_are_not_ours(target: StandIn, name: str) -> None:
    foreign = target.home / "out" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("precious")
    (target.home / "out" / "raw.out").write_text("")
    done = run(target, "record", "-o", "out", "--force", "--", "touch", "ran")
    assert (done.status, foreign.read_text()) == (1, "precious")
    assert "out: has a file that is not pvprof's: " in done.said
    assert contents(target) == ["out"]


@pytest.mark.parametrize(("name", "other"), [("out", "out-1"), ("out.tar.gz", "out-1.tar.gz")])
def test_an_output_that_is_created_while_recording_is_not_overwritten(
    target: StandIn, name: str, other: str
) -> None:
    words = ("--", "sh", "-c", f"echo precious >{name}")
    done = run(target, "record", "--no-symbols", "-o", name, *words)
    assert (done.status, done.left) == (0, [])
    assert (target.home / name).read_text() == "precious\n"
    assert f"pvprof: wrote {other}: " in done.said
    assert open_recording(str(target.home / other)).manifest.is_complete is True


def test_a_recording_that_cannot_be_delivered_is_kept_beside(target: StandIn) -> None:
    words = ("record", "--no-symbols", "-o", "out")
    assert run(target, *words, "--", "true").status == 0
    done = run(target, *words, "--force", "--", "sh", "-c", "echo precious >out/notes.txt")
    assert done.status == 1
    assert (target.home / "out/notes.txt").read_text() == "precious\n"
    kept = target.home / "out.kept.pvprof"
    assert f"the recording is in {kept}" in done.said
    assert open_recording(str(kept)).manifest.is_complete is True


@pytest.mark.parametrize("words", [("record", "--", "true"), ("doctor",)])
def test_an_empty_host_is_an_error(target: StandIn, words: tuple[str, ...]) -> None:
    done = run(target, words[0], "--host", "", *words[1:])
    assert (done.status, done.left) == (2, [])
    assert "--host names no host" in done.said
    assert contents(target) == []


@pytest.mark.parametrize(
    ("host", "stem"),
    [("a/../b", "a-..-b"), ("ssh://root@h", "h"), ("ssh://h:22", "h-22"), ("root@[::1]", "1")],
)
def test_the_default_name_of_an_output_is_a_name(host: str, stem: str) -> None:
    name = default_name(host, ("offcpu",), is_set=False)
    assert name.startswith(f"pvprof-{stem}-offcpu-")
    assert "/" not in name


def test_a_killed_pvprof_leaves_nothing_after_the_next_one(target: StandIn) -> None:
    words = ("--no-symbols", "-o", "out")
    running = recording(target, *words)
    running.process.kill()
    running.wait()
    (hidden,) = target.home.glob(".out.*")
    done = run(target, "record", *words, "--", "true")
    assert (done.status, done.left) == (0, [])
    assert f"removed what a pvprof that was killed had left: {hidden}" in done.said
    assert sorted(path.name for path in target.home.iterdir()) == ["out", "started"]


def test_doctor_clean_removes_what_a_killed_pvprof_left(target: StandIn) -> None:
    running = recording(target, "-o", "out")
    running.process.kill()
    running.wait()
    (hidden,) = target.home.glob(".out.*")
    done = run(target, "doctor", "--clean")
    assert f"removed: {hidden}" in done.archive.read_text()
    assert not hidden.exists()
    assert not Path(f"{target.lock}.work").exists()


def test_a_run_that_fails_does_not_remove_the_old_output(target: StandIn) -> None:
    words = ("record", "-o", "out", "--no-symbols")
    assert run(target, *words, "--label", "first", "--", "true").status == 0
    target.set(uid="1001\n")
    assert run(target, *words, "--force", "--", "true").status == 3
    assert manifest_of(target.home / "out")["label"] == "first"
    assert contents(target) == ["out"]


@pytest.mark.parametrize("place", ["nowhere/out", "file/out", "/proc/out"])
def test_an_output_that_cannot_be_made_is_an_error_before_the_run(
    target: StandIn, place: str
) -> None:
    (target.home / "file").write_text("")
    done = run(target, "record", "-o", place, "--", "touch", "ran")
    assert done.status == 1
    assert done.said.startswith(f"pvprof: error: {place}: ")
    assert contents(target) == ["file"]


def mounted(target: StandIn, options: str) -> tuple[str, ...]:
    """Return a command prefix that mounts a small file system at `disk`; skip if not permitted."""
    (target.home / "disk").mkdir()
    maps_root = () if os.getuid() == 0 else ("--map-root-user",)
    script = (
        f'mount -t tmpfs -o {options} tmpfs disk || exit 99; "$@"; s=$?; ls -A disk >left; exit $s'
    )
    prefix = ("unshare", *maps_root, "--mount", "sh", "-c", script, "sh")
    tried = Running(target, [*prefix, "true"], has_stdin=False).wait()
    if tried.status:
        pytest.skip(f"no file system may be mounted here: {tried.said}")
    return prefix


def test_an_output_without_permission_is_an_error_before_the_run(target: StandIn) -> None:
    prefix = mounted(target, "ro")
    done = run(target, "record", "-o", "disk/out", "--", "touch", "ran", prefix=prefix)
    assert (done.status, done.said) == (1, "pvprof: error: disk/out: Read-only file system")
    assert not (target.home / "ran").exists()


@pytest.mark.parametrize("name", ["out", "out.tar.gz"])
def test_a_full_disk_is_an_error_and_leaves_nothing(target: StandIn, name: str) -> None:
    (target.state / "symbols").write_bytes(os.urandom(2_000_000))
    prefix = mounted(target, "size=1m")
    done = run(target, "record", "-o", f"disk/{name}", "--", "true", prefix=prefix)
    assert done.status == 1
    assert done.said.splitlines()[-1] == f"pvprof: error: disk/{name}: No space left on device"
    assert (target.home / "left").read_text() == ""
    assert done.left == []


def test_a_closed_stdout_causes_no_traceback(target: StandIn) -> None:
    script = '"$@" | true'
    words = ("record", "-o", "-", "--", "true")
    done = run(target, *words, prefix=("sh", "-c", script, "sh"))
    assert "Traceback" not in done.said
    assert done.left == []


# --- the target cannot ---------------------------------------------------------------------------


def test_errors_of_the_target_are_shown_with_their_hints(target: StandIn) -> None:
    target.set(uid="1001\n")
    done = run(target, "record", "-o", "out", "--", "true")
    assert done.status == 3
    assert done.said.splitlines() == [
        "pvprof: error: not root on target: tracing needs it",
        "  log in as root, or give --root-command",
    ]
    assert contents(target) == []


def test_a_root_command_makes_the_recorder_root(target: StandIn) -> None:
    target.set(uid="1001\n")
    words = ("--root-command", "sudo -n", "-o", "out", "--no-symbols", "--", "true")
    done = run(target, "record", *words)
    assert (done.status, done.left) == (0, [])
    assert manifest_of(target.home / "out")["complete"] is True


def test_a_missing_root_command_is_an_error(target: StandIn) -> None:
    done = run(target, "record", "--root-command", "doas", "-o", "out", "--", "true")
    assert done.status == 3
    assert done.said.startswith("pvprof: error: cannot start doas: No such file")


def test_the_recording_of_a_failed_workload_is_kept(target: StandIn) -> None:
    words = ("-o", "out", "--no-symbols", "--", "sh", "-c", "echo it broke >&2; exit 3")
    done = run(target, "record", *words)
    assert done.status == 1
    assert "  | it broke" in done.said.splitlines()
    assert done.said.splitlines()[-1] == "pvprof: error: the workload failed: exit status 3"
    assert manifest_of(target.home / "out")["complete"] is True


def test_output_of_a_failed_workload_cannot_control_the_terminal(target: StandIn) -> None:
    script = r"head -c 400000 /dev/zero; printf '\nit \033[31mbroke\n'; exit 3"
    words = ("-o", "out", "--no-symbols", "--", "sh", "-c", script)
    done = run(target, "record", *words)
    shown = [line for line in done.said.splitlines() if line.startswith("  | ")]
    assert shown[-1] == r"  | it \x1b[31mbroke"
    assert all(len(line) <= 204 for line in shown)
    assert "\0" not in done.said
    assert (target.home / "out" / "workload.txt").stat().st_size > 400_000


def test_pid_and_a_workload_need_all(target: StandIn) -> None:
    done = run(target, "record", "-p", "1", "-o", "out", "--", "true")
    assert done.status == 2
    assert "--pid and a workload" in done.said
    assert "--all" in done.said
    assert contents(target) == []


def test_a_workload_that_dies_ends_a_run_set_and_keeps_its_runs(target: StandIn) -> None:
    script = "[ -e second ] && kill -9 $$; touch second"
    words = ("-n", "3", "-o", "set", "--no-symbols", "--", "sh", "-c", script)
    done = run(target, "record", *words)
    assert done.status == 1
    reason = "offcpu-2.pvprof: incomplete: the workload was killed by signal 9"
    assert done.said.splitlines()[-1] == f"pvprof: error: {reason}"
    facts = json.loads((target.home / "set" / "set.json").read_text())
    assert facts["recordings"] == ["offcpu-1.pvprof", "offcpu-2.pvprof"]
    assert facts["wanted"] == 3
    assert [run["complete"] for run in facts["runs"]] == [True, False]
    assert done.left == []


# --- interrupts ----------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_recording_and_marks_it_as_incomplete(target: StandIn) -> None:
    running = recording(target, "-o", "out", "--no-symbols")
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert done.status == 1
    assert done.said.splitlines()[-1] == "pvprof: error: incomplete: stopped before its end"
    assert contents(target) == ["out"]
    assert manifest_of(target.home / "out")["incomplete_reason"] == "stopped before its end"
    assert [one.kind for one in open_recording(str(target.home / "out")).problems] == ["incomplete"]
    assert done.left == []


def test_ctrl_c_completes_a_recording_without_a_limit(target: StandIn) -> None:
    running = start(target, "record", "-o", "out", "--no-symbols")
    target.pid_of("raw.out")
    wait_until(lambda: any(target.tmp.glob("*/*/raw.out")), "raw.out")
    (raw,) = target.tmp.glob("*/*/raw.out")
    wait_until(lambda: b"#begin" in raw.read_bytes(), "the begin of tracing")

    def is_reporting() -> bool:  # the recorder has seen the mark, too; its watcher also sleeps
        return sum("sleep 1" in words for _, words in target.processes()) > 1

    wait_until(is_reporting, "two that sleep")
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert (done.status, done.left) == (0, [])
    begin = "pvprof: tracing all processes until Ctrl-C (add -- COMMAND, or --duration)"
    assert done.said.splitlines()[0] == begin
    assert manifest_of(target.home / "out")["complete"] is True


def test_ctrl_c_twice_drops_the_recording(target: StandIn) -> None:
    target.dtrace(patched=True, end_s=60)
    running = recording(target, "-o", "out", "--no-symbols")
    running.process.send_signal(signal.SIGINT)
    wait_until(lambda: any(target.tmp.glob("*/asked")), "the recorder's first wish to stop")
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert done.status == 130
    assert done.said.splitlines()[-1] == "pvprof: error: dropped: nothing was kept"
    assert contents(target) == []
    assert done.left == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_keep_the_recording(target: StandIn, number: signal.Signals) -> None:
    running = recording(target, "-o", "out", "--no-symbols")
    running.process.send_signal(number)
    done = running.wait()
    assert done.status == 1
    assert done.said.splitlines()[-1] == "pvprof: error: incomplete: stopped before its end"
    assert manifest_of(target.home / "out")["end_marker"] is True
    assert done.left == []


def test_timeout_keeps_the_recording(target: StandIn) -> None:
    """timeout(1) sends SIGTERM to pvprof, and again to the whole process group."""
    done = run(target, "record", "-o", "out", "--no-symbols", prefix=("timeout", "4"))
    assert (done.status, done.left) == (124, [])
    assert "pvprof: wrote out: " in done.said
    assert manifest_of(target.home / "out")["complete"] is True


def test_ctrl_c_after_sigterm_drops_the_recording(target: StandIn) -> None:
    target.dtrace(patched=True, end_s=60)
    running = recording(target, "-o", "out", "--no-symbols")
    running.process.send_signal(signal.SIGTERM)
    wait_until(lambda: any(target.tmp.glob("*/asked")), "the recorder's wish to stop")
    running.process.send_signal(signal.SIGTERM)
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert (done.status, done.left) == (130, [])
    assert contents(target) == []


def test_nohup_lets_a_recording_outlive_its_terminal(target: StandIn) -> None:
    words = ("-o", "out", "--no-symbols", "-d", "2")
    running = start(target, "record", *words, prefix=("nohup",))
    target.pid_of("fake_dtrace.py")
    running.process.send_signal(signal.SIGHUP)
    done = running.wait()
    assert done.status == 0
    assert manifest_of(target.home / "out")["complete"] is True


def test_a_closed_terminal_keeps_the_recording(target: StandIn) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pvprof", "record", "-o", "out", "--no-symbols"]
    terminal = dict.fromkeys(("stdout", "stderr"), theirs)
    running = Running(target, [*command, "--", *STARTED], has_stdin=False, terminal=terminal)
    os.close(theirs)
    wait_until((target.home / "started").exists, "the workload")
    os.close(ours)  # from now on, every write to the terminal fails
    running.process.send_signal(signal.SIGHUP)
    done = running.wait()
    assert manifest_of(target.home / "out")["end_marker"] is True
    assert done.left == []


def test_pvprof_killed_leaves_nothing_on_the_target(target: StandIn) -> None:
    running = recording(target, "-o", "out", "--no-symbols")
    running.process.kill()
    done = running.wait()
    assert done.status == -signal.SIGKILL
    assert done.left == []


def in_its_second_run(target: StandIn) -> Running:
    """Start three runs; return when the second is running."""
    script = "[ -e second ] && touch started && exec sleep 60; touch second"
    words = ("-n", "3", "-o", "set", "--no-symbols", "--", "sh", "-c", script)
    running = start(target, "record", *words)
    wait_until((target.home / "started").exists, "the second run")
    return running


def test_ctrl_c_in_a_run_set_keeps_the_earlier_runs(target: StandIn) -> None:
    running = in_its_second_run(target)
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert done.status == 1
    facts = json.loads((target.home / "set" / "set.json").read_text())
    assert [run["complete"] for run in facts["runs"]] == [True, False]
    assert done.left == []


def test_dropping_a_run_of_a_run_set_keeps_the_earlier_runs(target: StandIn) -> None:
    target.dtrace(patched=True, end_s=3)
    running = in_its_second_run(target)
    running.process.send_signal(signal.SIGINT)
    wait_until(lambda: any(target.tmp.glob("*/asked")), "the recorder's first wish to stop")
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert done.status == 130
    facts = json.loads((target.home / "set" / "set.json").read_text())
    assert [run["complete"] for run in facts["runs"]] == [True]
    assert [place.name for place in (target.home / "set").glob("*.pvprof")] == ["offcpu-1.pvprof"]
    assert done.left == []


def test_the_archive_on_stdout_contains_one_directory(target: StandIn) -> None:
    done = run(target, "record", "-o", "-", "--no-symbols", "--", "true")
    with tarfile.open(fileobj=io.BytesIO(done.archive.read_bytes())) as archive:
        assert len({name.split("/")[0] for name in archive.getnames()}) == 1


@pytest.mark.parametrize("name", ["\udcff", 'a"b', "a\\b", "a\nb"])
def test_a_process_name_that_no_program_can_contain_is_refused(name: str, run: RunCommand) -> None:
    for words in (("script", "offcpu"), ("record", "offcpu", "-d", "1")):
        result = run(*words, "-x", name)
        assert result.exit_code == 2
        assert "a process name cannot hold" in result.stderr


@pytest.mark.parametrize("command", ["'", 'sudo "-n', "doas \\"])
def test_a_root_command_with_an_open_quote_is_refused(command: str, run: RunCommand) -> None:
    for words in (("record", "offcpu", "-d", "1"), ("doctor",)):
        result = run(*words, "--root-command", command)
        assert result.exit_code == 2
        assert f"--root-command {command!r}: No" in result.stderr
