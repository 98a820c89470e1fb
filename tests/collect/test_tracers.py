"""The table of tracers: what derives from it, and a tracer that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIXTURES
from target.harness import SHELLS, StandIn, plan_for

from pvprof.collect.modes import MODES
from pvprof.collect.recorder import recorder
from pvprof.collect.tracers import SHELL_FILES, TRACERS, Tracer, choose
from pvprof.errors import UsageError
from pvprof.parse.detect import detect
from pvprof.parse.layouts import LAYOUTS
from pvprof.recording.layout import MEMBERS, USER_SYMBOLS
from pvprof.recording.open import open_recording

PARTS = ("recorder.sh", "processes.sh", "lock.sh")
RECORDER = "".join((SHELL_FILES / name).read_text() for name in PARTS)


def missing_functions(tracer: Tracer) -> list[str]:
    """Return the functions that recorder.sh calls and the tracer's file does not define."""
    called = re.findall(r'"\$\{tracer\}_([a-z]+)"', RECORDER)
    text = tracer.sh_file.read_text()
    generated = {"settings", "program"}
    return sorted(
        name for name in {*called} - generated if f"\n{tracer.name}_{name}() " not in text
    )


@pytest.fixture
def fake_tracer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracer:
    """Return a tracer of SunOS, with one program, that is dtrace under another name."""
    text = TRACERS["dtrace"].sh_file.read_text().replace("dtrace_", "faketrace_")
    (tmp_path / "faketrace.sh").write_text(text)
    tracer = replace(
        TRACERS["dtrace"],
        name="faketrace",
        system="SunOS",
        suffix="ft",
        sh_file=tmp_path / "faketrace.sh",
    )
    (stock,) = (row for row in MODES["offcpu"].programs if row.variant == "stock")
    programs = (*MODES["offcpu"].programs, replace(stock, tracer="faketrace"))
    monkeypatch.setitem(MODES, "offcpu", replace(MODES["offcpu"], programs=programs))
    monkeypatch.setitem(TRACERS, tracer.name, tracer)
    return tracer


@pytest.fixture(params=SHELLS)
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(tmp_path, request.param) as machine:
        yield machine


@pytest.mark.slow
def test_a_new_tracer_records_its_system(fake_tracer: Tracer, target: StandIn) -> None:
    target.set(system="SunOS\n")
    done = target.run(plan_for("offcpu", "true"))
    assert (done.status, done.said, done.left) == (0, "", [])
    assert "script.ft" in done.members
    assert (done.manifest["tracer"], done.manifest["complete"]) == ("faketrace", True)
    assert detect(done.recording.data).name == fake_tracer.layout


@pytest.mark.slow
def test_a_new_tracer_does_not_record_other_systems(fake_tracer: Tracer, target: StandIn) -> None:
    done = target.run(plan_for("offcpu", "true", tracer="faketrace"))
    assert done.status == 3
    assert done.said == "pvprof: error: target runs FreeBSD, where there is no faketrace"
    target.set(system="Plan9\n")
    done = target.run(plan_for("offcpu", "true"))
    assert done.said == "pvprof: error: target runs Plan9; pvprof records on FreeBSD, Linux, SunOS"


@pytest.mark.slow
def test_a_second_tracer_of_a_system_must_be_chosen(
    fake_tracer: Tracer, target: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRACERS, "faketrace", replace(fake_tracer, system="FreeBSD"))
    assert target.run(plan_for("offcpu", "true")).manifest["tracer"] == "dtrace"
    chosen = target.run(plan_for("offcpu", "true", tracer="faketrace"))
    assert (chosen.manifest["tracer"], chosen.manifest["complete"]) == ("faketrace", True)


@pytest.mark.slow
def test_a_mode_without_a_program_of_the_systems_tracer_is_an_error(
    fake_tracer: Tracer, target: StandIn
) -> None:
    target.set(system="SunOS\n")
    done = target.run(plan_for("runq", "true"))
    assert done.status == 3
    assert done.said.startswith("pvprof: error: target runs SunOS: no such mode: runq")


def test_a_tracer_without_a_function_is_found(fake_tracer: Tracer) -> None:
    assert missing_functions(fake_tracer) == []
    path = Path(str(fake_tracer.sh_file))
    path.write_text(path.read_text().replace("faketrace_mark() ", "faketrace_marks() "))
    assert missing_functions(fake_tracer) == ["mark"]


@pytest.mark.parametrize("tracer", TRACERS.values())
def test_each_sh_file_has_the_functions_that_the_recorder_calls(tracer: Tracer) -> None:
    assert missing_functions(tracer) == []


@pytest.mark.parametrize("tracer", TRACERS.values())
def test_the_recorder_carries_each_sh_file(tracer: Tracer) -> None:
    assert tracer.sh_file.read_text() in recorder(plan_for())


def test_the_comment_of_the_recorder_describes_the_functions_of_tracers() -> None:
    head = RECORDER.partition("\nsay() ")[0]
    called = set(re.findall(r'"\$\{tracer\}_([a-z]+)"', RECORDER)) - {"settings", "program"}
    assert {name for name in called if f"TRACER_{name}" not in head} == set()


def test_the_members_of_recordings_are_those_that_the_recorder_sends() -> None:
    (listed,) = re.findall(r"for member in (.*?); do", RECORDER.replace("\\\n", ""))
    sent = {word.strip('"') for word in listed.split()}
    scripts = {f"script.{tracer.suffix}" for tracer in TRACERS.values()}
    added_here = {USER_SYMBOLS}
    assert (sent - {"script.$suffix"}) | scripts | added_here == set(MEMBERS)


@pytest.mark.parametrize("tracer", TRACERS.values())
def test_the_layout_of_each_tracer_has_a_reader(tracer: Tracer) -> None:
    assert tracer.layout in LAYOUTS


def test_the_output_of_bpftrace_is_detected_as_its_layout() -> None:
    path = FIXTURES / "linux/bpftrace/offcpu.pvprof.tar.gz"
    assert detect(open_recording(str(path)).data).name == TRACERS["bpftrace"].layout


@pytest.mark.slow
def test_the_output_of_dtrace_is_detected_as_its_layout(target: StandIn) -> None:
    assert detect(target.run(plan_for()).recording.data).name == TRACERS["dtrace"].layout


def test_names_systems_and_suffixes_need_no_quoting_in_sh() -> None:
    for tracer in TRACERS.values():
        for text in (tracer.name, tracer.system, tracer.suffix):
            assert re.fullmatch(r"[A-Za-z0-9]+", text)


def test_an_unknown_tracer_is_an_error() -> None:
    with pytest.raises(UsageError, match="no such tracer: strace"):
        choose("strace")
