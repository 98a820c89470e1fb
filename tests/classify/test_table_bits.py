"""Stacks as columns are sorted by the rules as stacks in a dict are."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.stack_tables import table_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.classify.rules_file import load_rules
from pvprof.model.profile import Key, StackTable, Weight
from pvprof.model.stacks import DELIMITER, Stack
from pvprof.parse.read import ReadOptions, read

RECORDINGS = Path(__file__).parent.parent / "fixtures" / "freebsd-13.2"
RULES = load_rules(None)
FRAMES = [
    *("kernel`fork_exit", "kernel`trap", "kernel`vm_fault", "kernel`sys_read", "main"),
    *("kernel`turnstile_wait", "kernel`mi_switch", "kernel`sleepq_wait", "kernel`_sleep"),
    *("kernel`__rw_wlock_hard", "kernel`pmap_remove_pages", "kernel`bwait", "kernel`biowait"),
    *("kernel`sched_idletd", "kernel`acpi_cpu_idle", "kernel`lock_delay", "kernel`cpu_idle"),
    *("kernel`intr_event_handle", "kernel`ithread_loop", "kernel`timerint", "0xffffffff80000000"),
]
keys = st.builds(
    Key,
    st.sampled_from(["turnstile", "sleepq", "on-cpu", "", "rw-spin", "adaptive-block"]),
    st.sampled_from(["", "vm object", "pmap pv list", "biord", "-", "wait", "unknown"]),
)
stacks = st.dictionaries(
    st.lists(st.sampled_from(FRAMES), min_size=1, max_size=6).map(lambda one: Stack(";".join(one))),
    st.builds(Weight, st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)),
    min_size=1,
    max_size=12,
)


def parted(key: Key, weights: dict[Stack, Weight] | StackTable) -> list[tuple[object, object]]:
    """Return the parts of stacks in their order, with the stacks of each in theirs."""
    parts = RULES.partition(key, weights).items()
    return [(verdict, list(some.items())) for verdict, some in parts]


@given(keys, stacks)
def test_a_table_is_sorted_as_a_dict_is(key: Key, weights: dict[Stack, Weight]) -> None:
    expected = parted(key, weights)
    assert parted(key, table_of(weights)) == expected


@pytest.mark.parametrize("name", ["oncpu-default.out", "stock-offcpu.out", "runq.out"])
def test_recorded_stacks_are_sorted_as_in_a_dict(name: str) -> None:
    profiles = read((RECORDINGS / name).read_bytes(), name, ReadOptions()).profiles.values()
    for profile in profiles:
        for key, weights in profile.groups.items():
            assert isinstance(weights, dict)
            assert parted(key, table_of(weights)) == parted(key, weights)


def test_frames_of_programs_decide_nothing_in_a_table_either() -> None:
    weights = {
        Stack(f"kernel`sched_idletd;{DELIMITER};kernel`trap"): Weight(1, 0, 1),
        Stack("kernel`sched_idletd"): Weight(2, 0, 1),
    }
    key = Key("on-cpu")
    assert parted(key, table_of(weights)) == parted(key, weights)
