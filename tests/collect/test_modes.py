"""The table of modes: complete, consistent, and the only place that a mode is named in."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import assert_golden
from helpers.command_line import RunCommand
from helpers.programs import ROOT, d_program

from pvprof.collect.dtrace import builders
from pvprof.collect.modes import COST_EXPERIMENTS, MODES, Cost, Mode, TracerProgram, names
from pvprof.collect.options import RESTRICTED, ProgramOptions
from pvprof.collect.recorder import Plan, recorder
from pvprof.collect.tracers import TRACERS
from pvprof.errors import UsageError
from pvprof.model.mechanisms import MECHANISMS
from pvprof.recording.manifest import Manifest
from pvprof.views.tables.overhead import overhead_notes

PROGRAMS = [(mode, program) for mode in MODES.values() for program in mode.programs]
FAKE = Mode(
    "sleeps",
    "ns",
    (
        TracerProgram(
            "sleeps", "dtrace", "stock", "How often it sleeps.", ("sleepq",), Cost("1.5", "a test")
        ),
    ),
    ("--histogram",),
    has_histogram=True,
)


@pytest.fixture
def fake_mode(monkeypatch: pytest.MonkeyPatch) -> Mode:
    monkeypatch.setitem(MODES, FAKE.name, FAKE)
    monkeypatch.setitem(builders.BUILDERS, FAKE.name, builders.BUILDERS["offcpu"])
    return FAKE


def test_a_new_mode_is_listed(fake_mode: Mode, run: RunCommand) -> None:
    assert "sleeps      dtrace           How often it sleeps.\n" in run("script", "--list").stdout


def test_the_program_of_a_new_mode_is_printed(fake_mode: Mode, run: RunCommand) -> None:
    printed = run("script", "sleeps").stdout
    assert printed.startswith("/*\n * How often it sleeps.\n")
    assert 'printf("#pvprof 2 sleeps stock ns ' in printed
    assert "quantize(" in printed  # the mode keeps histograms by default


def test_a_new_mode_can_be_recorded(fake_mode: Mode) -> None:
    text = recorder(Plan("sleeps"))
    assert "\nmode=sleeps\n" in text
    assert "\nprograms=sleeps\n" in text
    assert "\ndtrace_program_sleeps() {\n" in text
    assert "\nrefused='no such mode: sleeps'\n" in text  # bpftrace has no program for it


def test_a_new_mode_takes_the_options_of_its_row(fake_mode: Mode) -> None:
    d_program("sleeps", ProgramOptions(histogram=True))
    with pytest.raises(UsageError, match="--wakers does not work with sleeps"):
        d_program("sleeps", ProgramOptions(wakers=True))


def test_the_cost_of_a_new_mode_is_in_reports(fake_mode: Mode) -> None:
    (note,) = overhead_notes([Manifest(program="sleeps", tracer="dtrace")])
    assert "Program sleeps: 1.5 times the run time for a test" in note


def test_a_mode_without_a_builder_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODES, FAKE.name, FAKE)
    with pytest.raises(LookupError, match=r"dtrace\.builders\.BUILDERS has no sleeps"):
        recorder(Plan("sleeps"))


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_tracer_builds_every_program_of_the_table_and_no_other(tracer: str) -> None:
    for name in TRACERS[tracer].program_names():
        assert TRACERS[tracer].program(name).text()
    with pytest.raises(UsageError, match="no such mode: nothing"):
        TRACERS[tracer].program("nothing")


def test_no_builder_is_left_over() -> None:
    assert set(builders.BUILDERS) == set(TRACERS["dtrace"].program_names())


def test_a_tracer_that_has_a_mode_has_a_program_of_its_name() -> None:
    for mode in MODES.values():
        for tracer in {program.tracer for program in mode.programs}:
            assert mode.name in TRACERS[tracer].candidates(mode.name)


def test_names_of_programs_are_unique_for_each_tracer() -> None:
    keys = [(program.tracer, program.name) for _, program in PROGRAMS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("mode", "program"), PROGRAMS)
def test_mechanisms_of_programs_are_in_the_table_of_mechanisms(
    mode: Mode, program: TracerProgram
) -> None:
    system = TRACERS[program.tracer].system
    assert program.mechanisms
    for name in program.mechanisms:
        assert MECHANISMS[name].system in ("", system), f"{mode.name}: {name}"


@pytest.mark.parametrize(
    "program", [program for _, program in PROGRAMS if program.variant != "linux"]
)
def test_a_d_program_records_the_mechanisms_of_its_row(program: TracerProgram) -> None:
    words = set(re.findall(r"[a-z-]+", d_program(program.name).text()))
    assert set(program.mechanisms) <= words
    others = set(MECHANISMS) - set(program.mechanisms) - {""}
    locks = {name for name in others if MECHANISMS[name].is_frame and "-" in name}
    assert locks & words == set()


def test_options_of_modes_exist() -> None:
    assert {flag for mode in MODES.values() for flag in mode.options} == set(RESTRICTED)


def test_a_mode_takes_the_options_that_it_has_on_by_default() -> None:
    for mode in MODES.values():
        defaults = {"--user-stack": mode.has_user_stack, "--histogram": mode.has_histogram}
        assert {flag for flag, is_on in defaults.items() if is_on} <= set(mode.options)


def test_defaults_of_a_mode_fill_in_what_the_user_left_open() -> None:
    locks = MODES["locks"]
    options = ProgramOptions().resolved(locks, "locks")
    assert (options.kernel_processes, options.user_stack, options.histogram) == (True, False, True)
    chosen = replace(ProgramOptions(), kernel_processes=False, user_stack=True, histogram=False)
    assert chosen.resolved(locks, "locks") == chosen


def test_every_tracer_has_an_experiment_for_its_costs() -> None:
    assert set(COST_EXPERIMENTS) == set(TRACERS)


# --- documents -----------------------------------------------------------------------------------


def mode_table() -> str:
    """Return the table of modes of docs/modes.md."""
    lines = [
        "| program | tracer | prints | mechanisms | options | cost |",
        "|---|---|---|---|---|---:|",
    ]
    for mode, program in PROGRAMS:
        options = ", ".join(f"`{flag}`" for flag in mode.options) or "-"
        mechanisms = ", ".join(f"`{name}`" for name in program.mechanisms)
        cost = program.cost.ratio if program.cost else "unknown"
        cells = (f"`{program.name}`", program.tracer, program.purpose, mechanisms, options, cost)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_page_of_modes_has_the_table() -> None:
    page = ROOT / "docs/modes.md"
    before, _, rest = page.read_text().partition("<!-- modes -->\n")
    _, _, after = rest.partition("<!-- end of modes -->")
    assert_golden(f"{before}<!-- modes -->\n{mode_table()}\n<!-- end of modes -->{after}", page)


def test_the_page_of_modes_has_a_line_for_every_mode() -> None:
    text = (ROOT / "docs/modes.md").read_text()
    for mode in MODES.values():
        line = f"| `{mode.name}` | {mode.unit} |"
        assert f"\n{line} " in text, f"docs/modes.md: no line {line} in its first table"


@pytest.mark.parametrize(("folder", "tracer"), [("dscripts", "dtrace"), ("btscripts", "bpftrace")])
def test_the_readme_of_a_folder_of_programs_lists_each(folder: str, tracer: str) -> None:
    suffix = TRACERS[tracer].suffix
    page = ROOT / folder / "README.md"
    listed = sorted(re.findall(rf"^\| `(\S+)\.{suffix}` \|", page.read_text(), re.M))
    wanted = sorted(TRACERS[tracer].program_names())
    assert listed == wanted, f"{folder}/README.md: a row for each of {', '.join(wanted)}"
    assert listed == sorted(path.stem for path in Path(ROOT / folder).glob(f"*.{suffix}"))


def test_the_names_that_a_user_may_give_begin_with_the_modes() -> None:
    assert names() == (*MODES, "offcpu-sdt", "events-sdt", "oncpu-amd64")
