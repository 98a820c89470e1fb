"""Who held the locks, and who held the holders up: against a walk by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import RunCommand, folded_total
from helpers.single_waits import RULES, Wait, events_of, parts_of, runs_of
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.report import build_report
from pvprof.analysis.stacks.chains import join_stacks
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.analysis.waits.owner_chains import NO_OWNER, chains_of_owners
from pvprof.analysis.waits.owners import Owners, owners_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.dataset.load import load_dataset
from pvprof.parse.read import ReadOptions

EVENTS = RECORDINGS / "events.out.gz"
MAX_OWNERS = 100


def owners_in(waits: Sequence[Wait], depth: int = 4) -> Owners:
    events = events_of(waits)
    return owners_of(events, runs_of(waits), parts_of(events), MAX_OWNERS, depth)


def walk(waits: Sequence[Wait], head: Wait, depth: int) -> tuple[list[Wait], str]:
    """Follow owners of owners by looking at all waits each time.

    Where a thread is in several waits at once, which only damage makes, the one that began last
    counts; the tests make none of equal start.
    """
    links = [head]
    seen = {(wait.run, wait.tid) for wait in waits}
    while True:
        owner = links[-1].owner
        if owner <= 0:
            return links, "no owner"
        if (head.run, owner) not in seen:
            return links, "never seen"
        if owner in {link.tid for link in links}:
            return links, "cycle"
        begun = [
            wait
            for wait in waits
            if (wait.run, wait.tid) == (head.run, owner)
            and wait.start <= head.start
            and wait.wait > 0
        ]
        last = max(begun, key=lambda wait: wait.start, default=None)
        if last is None or last.end <= head.start:
            return links, "not waiting"
        if len(links) > depth:
            return links, "deeper"
        links.append(last)


@st.composite
def histories(draw: st.DrawFn) -> list[Wait]:
    """Draw waits of a few threads; those of one thread follow each other."""
    made = []
    for run in range(draw(st.integers(1, 2))):
        for tid in range(1, draw(st.integers(2, 6))):
            now = 0
            for _ in range(draw(st.integers(0, 5))):
                start = now + draw(st.integers(1, 4))
                wait = draw(st.integers(0, 12))
                made.append(
                    Wait(
                        start,
                        wait,
                        draw(st.sampled_from(("vm object", "pmap pv list"))),
                        tid,
                        owner=draw(st.sampled_from((0, 1, 2, 3, 4, 5, 99))),
                        execname=f"p{tid % 3}",
                        stack=f"kernel`f{draw(st.integers(0, 2))}",
                        run=run,
                    )
                )
                now = start + wait
    return made


@pytest.mark.slow
@examples(4)
@given(histories(), st.integers(0, 3))
def test_chains_equal_a_walk_by_hand(waits: list[Wait], depth: int) -> None:
    expected: Counter[tuple[tuple[tuple[str, str], ...], str]] = Counter()
    counts: Counter[tuple[tuple[tuple[str, str], ...], str]] = Counter()
    together: Counter[tuple[tuple[tuple[str, str], ...], str]] = Counter()
    for head in waits:
        links, end = walk(waits, head, depth)
        if head.owner and (len(links) > 1 or end == "cycle"):
            name = tuple((link.execname, link.name) for link in links), end
            expected[name] += head.wait
            counts[name] += 1
            together[name] += min(link.end for link in links) - head.start
    found = owners_in(waits, depth)
    assert found.chain_number == len(counts)
    assert {(chain.links, chain.end): chain.wait_ns for chain in found.chains} == {
        name: expected[name] for name in counts
    }
    assert {(chain.links, chain.end): chain.count for chain in found.chains} == counts
    assert {(chain.links, chain.end): chain.together_ns for chain in found.chains} == {
        name: together[name] for name in counts
    }


@pytest.mark.slow
@examples(2)
@given(histories())
def test_each_wait_counts_as_owned_or_not_owned(waits: list[Wait]) -> None:
    found = owners_in(waits)
    by_name: dict[str, list[Wait]] = defaultdict(list)
    for wait in waits:
        by_name[wait.name].append(wait)
    for (_, _, name), row in found.rows.items():
        owned = [wait for wait in by_name[name] if wait.owner]
        others = [wait for wait in by_name[name] if not wait.owner]
        assert (row.wait_ns, row.count) == (sum(one.wait for one in owned), len(owned))
        assert (row.unknown_ns, row.unknown_count) == (
            sum(one.wait for one in others),
            len(others),
        )
        assert row.wait_ns == sum(owner.wait_ns for owner in row.owners)
        assert row.blocked_ns == sum(owner.blocked_ns for owner in row.owners) <= row.wait_ns
        by_owner = Counter(wait.owner for wait in owned)
        assert (
            Counter(
                dict.fromkeys(by_owner, 0)
                | Counter(tid for owner in row.owners for tid in [owner.tid] * owner.count)
            )
            == by_owner
        )


HELD = [
    Wait(10, 30, "pmap pv list", tid=1, owner=2, execname="sh"),
    Wait(5, 20, "vm object", tid=2, owner=3, execname="cc", stack="kernel`hold"),
    Wait(2, 3, "tmpfs", tid=3, execname="make", event="sleepq"),
]


def test_a_waiting_owner_has_its_own_wait_and_the_common_time() -> None:
    found = owners_in(HELD)
    rows = {name: row for (_, _, name), row in found.rows.items()}
    (owner,) = rows["pmap pv list"].owners
    assert (owner.tid, owner.execname, owner.wait_ns, owner.blocked_ns) == (2, "cc", 30, 15)
    ((hold, value),) = owner.waited_for
    assert (hold.name, hold.stack, value) == ("vm object", "kernel`hold", 15)
    (chain,) = found.chains
    assert [tuple(link) for link in chain.links] == [("sh", "pmap pv list"), ("cc", "vm object")]
    assert (chain.end, chain.wait_ns, chain.together_ns) == ("not waiting", 30, 15)


@pytest.mark.parametrize(
    ("waits", "end"),
    [
        ([Wait(10, 5, tid=1, owner=1)], "cycle"),
        ([Wait(10, 5, tid=1, owner=2), Wait(9, 9, tid=2, owner=1)], "cycle"),
        ([Wait(10, 5, tid=1, owner=2), Wait(9, 9, tid=2, owner=3), Wait(8, 9, tid=3)], "no owner"),
        ([Wait(10, 5, tid=1, owner=2), Wait(9, 9, tid=2, owner=99)], "never seen"),
    ],
    ids=["itself", "each other", "ends at no owner", "ends at a thread never seen"],
)
def test_a_chain_ends(waits: list[Wait], end: str) -> None:
    chains = [chain for chain in owners_in(waits).chains if chain.wait_ns == 5]
    assert [chain.end for chain in chains] == [end]


def test_a_thread_without_waits_has_no_name_and_a_sleep_no_owner() -> None:
    found = owners_in([Wait(0, 5, owner=99), Wait(0, 7, "wait", event="sleepq")])
    rows = {name: row for (_, _, name), row in found.rows.items()}
    (owner,) = rows["vm object"].owners
    assert (owner.tid, owner.execname) == (99, "")
    assert rows["wait"].owners == ()
    assert (rows["wait"].unknown_ns, rows["wait"].unknown_count) == (7, 1)


def test_equal_tids_of_two_recordings_are_two_threads() -> None:
    """A number is given again after a boot, so an owner is looked up in its own recording only."""
    found = owners_in([Wait(10, 5, tid=1, owner=2), Wait(9, 9, tid=2, owner=3, run=1)])
    assert found.chains == ()


def test_owners_in_a_real_recording_are_named_and_add_up() -> None:
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    (section,) = build_report(Classified.of(pool, RULES, Filters(kinds=(ALL_KINDS,)))).sections
    assert section.single_waits is not None
    owned = 0
    for row in section.rows:
        owners = section.single_waits.owners.rows[row.id]
        assert owners.wait_ns + owners.unknown_ns == row.value
        assert owners.count + owners.unknown_count == row.count
        owned += owners.count
        assert all(owner.execname for owner in owners.owners)
    assert owned > 10


# ---- joined stacks ------------------------------------------------------------------------------

ENDS = {
    "never seen": "[owner of whom no wait was recorded]",
    "not waiting": "[owner was not waiting]",
    "cycle": "[owner is in the chain already]",
}


def joined_stacks(waits: Sequence[Wait], options: FoldOptions) -> Counter[str]:
    """Join and fold the stacks of all waits."""
    events = events_of(waits)
    parts = parts_of(events)
    joined = chains_of_owners(events, runs_of(waits), options)
    stacks, how = join_stacks(joined, parts, options, NO_OWNER)
    keys = [part.key for part in parts]
    return Counter(dict(fold(zip(keys, stacks, strict=True), "ns", how).rows))


def stack_by_hand(waits: Sequence[Wait], head: Wait, depth: int) -> str:
    """Return the joined stack of one wait, following its owners wait by wait."""
    links, end = walk(waits, head, depth)
    frames = [head.execname, *head.stack.split(";"), head.name]
    for link in links[1:]:
        frames += ["--", *reversed(link.stack.split(";")), link.execname, link.name]
    if end in ENDS:
        owner = (head.run, links[-1].owner)
        of_owner = [one for one in waits if (one.run, one.tid) == owner and one.wait > 0]
        before = [one for one in of_owner if one.start <= head.start]
        after = [one for one in of_owner if one.start > head.start]
        told = max(before, key=lambda one: one.start, default=None) or min(
            after, key=lambda one: one.start, default=None
        )
        frames += ["--", ENDS[end]]
        frames += [told.execname] if told and end == "not waiting" else []
    elif len(links) == 1:
        frames += ["--", NO_OWNER]
    return ";".join(frames)


@given(histories(), st.integers(1, 5))
def test_joined_stacks_of_owners_equal_a_walk_by_hand(waits: list[Wait], depth: int) -> None:
    wanted: Counter[str] = Counter()
    for wait in waits:
        wanted[stack_by_hand(waits, wait, depth)] += wait.wait
    assert joined_stacks(waits, FoldOptions(chain_depth=depth)) == +wanted


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("args", [(), ("--by", "root"), ("--by", "none", "--no-execname")])
def test_joined_stacks_of_a_real_recording_add_up_to_it(
    run: RunCommand, depth: int, args: tuple[str, ...]
) -> None:
    plain = run("fold", "-k", "all", EVENTS, "-q", *args).stdout
    joined = run(
        "fold", "-k", "all", EVENTS, "-q", "--chain", "owners", "--chain-depth", depth, *args
    ).stdout
    assert folded_total(joined) == folded_total(plain)
    assert all(";--;" in line for line in joined.splitlines())


def test_a_picture_shows_the_waits_of_owners(run: RunCommand) -> None:
    folded = run(
        "fold", "-k", "all", EVENTS, "--chain", "owners", "--name", "^vm object$", "-q"
    ).stdout
    assert_golden(folded, FIXTURES / "golden" / "fold-owners.folded")
    drawn = run("flamegraph", EVENTS, "--chain", "owners").stdout
    assert "owners, at most 1" in drawn


@pytest.mark.parametrize("name", ["stock-offcpu.out", "oncpu-default.out"])
def test_chains_of_owners_need_single_waits(run: RunCommand, name: str) -> None:
    done = run("fold", "-k", "all", RECORDINGS / name, "--chain", "owners")
    assert done.exit_code == 2
    assert "no single waits were recorded" in done.stderr
