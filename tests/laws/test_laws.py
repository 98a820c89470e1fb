"""Laws that hold for every input, on inputs that hypothesis makes."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.readings import read_or_refuse
from helpers.strategies import examples, rows, stacks
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.report import build_report
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters, classify, select
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack, clean_frame, frames_of, stack_of
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult
from pvprof.render.text.folded import render as render_folded

RULES = load_rules()

names = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=12)
values = st.integers(1, 1 << 50)
records = st.lists(st.tuples(stacks, values), min_size=1, max_size=12)


def classic(some: list[tuple[list[str], int]]) -> bytes:
    """Return the text that dtrace prints for records (stacks root first)."""
    lines = []
    for stack, value in some:
        lines += ["", *(" " * 14 + f"{frame}+0x1f" for frame in reversed(stack)), f"{value:>17}"]
    return "\n".join(lines).encode() + b"\n"


def totals(parsed: ParseResult) -> Counter[Stack]:
    found: Counter[Stack] = Counter()
    for profile in parsed.profiles.values():
        for _, stack, weight in profile:
            found[stack] += weight.value
    return found


def profile_of(some: list[tuple[Key, Stack, Weight]]) -> Profile:
    profile = Profile("ns", True)
    for key, stack, weight in some:
        profile.add(key, stack, weight)
    return profile


def pool_of(profile: Profile) -> Dataset:
    return Dataset(("law",), (Measurement(profile, None),), (), (), ())


@given(records)
def test_parsing_keeps_every_stack_and_its_weight(some: list[tuple[list[str], int]]) -> None:
    wanted: Counter[Stack] = Counter()
    for stack, value in some:
        wanted[stack_of(stack)] += value
    assert totals(read(classic(some), "law", ReadOptions())) == wanted


@given(records, st.randoms(use_true_random=False))
def test_the_order_of_records_is_irrelevant(some: list[tuple[list[str], int]], rng) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(some)
    rng.shuffle(shuffled)
    first = totals(read(classic(some), "law", ReadOptions()))
    assert totals(read(classic(shuffled), "law", ReadOptions())) == first


@given(records, records)
def test_two_concatenated_texts_weigh_as_much_as_both(
    first: list[tuple[list[str], int]], second: list[tuple[list[str], int]]
) -> None:
    apart = totals(read(classic(first), "a", ReadOptions()))
    apart.update(totals(read(classic(second), "b", ReadOptions())))
    assert totals(read(classic(first) + classic(second), "ab", ReadOptions())) == apart


@given(rows, st.sampled_from(["leaf", "root", "none"]), st.booleans(), st.booleans())
def test_folding_keeps_the_weight(
    some: list[tuple[Key, Stack, Weight]], by: str, execname: bool, counts: bool
) -> None:
    profile = profile_of(some)
    folded = fold(profile.groups.items(), "ns", FoldOptions(by, execname, counts))  # type: ignore[arg-type]
    assert folded.total == sum(w.count if counts else w.value for _, _, w in profile)
    assert len({stack for stack, _ in folded.rows}) == len(folded.rows)


@given(rows)
def test_folding_folded_stacks_changes_nothing(some: list[tuple[Key, Stack, Weight]]) -> None:
    profile = profile_of(some)
    text = render_folded(fold(profile.groups.items(), "ns", FoldOptions())).text
    if not text:
        return
    again = read(text.encode(), "law", ReadOptions(layout="folded", unit="ns"))
    (known,) = again.profiles.values()
    assert render_folded(fold(known.groups.items(), "ns", FoldOptions())).text == text


@given(rows)
def test_classifying_keeps_every_weight(some: list[tuple[Key, Stack, Weight]]) -> None:
    profile = profile_of(some)
    back = Profile("ns", True)
    for part in classify(profile, RULES):
        for stack, weight in part.stacks.items():
            back.add(part.key, stack, weight)
    assert back.groups == profile.groups


@pytest.mark.slow
@given(rows, st.sampled_from([(), (ALL_KINDS,), ("kernel",), ("io", "user")]))
def test_kept_and_set_aside_add_up_to_the_total(
    some: list[tuple[Key, Stack, Weight]], kinds: tuple[str, ...]
) -> None:
    profile = profile_of(some)
    selection = select(classify(profile, RULES), RULES, Filters(kinds))
    total = selection.weight
    for aside in selection.set_aside:
        total = total.plus(aside.weight)
    assert total.value == profile.total
    assert total.records == sum(weight.records for _, _, weight in profile)


@given(rows)
def test_the_rows_of_a_report_add_up_to_its_totals(some: list[tuple[Key, Stack, Weight]]) -> None:
    report = build_report(Classified.of(pool_of(profile_of(some)), RULES, Filters()))
    for section in report.sections:
        assert sum(row.value for row in section.rows) == section.kept.value
        assert sum(row.value for row in section.aside_rows) + section.kept.value == (
            section.total.value
        )
        for row in section.rows:
            assert 0 <= row.spin <= row.value
            assert sum(value for _, value in row.callers) == row.value


@given(names)
def test_a_clean_frame_is_clean_and_stays_as_it_is(name: str) -> None:
    frame = clean_frame(name)
    assert frame
    assert clean_frame(frame) == frame
    assert frames_of(stack_of([frame, frame])) == [frame, frame]
    assert frame.encode("utf-8", "strict")


dtrace_words = st.sampled_from(
    [
        *("kernel`a+0x1", "              kernel`b", "0xffffffff8068e64b", "17", "      17", "3 4"),
        *(
            "-3",
            "turnstile|vm object",
            "-> sh",
            "user sh",
            "-",
            "",
            "",
            "sh",
            "E 1 2 3 4 5 sh s f 0 x",
        ),
        *("B 1 2", "Z 3 4", "W 1 2 3 4 sh", "CPU     ID                    FUNCTION:NAME"),
        *("  0  28241   :tick-8s ", "dtrace: 3 drops on CPU 1", "a;b;c 5", "a;b 3 4", "tick 5"),
        *("  value  ------------- Distribution ------------- count", "  16 |@@@  4", "T rw|x 3"),
        *("9223372036854775807", "E 1 -2 3 4 5 sh t zz 0 x", "\xff\x00", "END", "a 1.5"),
    ]
)


@examples(3)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(dtrace_words, max_size=25).map(lambda words: "\n".join(words).encode("latin-1")),
    ),
    st.sampled_from(["", *LAYOUTS]),
)
def test_any_bytes_give_records_or_problems_or_one_clear_error(data: bytes, layout: str) -> None:
    parsed = read_or_refuse(data, layout)
    if parsed is None:
        return
    for profile in parsed.profiles.values():
        for _, stack, _ in profile:
            assert stack
            assert all(clean_frame(frame) == frame for frame in frames_of(stack))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [2, 4])
@examples(0.2)
@given(records)
def test_the_number_of_processes_is_irrelevant(
    jobs: int, some: list[tuple[list[str], int]]
) -> None:
    options = ReadOptions(jobs=jobs, piece_bytes=60, min_share_bytes=40)
    many = totals(read(classic(some), "law", options))
    assert many == totals(read(classic(some), "law", ReadOptions(jobs=1)))
