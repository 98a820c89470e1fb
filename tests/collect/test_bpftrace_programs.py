"""bpftrace programs: the checked-in defaults, their tracepoints, their sizes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from helpers.programs import BPFTRACE_PROGRAMS, ROOT, TRACEPOINTS, bpftrace_program

from pvprof.collect.bpftrace.programs import environment
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


def shell(script: str, directory: Path, path: str = "") -> tuple[str, str]:
    """Run a script with the recorder's part for bpftrace; return stdout and stderr."""
    done = subprocess.run(
        ["sh", "-c", f'work=. record=.; . "{ROOT}/pvprof/collect/sh/bpftrace.sh"; {script}'],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{path}:{os.environ['PATH']}"},
    )
    return done.stdout, done.stderr


def test_drops_are_reported_even_if_the_counter_has_no_room(tmp_path: Path) -> None:
    lost = '{"type": "lost_events", "data": {"events": 31}}\n'
    (tmp_path / "raw.out").write_text(lost)
    (tmp_path / "dropped").symlink_to("/dev/full")
    assert shell("bpftrace_drops", tmp_path) == ("31\n", "")


USAGES = {
    "0.17": ("    -k             x\n    -kk            y\n    -d             dry run\n", "-d -k"),
    "0.22": ("    -k             x\n    -kk            y\n    --dry-run      z\n", "--dry-run -k"),
    "0.23": ("    -k             x\n    --dry-run      z\n    -d STAGE  w\n", "--dry-run "),
    "0.27": ("    -k, --warnings x\n    --dry-run      z\n", "--dry-run "),
}


@pytest.mark.parametrize("release", USAGES)
def test_the_options_of_each_release_are_told_from_its_usage(release: str, tmp_path: Path) -> None:
    usage, options = USAGES[release]
    (tmp_path / "usage").write_text(usage)
    fake = tmp_path / "bpftrace"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --help ] && cat "{tmp_path}/usage" >&2\n')
    fake.chmod(0o755)
    script = 'bpftrace_dialect; echo "$dry_run $reports"'
    assert shell(script, tmp_path, str(tmp_path)) == (f"{options}\n", "")


def test_losses_are_counted_in_the_words_of_each_release(tmp_path: Path) -> None:
    (tmp_path / "raw.out").write_text(
        '{"type": "lost_events", "data": {"events": 31}}\n'
        '{"type": "lost_events", "count": 5, "data": {"events": 5}}\n'
        '{"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 1}\n'
        '{"type": "helper_error", "msg": "Map full", "helper": "map_update_elem", "retcode": -7}\n'
        '{"type": "helper_error", "msg": "no", "helper": "map_lookup_elem", "retcode": 0}\n'
    )
    assert shell("bpftrace_drops", tmp_path) == ("38\n", "")


@pytest.mark.parametrize(("waits", "opened"), [("waits_3", "open"), ("spans_3", "open_spans")])
def test_waits_that_began_and_were_not_printed_are_counted(
    waits: str, opened: str, tmp_path: Path
) -> None:
    (tmp_path / "raw.out").write_text(
        f'{{"type": "map", "data": {{"@{waits}": {{"1,2": [[1, 2, 3, "a"], 2], "2,2": [[2]]}}}}}}\n'
        f'{{"type": "map", "data": {{"@{opened}": {{"7": [1, 2, 3, "a"]}}}}}}\n'
        '{"type": "map", "data": {"@begun": 20}}\n'
        '{"type": "map", "data": {"@missed": 4}}\n'
    )
    assert shell("bpftrace_drops", tmp_path) == ("13\n", "")


def test_a_refusal_is_told_without_the_warnings_before_it(tmp_path: Path) -> None:
    (tmp_path / "trial.txt").write_text(
        "script.bt:56:72-74: WARNING: comparison of integers of different signs\n"
        "    if (((struct task_struct *)curtask)->real_parent->tgid == $1) {\n"
        "                                                              ~~\n"
        "script.bt:7:1-9: ERROR: tracepoint not found: lock:contention_begin\n"
    )
    script = 'bpftrace_explain trial.txt; echo "$problem"'
    assert shell(script, tmp_path) == ("this kernel has no lock:contention_begin\n", "")


def test_a_release_that_is_too_old_is_named(tmp_path: Path) -> None:
    (tmp_path / "trial.txt").write_text("bpftrace: invalid option -- 'q'\nUSAGE:\n    bpftrace\n")
    fake = tmp_path / "bpftrace"
    fake.write_text("#!/bin/sh\necho bpftrace v0.11.3\n")
    fake.chmod(0o755)
    script = 'bpftrace_explain trial.txt; echo "$problem: $hint"'
    told = (
        "bpftrace v0.11.3 does not know the options that are needed: install bpftrace 0.17 or newer"
    )
    assert shell(script, tmp_path, str(tmp_path)) == (f"{told}\n", "")


def test_bpftrace_gets_sizes_in_its_own_units() -> None:
    variables = environment(ProgramOptions(buffer_mb=3, variable_mb=2))
    assert variables == {
        "BPFTRACE_MAP_KEYS_MAX": "4096",
        "BPFTRACE_MAX_MAP_KEYS": "4096",
        "BPFTRACE_PERF_RB_PAGES": "512",  # a power of two, 2 MB of the 3
    }


@pytest.mark.parametrize(
    ("frames", "depths"),
    [
        (1, [2, 3, 4, 5]),
        (32, [33, 34, 35, 36]),
        (48, [49, 50, 51, 52]),
        (49, [50, 51]),
        (96, [97, 98]),
        (97, [98]),
        (126, [127]),
        (127, [127]),
    ],
)
@pytest.mark.parametrize("program", ["oncpu", "oncpu-amd64"])
def test_samples_have_as_many_tables_of_stacks_as_memory_allows(
    program: str, frames: int, depths: list[int]
) -> None:
    text = bpftrace_program(program, ProgramOptions(stack_frames=frames)).text()
    assert [int(depth) for depth in re.findall(r"ustack\((\d+)\)", text)] == depths
    assert set(re.findall(r"kstack\((\d+)\)", text)) == {str(frames)}
    choices = re.findall(r"\(pid & (\d)\) == (\d)", text)
    wanted = [(str(len(depths) - 1), str(number)) for number in range(len(depths))]
    assert choices == (wanted if len(depths) > 1 else [])
    names = [f"on_cpu_{number}" if number else "on_cpu" for number in range(len(depths))]
    assert re.findall(r"#map (on_cpu\w*) stack user_stack pid ", text) == names


def test_without_user_stacks_there_is_one_table_and_nothing_to_announce() -> None:
    text = bpftrace_program("oncpu-amd64", ProgramOptions(user_stack=False)).text()
    assert "ustack" not in text
    assert "#process" not in text
    assert "@seen" not in text
    assert '@on_cpu[kstack(32), reg("cs") & 3, comm] = count();' in text


@pytest.mark.parametrize("mode", ["offcpu", "locks"])
def test_a_user_stack_has_the_process_of_its_thread_beside_it(mode: str) -> None:
    options = ProgramOptions(user_stack=True, by_process=True)
    text = bpftrace_program(mode, options).text()
    announced = [line for line in text.splitlines() if "#map" in line and "user_stack" in line]
    assert announced
    assert all(" user_stack pid " in line for line in announced)
    assert "#process %d %d %s" in text
    assert "#process" not in bpftrace_program(mode).text()


def test_a_mode_that_only_dtrace_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no such mode: offcpu-sdt"):
        bpftrace_program("offcpu-sdt")
