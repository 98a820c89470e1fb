"""The recorder's text, run by real shells on a stand-in for FreeBSD: successful runs."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.programs import D_PROGRAMS, d_program
from target import replay
from target.harness import SHELLS, StandIn, plan_for

from pvprof.collect.recorder import Plan, doctor, recorder
from pvprof.errors import UsageError

pytestmark = pytest.mark.slow

ODD_WORDS = (
    "two words",
    "",
    " ",
    "it's",
    '"quoted"',
    "$HOME ${x} $(id) `id`",
    "a\nb\n",
    "*",
    "-n",
    "--",
    "\\n\\",
    "naïve ☃",
    "raw \udcff byte",
    "tab\there",
    "!;&|<>(){}[]#~%",
)


WITH_RECORDER = """/* The recorder, however it ends. */
proc:::exit
/pid == $2/
{ exit(0); }
"""


@pytest.fixture(params=SHELLS)
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(tmp_path, request.param) as machine:
        yield machine


@pytest.mark.parametrize("mode", D_PROGRAMS)
def test_every_mode_gives_a_recording_that_opens_and_is_complete(
    target: StandIn, mode: str
) -> None:
    # Programs are tried, the best first: `oncpu` is for machines without amd64's registers.
    lacking = {"no_member": "tf_rbp"} if mode == "oncpu" else {}
    target.dtrace(patched=mode.endswith("-sdt"), **lacking)
    done = target.run(plan_for(mode, "true"))
    assert (done.status, done.left) == (0, [])
    recording = done.recording
    assert recording.problems == ()
    assert recording.manifest.raw["mode"] == mode.partition("-")[0]
    assert recording.manifest.raw["program"] == mode
    assert recording.manifest.raw["complete"] is True
    program = d_program(mode, plan_for(mode, "true").options).text()
    assert recording.script == f"{program}\n{WITH_RECORDER}"
    data = bytes(recording.data).decode()
    assert data.startswith("#pvprof 2 ")
    assert re.search(r"^[>S] ", data, re.M)
    assert re.search(r"^#end \d+ \d+$", data, re.M)


def test_the_manifest_has_facts_about_the_run_and_the_target(target: StandIn) -> None:
    plan = plan_for(
        "offcpu",
        "sh",
        "-c",
        "exit 0",
        label='my "label"',
        run=3,
        is_warmup=True,
        options={"min_wait_ns": 10_000, "by_process": True},
    )
    done = target.run(plan)
    manifest = done.manifest
    real_s, user_s, sys_s = (manifest.pop(name) for name in ("real_s", "user_s", "sys_s"))
    assert all(isinstance(value, int | float) for value in (real_s, user_s, sys_s))
    notes = manifest.pop("notes")
    assert notes == "recorded with offcpu: this kernel has no kernel:profile probes"
    assert manifest.pop("pvprof")
    assert manifest == {
        "schema": 1,
        "mode": "offcpu",
        "program": "offcpu",
        "label": 'my "label"',
        "run": 3,
        "warmup": True,
        "scope": "tree",
        "options": {
            "by_process": True,
            "ends_with_workload": True,
            "min_wait_ns": 10_000,
            "scope": "tree",
        },
        "host": "target",
        "tracer": "dtrace",
        "kernel": {
            "system": "FreeBSD",
            "release": "13.2-RELEASE",
            "ident": "PVLOCKPROF",
            "version": "FreeBSD 13.2-RELEASE #0 releng/13.2: Sun Nov 22 18:26:53 UTC 2026\n"
            "    root@builder:/obj/usr/src/amd64.amd64/sys/PVLOCKPROF",
            "osreldate": 1302001,
            "machine": "amd64",
            "scheduler": "ULE",
            "has_profile_probes": False,
            "has_witness": False,
            "has_lock_profiling": False,
        },
        "model": "QEMU TCG CPU version 2.5+",
        "ncpu": 8,
        "domains": 1,
        "memory_bytes": 6415536128,
        "timecounter": "HPET",
        "workload": ["sh", "-c", "exit 0"],
        "begin": {"monotonic_ns": replay.BEGIN_NS, "wall_ns": replay.BEGIN_WALL_NS},
        "end": {"monotonic_ns": replay.END_NS, "wall_ns": replay.END_WALL_NS},
        "duration_ns": replay.END_NS - replay.BEGIN_NS,
        "exit_status": 0,
        "exit_signal": None,
        "tracer_status": 0,
        "drops": 0,
        "skipped": None,
        "end_marker": True,
        "complete": True,
        "incomplete_reason": None,
    }


def test_a_run_without_a_workload_ends_after_its_duration(target: StandIn) -> None:
    done = target.run(plan_for("offcpu", options={"duration_ns": 200_000_000}))
    manifest = done.manifest
    assert manifest["complete"] is True
    assert manifest["workload"] == []
    assert manifest["exit_status"] is None
    assert manifest["real_s"] is None
    assert "time.txt" not in done.members
    assert done.left == []


def test_a_patched_kernel_is_recorded_with_its_own_probes(target: StandIn) -> None:
    target.dtrace(patched=True)
    done = target.run(plan_for("offcpu", "true"))
    assert done.said == ""
    assert done.manifest["program"] == "offcpu-sdt"
    assert done.manifest["mode"] == "offcpu"
    assert done.manifest["kernel"]["has_profile_probes"] is True
    assert bytes(done.recording.data).startswith(b"#pvprof 2 offcpu sdt ns ")


def test_the_workload_gets_its_words_exactly(target: StandIn) -> None:
    got = target.top / "got"
    words = ("sh", "-c", 'for word do printf "%s\\0" "$word"; done >"$0"', str(got), *ODD_WORDS)
    done = target.run(plan_for("offcpu", *words))
    assert done.manifest["exit_status"] == 0
    expected = [os.fsencode(word) for word in ODD_WORDS]
    assert got.read_bytes().split(b"\0")[:-1] == expected
    assert [os.fsencode(word) for word in done.manifest["workload"]][4:] == expected


def test_the_workload_starts_after_tracing_has_begun(target: StandIn) -> None:
    target.dtrace(begin_s=0.3)
    done = target.run(plan_for("offcpu", "sh", "-c", 'cat "$TMPDIR"/pvprof.*/*/raw.out'))
    assert done.manifest["exit_status"] == 0
    assert b"\n#begin " in done.member("workload.txt")


def test_the_output_of_the_workload_has_a_file_of_its_own(target: StandIn) -> None:
    script = 'echo out; echo err >&2; [ -z "$(cat)" ] && echo no stdin'
    done = target.run(plan_for("offcpu", "sh", "-c", script))
    assert done.manifest["complete"] is True
    assert done.member("workload.txt") == b"out\nerr\nno stdin\n"
    assert b"no stdin" not in bytes(done.recording.data)


def test_the_workloads_times_are_in_the_manifest(target: StandIn) -> None:
    busy = "import time\nwhile time.process_time() < 0.15: pass\n"
    python = target.env["PVPROF_FAKE_PYTHON"]
    done = target.run(plan_for("offcpu", python, "-S", "-c", busy))
    manifest = done.manifest
    assert manifest["user_s"] + manifest["sys_s"] >= 0.14
    assert manifest["real_s"] >= 0.14


def test_the_exit_status_of_the_workload_is_in_the_manifest(target: StandIn) -> None:
    done = target.run(plan_for("offcpu", "sh", "-c", "exit 3"))
    assert done.status == 0
    assert done.manifest["exit_status"] == 3
    assert done.manifest["exit_signal"] is None
    assert done.manifest["complete"] is True


def test_a_recording_has_the_symbols_and_modules_of_the_kernel(target: StandIn) -> None:
    done = target.run(plan_for("offcpu", "true", has_symbols=True))
    assert gzip.decompress(done.recording.symbols) == gzip.decompress(SYMBOLS.read_bytes())
    assert "dtraceall.ko" in done.recording.kldstat
    assert "symbols.nm.gz" not in target.run(plan_for("offcpu", "true")).members


def test_drops_are_counted_and_their_messages_kept(target: StandIn) -> None:
    said = (RECORDINGS / "drops.err").read_text()
    drops = sum(int(count) for count in re.findall(r"^dtrace: (\d+) .*drop", said, re.M))
    target.dtrace(stderr=said)
    done = target.run(plan_for("offcpu", "sleep", "0.1"))
    assert done.manifest["drops"] == drops > 0
    assert done.recording.stderr == said


def test_progress_lines_have_seconds_bytes_and_drops(target: StandIn) -> None:
    target.dtrace(stderr="dtrace: 13 drops on CPU 5\n")
    running = target.start(recorder(plan_for("events", options={"duration_ns": 0})))
    running.until("pvprof: progress: ").say(b"stop\n")
    assert running.wait().status == 0
    match = re.search(r"^pvprof: progress: 1 (\d+) 13$", running.said, re.M)
    assert match
    assert int(match[1]) > 1000


def test_a_recording_without_a_limit_ends_with_the_word_stop(target: StandIn) -> None:
    running = target.start(recorder(plan_for("offcpu", options={"duration_ns": 0})))
    running.until("state: recording").say(b"stop\n")
    done = running.wait()
    assert (done.status, done.left) == (0, [])
    assert done.manifest["complete"] is True


def test_unknown_words_on_stdin_are_ignored(target: StandIn) -> None:
    running = target.start(recorder(plan_for("offcpu", "sleep", "0.3")))
    running.until("state: recording").say(b"\nstopp\nstop it\n")
    assert running.wait().manifest["complete"] is True


def test_each_shell_parses_the_whole_text(target: StandIn) -> None:
    for text in (recorder(plan_for("offcpu", *ODD_WORDS)), doctor()):
        data = text.encode("utf-8", "surrogateescape")
        checked = subprocess.run(
            ["sh", "-n"], input=data, env=target.env, capture_output=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, b"")


def test_shellcheck_finds_nothing_in_the_recorder() -> None:
    texts = (recorder(plan_for("offcpu", "make", "-j8")), recorder(plan_for(), is_carried=True))
    for text in (*texts, doctor()):
        # 2034, 2154: settings that only the other action reads or has.
        command = ["shellcheck", "-s", "sh", "--severity=warning", "-e", "2034,2154", "-"]
        checked = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        assert (checked.returncode, checked.stdout.decode()) == (0, "")


def test_a_plan_whose_options_do_not_fit_its_workload_is_an_error() -> None:
    with pytest.raises(UsageError, match="ends with the workload"):
        plan_for("offcpu", options={"ends_with_workload": True})
    with pytest.raises(UsageError, match="no workload"):
        plan_for("offcpu", options={"scope": "tree"})
    with pytest.raises(UsageError, match="ends with the workload"):
        Plan("offcpu", workload=("true",))
    with pytest.raises(UsageError, match="--pid and a workload") as refused:
        plan_for("offcpu", "true", options={"pid": 7})
    assert "--all" in (refused.value.hint or "")


def test_a_single_process_is_recorded_if_it_exists(target: StandIn) -> None:
    done = target.run(plan_for("offcpu", options={"pid": os.getpid()}))
    assert done.manifest["complete"] is True
    everybody = {"scope": "system", "pid": os.getpid()}
    done = target.run(plan_for("offcpu", "true", options=everybody))
    assert done.manifest["complete"] is True


# --- carried by hand -----------------------------------------------------------------------------


def carried(*words: str) -> str:
    return recorder(plan_for("offcpu", *words), is_carried=True)


def test_a_carried_recorder_writes_the_archive_that_o_names(target: StandIn) -> None:
    done = target.start(carried("sleep", "0.1"), "-o", "mine.tar.gz", carried=True).wait()
    assert (done.status, done.left) == (0, [])
    assert [place.name for place in target.home.iterdir()] == ["mine.tar.gz"]
    done.archive = target.home / "mine.tar.gz"
    assert done.manifest["complete"] is True
    assert done.manifest["workload"] == ["sleep", "0.1"]


def test_a_carried_recorder_chooses_a_name_and_prints_it(target: StandIn) -> None:
    running = target.start(carried("true"), carried=True)
    done = running.wait()
    (made,) = target.home.iterdir()
    assert re.fullmatch(r"pvprof-target-offcpu-\d{8}T\d{6}\.pvprof\.tar\.gz", made.name)
    assert f"pvprof: state: wrote {made.name}" in running.said
    done.archive = made
    assert done.manifest["complete"] is True


def test_a_carried_recorder_overwrites_nothing(target: StandIn) -> None:
    (target.home / "mine.tar.gz").write_text("precious")
    done = target.start(carried("true"), "-o", "mine.tar.gz", carried=True).wait()
    assert done.status == 3
    assert done.said.startswith("pvprof: error: mine.tar.gz exists\npvprof: hint: ")
    assert (target.home / "mine.tar.gz").read_text() == "precious"
    assert done.left == []


@pytest.mark.parametrize("place", ["nowhere/mine.tar.gz", "file/mine.tar.gz"])
def test_a_carried_recorder_checks_its_output_first(target: StandIn, place: str) -> None:
    (target.home / "file").write_text("")
    done = target.start(carried("touch", "ran"), "-o", place, carried=True).wait()
    assert (done.status, done.said) == (3, f"pvprof: error: cannot write {place}")
    assert not (target.home / "ran").exists()
    assert done.left == []


def test_a_carried_recorder_rejects_unknown_options(target: StandIn) -> None:
    done = target.start(carried("true"), "--fast", carried=True).wait()
    assert done.status == 3
    assert done.said.startswith("pvprof: error: unknown option: --fast\npvprof: hint: usage: sh ")


def test_a_carried_recorder_does_not_read_stdin(target: StandIn) -> None:
    """Its stdin is at its end from the start, which is not a cut connection."""
    done = target.start(carried("sleep", "0.2"), "-o", "-", carried=True).wait()
    assert done.status == 0
    assert done.manifest["complete"] is True


# --- doctor --------------------------------------------------------------------------------------


def findings(target: StandIn) -> dict[str, tuple[str, str, str]]:
    """Return the doctor's findings: state, detail and hint by subject."""
    done = target.start(doctor()).wait()
    assert (done.status, done.said, done.left) == (0, "", [])
    rows = [line.split("\t") for line in done.archive.read_text().splitlines()]
    return {what: (state, detail, hint) for state, what, detail, hint in rows}


