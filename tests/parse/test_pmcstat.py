"""The output of pmcstat(8): call graphs, and the text of its log."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand
from helpers.readings import parsed_from
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.stacks import Stack
from pvprof.parse.freebsd.pmc_callgraph import PRUNED
from pvprof.parse.result import ParseResult

GRAPH = """\
@ cpu_clk_unhalted.thread_p [20 samples]

60.00%  [12]       lock_delay @ /boot/kernel/kernel
 75.00%  [9]        __rw_wlock_hard
  100.0%  [9]        tmpfs_open @ /boot/kernel/tmpfs.ko
   100.0%  [9]        main @ /bin/sh
 16.67%  [2]        __mtx_lock_sleep @ /boot/kernel/kernel

40.00%  [8]        memcpy @ /lib/libc.so.7
 100.0%  [8]        0x401234 @ /tmp/a.out

"""


def stacks_of(parsed: ParseResult) -> Counter[str]:
    found: Counter[str] = Counter()
    for profile in parsed.profiles.values():
        for _, stack, weight in profile:
            found[stack] += weight.value
    return found


# ---- call graphs --------------------------------------------------------------------------------


def test_stacks_are_inverted_and_unknown_callers_keep_their_samples() -> None:
    parsed = parsed_from(GRAPH)
    assert stacks_of(parsed) == {
        "sh`main;-;tmpfs.ko`tmpfs_open;kernel`__rw_wlock_hard;kernel`lock_delay": 9,
        "kernel`__mtx_lock_sleep;kernel`lock_delay": 2,
        f"{PRUNED};kernel`lock_delay": 1,
        "a.out`0x401234;libc.so.7`memcpy": 8,
    }
    assert parsed.problems == []
    assert parsed.layout == "pmcstat"


def graph_of(chains: Counter[tuple[str, ...]], event: str = "cycles") -> str:
    """Write the call graph of chains, innermost first, as pmcstat does."""

    def lines(some: Counter[tuple[str, ...]], depth: int) -> list[str]:
        found = []
        total = sum(some.values())
        for name in sorted({chain[0] for chain in some if chain}):
            inner = Counter({c[1:]: n for c, n in some.items() if c and c[0] == name})
            number = sum(inner.values())
            head = f"{' ' * depth}{100 * number / total:05.2f}%  [{number}] ".ljust(20)
            found.append(f"{head}{' ' * depth}{name}" + ("" if depth else " @ /boot/kernel/kernel"))
            found += lines(inner, depth + 1)
        return found

    return "\n".join([f"@ {event} [{sum(chains.values())} samples]", "", *lines(chains, 0), "", ""])


NAMES = st.sampled_from(["a", "b", "c", "lock_delay"])


@given(
    st.dictionaries(
        st.lists(NAMES, min_size=1, max_size=5).map(tuple), st.integers(1, 10**9), min_size=1
    )
)
def test_a_generated_graph_is_read_back(chains: dict[tuple[str, ...], int]) -> None:
    wanted: Counter[str] = Counter()
    for chain, number in chains.items():
        is_inner = any(other[: len(chain)] == chain and other != chain for other in chains)
        frames = [f"kernel`{name}" for name in chain] + ([PRUNED] if is_inner else [])
        wanted[";".join(reversed(frames))] += number
    parsed = parsed_from(graph_of(Counter(chains)))
    assert stacks_of(parsed) == wanted
    assert parsed.problems == []


def test_sections_of_several_events_are_kept_apart(run: RunCommand) -> None:
    one: Counter[tuple[str, ...]] = Counter({("a", "b"): 3})
    text = graph_of(one, "cycles") + graph_of(one, "cache_misses")
    result = run("locks", "-", "--format", "json", stdin=text.encode())
    (section,) = json.loads(result.stdout)["sections"]
    assert {(row["name"], row["value"]) for row in section["rows"]} == {
        ("cycles", 3),
        ("cache_misses", 3),
    }
    kept = run(
        "fold", "-k", "all", "-", "--name", "cycles", "--by", "none", "-q", stdin=text.encode()
    )
    assert kept.stdout == "kernel`b;kernel`a 3\n"


def test_samples_that_pmcstat_could_not_convert_are_a_loss() -> None:
    text = GRAPH + "CONVERSION STATISTICS:\n #samples/total    22\n #samples/unclaimed    2\n"
    (problem,) = parsed_from(text).problems
    assert (problem.kind, problem.count, problem.severity) == ("unconverted", 2, "loss")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        # what its callers were is not known any more, but that it called lock_delay is
        (" 75.00%  [9]        __rw_wlock_hard", 20),
        ("60.00%  [12]       lock_delay @ /boot/kernel/kernel", 8),
        ("40.00%  [8]        memcpy @ /lib/libc.so.7", 12),
    ],
)
def test_a_damaged_line_costs_its_callers_and_is_a_loss(line: str, left: int) -> None:
    parsed = parsed_from(GRAPH.replace(line, line.replace("[", "{")))
    losses = Counter(one.kind for one in parsed.problems if one.severity == "loss")
    assert losses["bad-line"] >= 2
    assert losses["cut-off"] == (left < 20)
    assert sum(stacks_of(parsed).values()) == left
    inner = {"kernel`lock_delay", "libc.so.7`memcpy"}
    assert {stack.rpartition(";")[2] for stack in stacks_of(parsed)} <= inner


def test_callers_with_more_samples_than_what_they_call_are_a_warning() -> None:
    parsed = parsed_from(GRAPH.replace("[12]", "[10]").replace("[20", "[18"))
    (problem,) = parsed.problems
    assert (problem.kind, problem.severity, problem.line) == ("bad-count", "warning", 3)


def test_a_section_with_too_few_samples_is_cut_off() -> None:
    parsed = parsed_from(GRAPH.partition("40.00%")[0])
    (problem,) = parsed.problems
    assert (problem.kind, problem.line) == ("cut-off", 1)
    assert "12 of 20" in problem.text


def test_a_report_may_have_samples_and_waits(run: RunCommand, tmp_path: Path) -> None:
    place = tmp_path / "oncpu.pmc"
    place.write_text(GRAPH)
    result = run("report", RECORDINGS / "stock-offcpu.out", place, "--format", "json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert [one["unit"] for one in document["sections"]] == ["ns", "samples"]
    assert document["sections"][1]["total"]["value"] == 20


# ---- the text of a log --------------------------------------------------------------------------

LOG = """\
initlog   0x1000000 "INTEL_HASWELL"
allocate  0x2 "cpu_clk_unhalted.thread_p" 0x1
map-in    -1 0xffffffff80200000 "/boot/kernel/kernel"
exec      0x0 4711 0x201450 "/usr/bin/cc"
map-in    4711 0x200000 "/usr/bin/cc"
map-in    4711 0x800200000 "/lib/libc.so.7"
callchain 4711 0x2 3 2 u
...       0x800212345
...       0x201450
fork      4711 4712
callchain 4712 100123 0x2 3 3 s
...       0xffffffff80c00000
...       0xffffffff80c00001
...       0x800200010
sample    0x2 -1 0xffffffff80c00000 s
sample    0x2 99 0x123 u
exit      4711
closelog
"""


def test_a_log_gives_one_sample_for_each_callchain() -> None:
    parsed = parsed_from(LOG)
    found = {
        (key.execname, stack): weight.value
        for profile in parsed.profiles.values()
        for key, stack, weight in profile
    }
    assert found == {
        ("cc", Stack("cc`0x1450;libc.so.7`0x12345")): 1,
        ("cc", Stack("libc.so.7`0x10;-;0xffffffff80c00001;0xffffffff80c00000")): 1,
        ("", Stack("0xffffffff80c00000")): 1,
        ("pid 99", Stack("0x123")): 1,
    }
    assert parsed.problems == []
    assert parsed.hex_frames == {"0xffffffff80c00000", "0xffffffff80c00001"}


def test_kernel_addresses_of_a_log_get_their_names(run: RunCommand) -> None:
    text = LOG.replace("0xffffffff80c00000", "0xffffffff80649e38")
    named = run("fold", "-k", "all", "-", "--symbols", SYMBOLS, stdin=text.encode()).stdout
    plain = run("fold", "-k", "all", "-", stdin=text.encode()).stdout
    assert "kernel`" in named
    assert "kernel`" not in plain


def test_a_callchain_that_ends_early_is_a_loss() -> None:
    parsed = parsed_from(LOG.replace("...       0x201450\n", ""))
    (problem,) = parsed.problems
    assert (problem.kind, problem.line, problem.severity) == ("cut-off", 7, "loss")
    assert sum(stacks_of(parsed).values()) == 3


@pytest.mark.parametrize(
    "bad",
    [
        "callchain 4711 0x2 3 99999999999999 u",
        "callchain 4711",
        "sample    0x2 -1 0x" + "f" * 17 + " s",
        "map-in    4711 zero /bin/sh",
        "exec      nothing",
        "fork      1",
        "...       0x1234",
    ],
)
def test_a_damaged_line_of_a_log_is_one_loss(bad: str) -> None:
    parsed = parsed_from(LOG.replace("exit      4711", bad))
    assert sum(stacks_of(parsed).values()) == 4
    (problem,) = parsed.problems
    assert (problem.kind, problem.line, problem.severity) == ("bad-line", 17, "loss")


def test_records_that_the_kernel_dropped_are_a_loss() -> None:
    parsed = parsed_from(LOG.replace("exit      4711", "drop     "))
    assert [(one.kind, one.severity) for one in parsed.problems] == [("drops", "loss")]


# ---- call graphs without their first line -------------------------------------------------------


def test_a_call_graph_without_its_first_line_is_read_with_a_warning() -> None:
    text = GRAPH.partition("\n\n")[2]
    parsed = parsed_from(text)
    assert parsed.layout == "pmcstat"
    assert stacks_of(parsed) == stacks_of(parsed_from(GRAPH))
    assert [one.kind for one in parsed.problems] == ["no-heading"]


def test_a_part_of_a_call_graph_states_which_share_it_has() -> None:
    text = GRAPH.partition("\n\n")[2].partition("\n\n")[0] + "\n"
    parsed = parsed_from(text)
    assert sum(stacks_of(parsed).values()) == 12
    (lost,) = parsed.problems
    assert (lost.kind, lost.severity) == ("cut-off", "loss")
    assert "60.00% of its samples" in lost.text


def test_a_call_graph_that_begins_with_callers_loses_them() -> None:
    text = GRAPH.partition("lock_delay @ /boot/kernel/kernel\n")[2]
    parsed = parsed_from(text)
    assert sum(stacks_of(parsed).values()) == 8
    assert [one.kind for one in parsed.problems if one.severity == "loss"].count("bad-line") == 4


def test_the_graph_above_the_first_line_is_an_event_of_its_own() -> None:
    parsed = parsed_from(GRAPH.partition("\n\n")[2] + GRAPH)
    names = {key.name for profile in parsed.profiles.values() for key, _, _ in profile}
    assert names == {"[unknown event]", "cpu_clk_unhalted.thread_p"}
