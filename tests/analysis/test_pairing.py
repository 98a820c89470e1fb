"""Stacks of two sides are paired by their callers, not by the functions that wait."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import Folded, FoldOptions, fold
from pvprof.analysis.stacks.pairing import pair
from pvprof.classify.filters import Part
from pvprof.classify.rules import Classification
from pvprof.classify.rules_file import load_rules
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import Stack

RULES = load_rules(None)
KERNEL = Classification("kernel", "pv list")


def part(
    stacks: Mapping[str, int],
    name: str = "pv list",
    execname: str = "",
    mechanism: str = "turnstile",
) -> Part:
    key = Key(mechanism, name, execname)
    return Part(KERNEL, key, {Stack(text): Weight(value, 1, 1) for text, value in stacks.items()})


def folded(base: list[Part], new: list[Part]) -> tuple[dict[str, int], dict[str, int]]:
    paired = pair([base], [new], RULES)
    both: list[Folded] = [fold(runs[0], "ns", FoldOptions()) for runs in (paired.base, paired.new)]
    return dict(both[0].rows), dict(both[1].rows)


def test_stacks_that_differ_in_the_waiting_functions_only_are_one() -> None:
    base = part({"trap;pmap_enter;__rw_wlock_hard;turnstile_wait": 900})
    new = part(
        {"trap;pmap_enter;obm_lock_sleep;turnstile_wait": 200, "trap;pmap_enter;_sleep": 100}
    )
    assert folded([base], [new]) == (
        {"trap;pmap_enter;pv list": 900},
        {"trap;pmap_enter;pv list": 300},
    )


def test_a_stack_that_lost_its_inner_frames_is_paired_with_those_that_continue_it() -> None:
    for lost in ("trap;vm_fault", "trap;vm_fault;[frames lost]"):
        base = part({lost: 5})
        new = part(
            {
                "trap;vm_fault;pmap_enter;turnstile_wait": 6,
                "trap;vm_fault;vm_page;turnstile_wait": 1,
                "trap;vm_faulty;turnstile_wait": 2,
            }
        )
        assert folded([base], [new]) == (
            {"trap;vm_fault;pv list": 5},
            {"trap;vm_fault;pv list": 7, "trap;vm_faulty;pv list": 2},
        )
        assert pair([[base]], [[new]], RULES).shortened == (0, 7)


def test_a_stack_that_both_sides_lost_frames_of_hides_no_others() -> None:
    base = part({"trap;f": 5, "trap;f;g;turnstile_wait": 1})
    new = part({"trap;f": 4, "trap;f;g;turnstile_wait": 2})
    assert folded([base], [new]) == (
        {"trap;f;pv list": 5, "trap;f;g;pv list": 1},
        {"trap;f;pv list": 4, "trap;f;g;pv list": 2},
    )


def test_spinning_on_two_kinds_of_lock_is_one_stack() -> None:
    base = part({"trap;f;__rw_wlock_hard": 5}, mechanism="rw-spin")
    new = part({"trap;f;__mtx_lock_sleep": 4}, mechanism="adaptive-spin")
    assert folded([base], [new]) == ({"trap;f;pv list;spin": 5}, {"trap;f;pv list;spin": 4})
    assert folded([base], [base])[0] == {"trap;f;pv list;rw-spin": 5}


def test_code_that_runs_in_a_lock_function_is_no_machinery() -> None:
    running = part({"trap;f;__rw_wlock_hard": 5}, mechanism="on-cpu", name="")
    assert folded([running], [running])[0] == {"trap;f;__rw_wlock_hard": 5}


FRAMES = st.sampled_from(["a", "b", "__rw_wlock_hard", "turnstile_wait", "[frames lost]", "-"])
STACKS = st.dictionaries(
    st.lists(FRAMES, min_size=1, max_size=5).map(";".join), st.integers(1, 99), max_size=5
)


@given(STACKS, STACKS)
def test_pairing_keeps_each_total_and_a_side_equals_itself(
    one: dict[str, int], other: dict[str, int]
) -> None:
    base, new = folded([part(one)], [part(other)])
    assert sum(base.values()) == sum(one.values())
    assert sum(new.values()) == sum(other.values())
    same = folded([part(one)], [part(one)])
    assert same[0] == same[1]
    assert folded([part(other)], [part(one)]) == (new, base)