def test_doctor_finds_nothing_bad_on_a_good_target(target: StandIn) -> None:
    target.dtrace(patched=True)
    found = findings(target)
    assert {what for what, (state, _, _) in found.items() if state == "bad"} == set()
    assert set(D_PROGRAMS) <= set(found)
    assert found["system"][1] == "FreeBSD 13.2-RELEASE amd64, PVLOCKPROF, 8 CPUs"
    assert found["dtrace"] == ("ok", "dtrace: Sun D 1.13", "")


def test_doctor_notes_what_a_stock_kernel_lacks(target: StandIn) -> None:
    found = findings(target)
    state, detail, hint = found["offcpu-sdt"]
    assert (state, detail) == ("note", "this kernel has no kernel:profile probes")
    assert "pvprof patch apply" in hint
    assert found["offcpu"][0] == "ok"


def test_doctor_has_a_hint_for_everything_bad(target: StandIn) -> None:
    target.set(uid="1001\n", jailed="1\n")
    target.lock.mkdir()
    (target.lock / "pid").write_text(str(os.getpid()))
    lock = [f"lock {target.lock}"]
    done = target.start(doctor()).wait(left=lock)
    assert done.left == lock  # the doctor must not remove it
    rows = [line.split("\t") for line in done.archive.read_text().splitlines()]
    bad = {what: hint for state, what, _, hint in rows if state == "bad"}
    assert set(bad) == {"root", "lock", "dtrace"}
    assert all(bad.values())
    assert [state for state, what, *_ in rows if what == "jail"] == ["note"]


