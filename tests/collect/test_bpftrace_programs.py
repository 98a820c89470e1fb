"""bpftrace programs: the checked-in defaults, their tracepoints, their sizes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from helpers.programs import BPFTRACE_PROGRAMS, ROOT, TRACEPOINTS, bpftrace_program

from pvprof.collect.bpftrace.programs import environment
from pvprof.collect.modes import MODES
from pvprof.collect.options import ProgramOptions
from pvprof.errors import UsageError


@pytest.mark.parametrize("mode", BPFTRACE_PROGRAMS)
def test_the_default_programs_are_checked_in(mode: str) -> None:
    assert (ROOT / "btscripts" / f"{mode}.bt").read_text() == bpftrace_program(mode).text()


def test_there_is_no_other_program_in_the_folder() -> None:
    assert {place.stem for place in (ROOT / "btscripts").glob("*.bt")} == set(BPFTRACE_PROGRAMS)


@pytest.mark.parametrize("mode", BPFTRACE_PROGRAMS)
def test_programs_use_known_tracepoints_and_no_kprobes(mode: str) -> None:
    names = [name for probe in bpftrace_program(mode).probes for name in probe.names]
    timers = {"BEGIN", "END", "interval:ms", "profile:hz"}
    assert {re.sub(r":\d+$", "", name) for name in names} <= TRACEPOINTS | timers


def test_in_tree_scope_new_threads_count_and_new_processes_do_not() -> None:
    program = bpftrace_program("runq", ProgramOptions(pid=7))
    probes = {name: probe for probe in program.probes for name in probe.names}
    assert probes["tracepoint:sched:sched_wakeup_new"].predicate == ("@ready[args->pid]",)
    born = probes["tracepoint:task:task_newtask"]
    assert "pid == 7" in born.predicate
    assert "(args->clone_flags & 0x10000) != 0" in born.predicate


def test_drops_are_reported_even_if_the_counter_has_no_room(tmp_path: Path) -> None:
    lost = '{"type": "lost_events", "data": {"events": 31}}\n'
    (tmp_path / "raw.out").write_text(lost)
    (tmp_path / "dropped").symlink_to("/dev/full")
    script = f'work=. record=.; . "{ROOT}/pvprof/collect/sh/bpftrace.sh"; bpftrace_drops'
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("31\n", "")


def test_bpftrace_gets_sizes_in_its_own_units() -> None:
    variables = environment(MODES["events"], ProgramOptions(buffer_mb=3, variable_mb=2))
    assert variables == {
        "BPFTRACE_MAP_KEYS_MAX": "4096",
        "BPFTRACE_MAX_MAP_KEYS": "4096",
        "BPFTRACE_PERF_RB_PAGES": "512",  # a power of two, 2 MB of the 3
    }


def test_a_mode_that_only_dtrace_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no such mode: offcpu-sdt"):
        bpftrace_program("offcpu-sdt")
