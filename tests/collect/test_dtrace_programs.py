"""D programs: their structure, their options, and the checked-in defaults."""

from __future__ import annotations

import itertools
import re

import pytest
from helpers.d_structure import clauses_of, faults_of
from helpers.programs import D_PROGRAMS, PATCHED_PROBES, ROOT, d_arguments, d_program
from hypothesis import given
from hypothesis import strategies as st

from pvprof.collect.modes import mode_of
from pvprof.collect.options import ProgramOptions
from pvprof.collect.tracers import TRACERS
from pvprof.errors import UsageError


@pytest.mark.parametrize("mode", D_PROGRAMS)
def test_the_checked_in_program_equals_the_generated_one(mode: str) -> None:
    assert (ROOT / "dscripts" / f"{mode}.d").read_text() == d_program(mode).text()


def test_no_other_program_is_checked_in() -> None:
    assert {place.stem for place in (ROOT / "dscripts").glob("*.d")} == set(D_PROGRAMS)


options = st.builds(
    ProgramOptions,
    scope=st.sampled_from(["system", "tree"]),
    ends_with_workload=st.booleans(),
    duration_ns=st.sampled_from([0, 1, 1_500, 2_500_000_000, 60_000_000_000]),
    pid=st.sampled_from([0, 4711]),
    execname=st.sampled_from(["", "cc", "a b;|"]),
    kernel_processes=st.sampled_from([None, True, False]),
    min_wait_ns=st.sampled_from([0, 10_000]),
    by_process=st.booleans(),
    user_stack=st.sampled_from([None, True, False]),
    wakers=st.booleans(),
    histogram=st.sampled_from([None, True, False]),
    stack_frames=st.sampled_from([1, 32, 127]),
    rate_hz=st.sampled_from([1, 997, 9999]),
    buffer_mb=st.sampled_from([0, 16]),
)


@given(mode=st.sampled_from(list(D_PROGRAMS)), wanted=options)
def test_every_program_is_sound_or_an_error_with_a_reason(
    mode: str, wanted: ProgramOptions
) -> None:
    try:
        wanted.resolved(mode_of(mode), mode)
    except UsageError:
        with pytest.raises(UsageError, match=mode):
            d_program(mode, wanted)
    else:
        assert faults_of(d_program(mode, wanted).text()) == []


@pytest.mark.parametrize(
    ("sound", "broken", "fault"),
    [
        ("sched:::sleep", "sched:::slep", "unknown probe: sched:::slep"),
        ("start[curthread] = 1", "this->no = 1", "start is never reset"),
        ("start[curthread] = 1", "start[curthread] = 0", "has to allocate the variable again"),
        ("what[curthread]", "self->what", "a variable by thread id"),
        ("what[curthread] = this", "this->y = this", "what is used before it is set"),
        ("@wait_n);", "@wait_m);", "@wait_n is never printed"),
        ("this->class, stack()] = count", "stack()] = count", "places for"),
        ("%s name=%d:%s class", "%s name=%s class", "places for 6 keys"),
        ("timestamp, walltimestamp);", "timestamp);", "printf wants 2 values"),
        ("stack()] = sum", "stack(] = sum", "unbalanced ()"),
        ("#pragma D option quiet", "#pragma D option quite", "unknown pragma"),
        ("curthread->td_wmesg", "curthred->td_wmesg", "unknown name curthred"),
    ],
)
def test_the_structural_check_finds_faults(sound: str, broken: str, fault: str) -> None:
    text = d_program("offcpu").text()
    assert sound in text
    faults = faults_of(text.replace(sound, broken))
    assert any(fault in one for one in faults), faults


@pytest.mark.parametrize("mode", ["offcpu-sdt", "events", "events-sdt", "oncpu", "locks", "path"])
def test_programs_whose_probes_carry_all_values_have_no_variable(mode: str) -> None:
    text = d_program(mode).text()
    assert "self->" not in text
    assert not re.search(r"^\t\w+\[.*\] = ", text, re.M)
    assert "dynvarsize" not in text


def test_offcpu_of_a_stock_kernel_has_two_variables_for_each_thread() -> None:
    text = d_program("offcpu").text()
    assert set(re.findall(r"(\w+)\[curthread\]", text)) == {"start", "what"}


@pytest.mark.parametrize("mode", D_PROGRAMS)
def test_no_program_uses_fbt(mode: str) -> None:
    assert not [probe for probe in d_program(mode).probes if probe.startswith("fbt")]