def test_doctor_tells_why_dtrace_cannot_be_used(target: StandIn) -> None:
    target.set(loaded=None, no_modules="")
    state, detail, hint = findings(target)["dtrace"]
    assert (state, "does not load: kldload: " in detail, "dmesg" in hint) == ("bad", True, True)
    target.set(no_hooks="")
    state, detail, hint = findings(target)["dtrace"]
    assert (state, detail) == ("bad", "this kernel was built without DTrace")
    assert "KDTRACE_HOOKS" in hint


def test_doctor_tells_how_far_the_clocks_can_be_trusted(target: StandIn) -> None:
    found = findings(target)
    state, detail, _ = found["clock"]
    assert (state, "does not trust the TSC" in detail) == ("note", True)
    assert found["drift"][:2] == (
        "ok",
        "dtrace's clock and the time of day differ by 0.0 % in a second",
    )


def test_doctor_finds_a_system_without_a_tracer_bad(target: StandIn) -> None:
    target.set(system="SunOS\n")
    state, detail, hint = findings(target)["system"]
    assert (state, detail) == ("bad", "target runs SunOS; pvprof records on FreeBSD, Linux")
    assert "--host" in hint


def test_doctor_does_not_remove_the_lock_of_a_dead_recorder(target: StandIn) -> None:
    target.lock.mkdir()
    (target.lock / "pid").write_text("0999999999")
    lock = [f"lock {target.lock}"]
    done = target.start(doctor()).wait(left=lock)
    assert "no other recorder" in done.archive.read_text()
    assert done.left == lock


def test_the_manifest_has_the_options_that_were_given() -> None:
    text = recorder(plan_for("offcpu", options={"execname": "it's"}))
    line = next(line for line in text.splitlines() if line.startswith("options="))
    value = subprocess.run(
        ["sh", "-c", f'{line}; printf %s "$options"'], capture_output=True, check=True
    ).stdout
    assert json.loads(value) == {"duration_ns": 500_000_000, "execname": "it's"}


# --- the head of a carried recorder ---------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_a_carried_recorder_prints_its_head_and_records_nothing(
    shell: str, flag: str, tmp_path: Path
) -> None:
    words = ("make", "-j8", "a\nb", "\x1b[31m")
    with StandIn(tmp_path, shell) as machine:
        machine.set(uid="1001\n")  # anyone may read it
        done = machine.start(
            recorder(plan_for("offcpu", *words), is_carried=True), flag, carried=True
        )
        outcome = done.wait()
        assert (outcome.status, outcome.said, outcome.left) == (0, "", [])
        text = outcome.archive.read_text()
        assert list(machine.home.iterdir()) == []
    assert text.startswith("A recorder of pvprof ")
    for part in (
        "Ends: ",
        "Needs: root",
        "Changes: ",
        "Removes: ",
        "Exit status: ",
        "-o OUT.tar.gz",
    ):
        assert f"\n{part}" in text or part in text
    assert "make -j8 " in text
    assert "\x1b" not in text
    assert "action=" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "duration_ns", "ends"),
    [
        (("make",), 0, "It starts this command, and ends with it:\n#   make\n"),
        ((), 2_500_000_000, "# Ends: after 2.5 s. Ctrl-C"),
        ((), 0, "# Ends: when you stop it. Ctrl-C"),
    ],
)
def test_the_head_says_when_the_recorder_ends(
    words: tuple[str, ...], duration_ns: int, ends: str
) -> None:
    options = {} if words else {"duration_ns": duration_ns}
    text = recorder(plan_for("offcpu", *words, options=options), is_carried=True)
    assert text.startswith("#!/bin/sh\n# A recorder of pvprof ")
    assert ends in text.partition("\n\n")[0]


def test_the_head_names_what_the_recorder_changes() -> None:
    """Each file and change that the sh files make is named."""
    text = recorder(plan_for("offcpu", "make"), is_carried=True)
    start, _, program = text.partition("\n\n")
    for change, name in [
        ("work=$directory/pvprof.$(random)", "pvprof.XXXXXX in TMPDIR"),
        ("PVPROF_LOCK:-/var/run/pvprof.lock", "/var/run/pvprof.lock"),
        ("part=$output.$(random).part", "OUT.tar.gz.XXXXXX.part"),
        ("kldload dtraceall", "dtraceall"),
        ("mount -t tracefs tracefs /sys/kernel/tracing", "/sys/kernel/tracing"),
    ]:
        assert change in program
        assert name in " ".join(start.replace("\n# ", " ").split())


def test_an_unknown_option_of_a_carried_recorder_names_help(tmp_path: Path) -> None:
    with StandIn(tmp_path) as machine:
        text = recorder(plan_for("offcpu", "make"), is_carried=True)
        done = machine.start(text, "--nonsense", carried=True).wait()
    assert done.status == 3
    assert "--help says what it does" in done.said