def test_the_structural_check_knows_the_probes_of_a_real_kernel_and_of_the_patch() -> None:
    probes = {probe for name in D_PROGRAMS for probe in d_program(name).probes}
    assert {probe: d_arguments(probe) for probe in probes if d_arguments(probe) is None} == {}
    assert {probe for probe in probes if probe.startswith("kernel:")} == set(PATCHED_PROBES)
    assert d_arguments("kernel:profile:turnstile:wakeup") == 4
    assert d_arguments("sched:::sleep") == 0
    assert d_arguments("sched:::slep") is None


@pytest.mark.parametrize("mode", D_PROGRAMS)
def test_each_program_prints_header_clocks_and_end(mode: str) -> None:
    begin, *_, end = clauses_of(d_program(mode).text())
    base, _, variant = mode.partition("-")
    assert f"#pvprof 2 {base} {variant or 'stock'} " in begin.body[0]
    assert begin.body[1] == r'printf("#begin %d %d\n", timestamp, walltimestamp)'
    assert end.body[-1] == r'printf("#end %d %d\n", timestamp, walltimestamp)'


def test_offcpu_tries_the_patched_kernel_first() -> None:
    assert TRACERS["dtrace"].candidates("offcpu") == ("offcpu-sdt", "offcpu")
    assert TRACERS["dtrace"].candidates("events") == ("events-sdt", "events")
    assert TRACERS["dtrace"].candidates("locks") == ("locks",)


@pytest.mark.parametrize("mode", [mode for mode in D_PROGRAMS if not mode.endswith("-sdt")])
def test_a_tree_excludes_the_process_that_starts_the_workload(mode: str) -> None:
    tree = d_program(mode, ProgramOptions(scope="tree", ends_with_workload=True))
    text = tree.text()
    assert "pid != $1 && progenyof($1)" in text
    assert "proc:::exit\n/pid == $1/\n{\n\texit(0);\n}" in text
    assert "$pid" not in text


@pytest.mark.parametrize("mode", D_PROGRAMS)
def test_dtrace_does_not_trace_itself(mode: str) -> None:
    assert "pid != $pid" in d_program(mode).text()
    assert "$1" not in d_program(mode).text()  # dtrace refuses an argument that is not used


@pytest.mark.parametrize("mode", ["offcpu", "offcpu-sdt", "locks"])
def test_short_waits_are_summed_up_instead_of_recorded(mode: str) -> None:
    text = d_program(mode, ProgramOptions(min_wait_ns=10_000)).text()
    assert 'printa("#set-aside short %s %@d %@d\\n", @short_ns, @short_n)' in text
    assert " >= 10000" in text
    assert " < 10000" in text


@pytest.mark.parametrize(
    ("wanted", "mode", "reason"),
    [
        (ProgramOptions(min_wait_ns=1), "events", "--min-wait does not work with events"),
        (ProgramOptions(wakers=True), "offcpu", "--wakers does not work with offcpu"),
        (ProgramOptions(user_stack=True), "wakeup", "--user-stack does not work with wakeup"),
        (ProgramOptions(histogram=True), "oncpu", "--histogram does not work with oncpu"),
        (ProgramOptions(execname='a"b'), "offcpu", "quotes"),
        (ProgramOptions(stack_frames=0), "offcpu", "stack frames"),
        (ProgramOptions(rate_hz=0), "oncpu", "sampling rate"),
        (ProgramOptions(pid=-1), "oncpu", "negative"),
        (ProgramOptions(), "offcup", "no such mode: offcup"),
    ],
)
def test_impossible_options_are_an_error_with_a_reason(
    wanted: ProgramOptions, mode: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        d_program(mode, wanted)


def test_durations_become_exact_tick_probes() -> None:
    for ns, name in [(10**9, "1s"), (2_500_000_000, "2500ms"), (1_500, "1500ns"), (7_000, "7us")]:
        assert (
            f"profile:::tick-{name}\n" in d_program("offcpu", ProgramOptions(duration_ns=ns)).text()
        )


def test_cheap_conditions_come_before_expensive_ones() -> None:
    order = ["p_flag", "pid ==", "execname ==", "pid != $1", "progenyof"]
    wanted = ProgramOptions(scope="tree", pid=7, execname="cc", kernel_processes=False)
    for mode in D_PROGRAMS:
        for clause in clauses_of(d_program(mode, wanted).text()):
            places = [clause.predicate.find(word) for word in order]
            found = [place for place in places if place >= 0]
            assert found == sorted(found)


def test_programs_have_one_statement_per_line() -> None:
    for mode, wanted in itertools.product(D_PROGRAMS, [ProgramOptions()]):
        text = d_program(mode, wanted).text()
        assert text.startswith("/*\n * ")
        assert "Usage: dtrace -s" in text
        assert all(line.count(";") <= 1 for line in text.splitlines() if line.startswith("\t"))
