"""Two sides compared: the laws that hold for any recordings, and the caveats before it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from conftest import RECORDINGS, SYMBOLS
from helpers.two_sides import KERNEL, Waits, manifest, noisy, raw, records_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.caveats import unnamed_addresses
from pvprof.analysis.compare.code_changes import differential_rows, scale_of
from pvprof.analysis.compare.compare import CompareOptions, Comparison, compare
from pvprof.analysis.compare.measures import CLASS, FUNCTION, KIND, LOCK, MEASURES, RowChange
from pvprof.analysis.report import build_report
from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.load import combine, load_dataset
from pvprof.dataset.load_sides import read_sides
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.errors import InputError, UsageError
from pvprof.model.stacks import Stack
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.parse.text.symbols import load_symbols
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, Verdict
from pvprof.stats.runs.manifests import run_from_manifest

RULES = load_rules(None)
READ = ReadOptions(jobs=1)


def run_of(waits: Waits, number: int, label: str = "", **facts: Any) -> RecordedRun:
    """Make a run as reading a recording makes one."""
    known = Manifest.from_json(manifest(number, label, **facts))
    output = raw(records_of(waits), number, mode=known.mode)
    recording = Recording(f"r{number}", f"r{number}", output, manifest=known)
    parsed = read_recording(recording, READ)
    times = run_from_manifest(known).values
    duration = parsed.duration_ns
    return RecordedRun(
        recording.name, combine([(recording, parsed)]), known, times, duration, digest=f"{number}"
    )


def side_of(runs: Sequence[Waits], label: str, first: int = 1, **facts: Any) -> Side:
    return Side(
        label,
        tuple(run_of(waits, number, label, **facts) for number, waits in enumerate(runs, first)),
    )


def compared(base: Side, new: Side, options: CompareOptions | None = None) -> Comparison:
    return compare(base, new, RULES, Filters(), options)


def every_comparison(changes: Comparison) -> list[SeriesComparison]:
    rows = [row for section in changes.sections for row in section.rows]
    measured = [one.comparison for row in rows for one in row.measures if one.comparison]
    return [*changes.times, *measured]


def row(changes: Comparison, name: str, level: str = LOCK) -> RowChange:
    (section,) = changes.sections
    return next(one for one in section.level(level) if one.name == name)


def kinds_of(changes: Comparison) -> list[str]:
    return [one.kind for one in changes.caveats]


VALUES = st.integers(0, 10**12)
WAITS = st.dictionaries(
    st.sampled_from(["vm object", "pmap pv list", "tmpfs", "some lock"]),
    st.tuples(VALUES, st.integers(1, 1000)),
    min_size=1,
)
RUNS = st.lists(WAITS, min_size=1, max_size=4)


@pytest.mark.slow
@given(RUNS)
def test_a_side_does_not_differ_from_itself(runs: list[Waits]) -> None:
    side = side_of(runs, "stock")
    changes = compared(side, side)
    assert all(not one.is_different and one.difference == 0 for one in every_comparison(changes))
    (section,) = changes.sections
    paths = section.paths
    assert (paths.changed, paths.appeared, paths.vanished) == ((), (), ())
    assert "same-recording" in kinds_of(changes)


@pytest.mark.slow
@given(RUNS, RUNS)
def test_exchanging_the_sides_changes_each_sign(one: list[Waits], other: list[Waits]) -> None:
    base, new = side_of(one, "stock"), side_of(other, "patched", 101)
    there, back = compared(base, new), compared(new, base)
    mirrored = {Verdict.LESS: Verdict.MORE, Verdict.MORE: Verdict.LESS}
    opposite = {"appeared": "vanished", "vanished": "appeared", "both": "both"}

    def rows(changes: Comparison) -> dict[tuple[str, ...], RowChange]:
        (section,) = changes.sections
        return {(r.level, r.kind, r.lock_class, r.name): r for r in section.rows}

    for name, found in rows(there).items():
        reverse = rows(back)[name]
        assert reverse.presence == opposite[found.presence]
        for a, b in zip(found.measures, reverse.measures, strict=True):
            assert (a.base, a.new) == (b.new, b.base)
            if a.comparison is None or b.comparison is None:
                assert a.comparison is b.comparison
                continue
            assert a.comparison.difference == -b.comparison.difference
            expected = mirrored.get(a.comparison.verdict, a.comparison.verdict)
            assert b.comparison.verdict is expected
    for a_time, b_time in zip(there.times, back.times, strict=True):
        assert a_time.difference == -b_time.difference
    (a_section,), (b_section,) = there.sections, back.sections
    assert [(t.frames, t.difference) for t in a_section.paths.changed] == [
        (t.frames, -t.difference) for t in b_section.paths.changed
    ]
    assert [t.frames for t in a_section.paths.appeared] == [
        t.frames for t in b_section.paths.vanished
    ]


@pytest.mark.slow
@given(st.lists(WAITS, min_size=2, max_size=5), RUNS, st.randoms(use_true_random=False))
def test_the_order_of_the_runs_has_no_effect(
    one: list[Waits], other: list[Waits], chance: random.Random
) -> None:
    base, new = side_of(one, "stock"), side_of(other, "patched", 101)
    shuffled = list(base.runs)
    chance.shuffle(shuffled)
    first, second = compared(base, new), compared(replace(base, runs=tuple(shuffled)), new)
    assert first == second


@given(WAITS, WAITS)
def test_one_run_per_side_gives_no_verdict(one: Waits, other: Waits) -> None:
    changes = compared(side_of([one], "stock"), side_of([other], "patched", 101))
    found = every_comparison(changes)
    assert found
    assert {comparison.verdict for comparison in found} == {Verdict.NONE}
    assert "few-runs" in kinds_of(changes)


@pytest.mark.slow
@given(RUNS, RUNS)
def test_rows_of_each_level_add_up_to_the_report_of_the_same_recordings(
    one: list[Waits], other: list[Waits]
) -> None:
    base, new = side_of(one, "stock"), side_of(other, "patched", 101)
    (section,) = compared(base, new).sections
    for place, side in enumerate((base, new)):
        kept = sum(
            part.kept.value
            for run in side.runs
            for part in build_report(Classified.of(run.dataset, RULES, Filters())).sections
        )
        for level in (KIND, LOCK):
            values = [(r.main.base, r.main.new)[place] for r in section.level(level)]
            assert sum(v or 0 for some in values for v in some) == kept
        assert (section.base_folded, section.new_folded)[place].total == kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "symbols"),
    [("stock-offcpu.out", True), ("build-lockstat-provider.out", False), ("events.out.gz", False)],
)
def test_a_real_recording_has_the_rows_of_its_report_to_the_nanosecond(
    name: str, symbols: bool
) -> None:
    options = ReadOptions(symbols=load_symbols((str(SYMBOLS),) if symbols else (), ""))
    places = [str(RECORDINGS / name)]
    base, new = read_sides(places, places, "", options)
    filters = Filters(kinds=(ALL_KINDS,))
    changes = compare(base, new, RULES, filters)
    report = build_report(Classified.of(load_dataset(places, options), RULES, filters))
    for section, part in zip(changes.sections, report.sections, strict=True):
        told = {
            (r.kind, r.base.classes, r.name): {m.name: m.base[0] for m in r.measures}
            for r in section.level(LOCK)
        }
        assert len(told) == len(part.rows) > 0
        for expected in part.rows:
            found = told[expected.kind, (expected.lock_class,), expected.name]
            assert found["wait"] == expected.value
            assert found.get("spin", 0) == expected.spin
            assert found.get("block", expected.value) == expected.value - expected.spin
            assert found.get("count") == expected.count
            quantiles = expected.quantiles
            assert found.get("p99") == (quantiles.p99_ns if quantiles else None)


def test_a_lock_with_30_percent_less_differs_and_a_noisy_one_does_not() -> None:
    wrong = 0
    for seed in range(20):
        base, new = noisy(1, 6, seed), noisy(0.7, 6, seed + 1000)
        changes = compared(side_of(base, "stock"), side_of(new, "patched", 101))
        found = row(changes, "pmap pv list").main.comparison
        assert found is not None
        assert found.verdict is Verdict.LESS
        assert found.percent == pytest.approx(-30, abs=6)
        for name in ("vm object", "tmpfs"):
            null = row(changes, name).main.comparison
            assert null is not None
            wrong += null.is_different
        assert row(changes, "kernel`pmap_enter", FUNCTION).main.comparison == replace(
            found,
            p_adjusted=row(changes, "kernel`pmap_enter", FUNCTION).main.comparison.p_adjusted,  # type: ignore[union-attr]
        )
    assert wrong <= 2


def test_verdicts_of_a_level_are_corrected_together() -> None:
    base = side_of(noisy(1, 6, 5), "stock")
    new = side_of(noisy(0.97, 6, 6), "patched", 101)
    corrected, plain = compared(base, new), compared(base, new, CompareOptions(has_holm=False))
    for level, name in ((LOCK, "pmap pv list"), (CLASS, "pv list"), (KIND, "kernel")):
        one, other = (row(some, name, level).main.comparison for some in (corrected, plain))
        assert one is not None
        assert other is not None
        assert other.p_adjusted is None
        assert one.estimate == other.estimate
        assert one.p_adjusted is not None
        assert one.estimate is not None
        assert one.p_adjusted >= one.estimate.p


def test_a_lock_that_a_run_does_not_name_counts_as_0() -> None:
    base = side_of([{"vm object": (10, 1), "tmpfs": (5, 1)}, {"vm object": (12, 1)}], "stock")
    new = side_of([{"vm object": (11, 1)}], "patched", 101)
    found = row(compared(base, new), "tmpfs")
    assert found.presence == "vanished"
    assert (found.main.base, found.main.new) == ((5, 0), (0,))
    means = next(one for one in found.measures if one.name == "mean")
    assert means.base == (5.0, None)
    assert means.comparison is None


@pytest.mark.slow
@given(st.fractions(Fraction(1, 100), 100), st.fractions(Fraction(1, 100), 100), RUNS)
def test_values_are_per_unit_of_work(one: Fraction, other: Fraction, runs: list[Waits]) -> None:
    base, new = side_of(runs, "stock"), side_of(runs, "patched", 101)
    options = CompareOptions(basis=Basis("work", "build", (one, other)))
    changes = compared(base, new, options)
    for found in changes.sections[0].level(LOCK):
        per_run = row(compared(base, new), found.name).main.comparison
        comparison = found.main.comparison
        assert comparison is not None
        assert per_run is not None
        assert comparison.base.mean == pytest.approx(per_run.base.mean / float(one))
        assert comparison.new.mean == pytest.approx(per_run.new.mean / float(other))
        assert comparison.metric.unit == "ns/build"


def test_values_per_second_are_divided_by_the_length_of_each_run() -> None:
    runs = [{"vm object": (10**9, 5)}] * 3
    base = Side(
        "stock",
        tuple(
            replace(one, duration_ns=seconds * 10**9)
            for one, seconds in zip(side_of(runs, "stock").runs, (1, 2, 4), strict=True)
        ),
    )
    changes = compared(base, side_of(runs, "new", 101), CompareOptions(basis=Basis("second")))
    found = row(changes, "vm object").main.comparison
    assert found is not None
    assert found.base.max == 1e9
    assert found.base.min == 0.25e9
    assert found.new.mean == 1e7
    assert changes.sections[0].amounts == (Fraction(7), Fraction(300))


def test_values_per_second_need_durations() -> None:
    side = side_of([{"vm object": (1, 1)}], "stock")
    unknown = replace(side, runs=(replace(side.runs[0], duration_ns=None),))
    with pytest.raises(UsageError, match="how long it was is not known"):
        compared(unknown, side, CompareOptions(basis=Basis("second")))


def test_values_per_total_are_shares_of_runs_of_equal_total() -> None:
    """A side that waits three times as long for everything does not differ at all."""
    runs = [{"vm object": (100 * n, 5), "tmpfs": (300 * n, 7)} for n in (1, 2, 3)]
    longer = [{"vm object": (300 * n, 5), "tmpfs": (900 * n, 7)} for n in (1, 2, 3)]
    options = CompareOptions(basis=Basis("total"))
    changes = compared(side_of(runs, "stock"), side_of(longer, "new", 101), options)
    mean = Fraction(400 * (1 + 2 + 3) + 1200 * (1 + 2 + 3), 6)
    for name, share in (("vm object", Fraction(1, 4)), ("tmpfs", Fraction(3, 4))):
        found = row(changes, name).main.comparison
        assert found is not None
        assert found.base.mean == found.new.mean == pytest.approx(float(share * mean))
        assert found.base.max == found.base.min
        assert found.metric.unit == "ns/run of equal total"
    base, new = changes.sections[0].amounts
    assert new == 3 * base
    assert base + new == 6


def test_values_per_total_need_a_total() -> None:
    side = side_of([{"vm object": (5, 1)}], "stock")
    nothing = side_of([{"vm object": (0, 1)}], "new", 101)
    with pytest.raises(UsageError, match="r101: its total is 0"):
        compared(side, nothing, CompareOptions(basis=Basis("total")))


@pytest.mark.parametrize("work", [(0, 1), (1, -1)])
def test_an_amount_of_work_of_0_is_an_error(work: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="above 0"):
        Basis("work", "build", (Fraction(work[0]), Fraction(work[1])))


CAVEATS: list[tuple[str, dict[str, Any]]] = [
    ("different-hosts", {"host": "other"}),
    ("different-cpus", {"ncpu": 16}),
    ("different-machines", {"model": "another CPU"}),
    ("different-modes", {"mode": "locks"}),
    ("different-programs", {"program": "offcpu-sdt"}),
    ("different-options", {"options": ["min=1000"]}),
    ("different-scope", {"scope": "system"}),
    ("different-workloads", {"workload": ["make", "-j9"]}),
    ("different-debugging", {"kernel": {**KERNEL, "has_witness": True}}),
    ("failed-workload", {"exit_status": 2}),
]


@pytest.mark.parametrize(("kind", "facts"), CAVEATS, ids=[kind for kind, _ in CAVEATS])
def test_each_difference_besides_the_patch_is_a_caveat(kind: str, facts: dict[str, Any]) -> None:
    runs = [{"vm object": (10**9, 5)}]
    known: dict[str, Any] = {"options": [], "kernel": {**KERNEL, "has_witness": False}}
    base = side_of(runs, "stock", **known)
    assert kind not in kinds_of(compared(base, side_of(runs, "patched", 101, **known)))
    changes = compared(base, side_of(runs, "patched", 101, **(known | facts)))
    found = next(one for one in changes.caveats if one.kind == kind)
    assert found.severity == "warning"


def test_one_kernel_per_side_is_expected_and_noted() -> None:
    runs = [{"vm object": (10**9, 5)}]
    base, new = side_of(runs, "stock"), side_of(runs, "patched", 101)
    found = next(one for one in compared(base, new).caveats if one.kind == "different-kernels")
    assert found.severity == "note"
    mixed = Side("stock", (*base.runs, *side_of(runs, "other", 2).runs))
    assert "several-kernels" in kinds_of(compared(mixed, new))
    assert "same-kernel" in kinds_of(compared(base, side_of(runs, "stock", 101)))


ENTRY, OTHER = "kernel`0xffffffff8068dd38", "kernel`0xffffffff8068ddf8"


@pytest.mark.parametrize(
    ("base", "new", "shares"),
    [
        ({f"{ENTRY};a": 3, "b": 1}, {f"{OTHER};a": 1, "b": 1}, "75.0% of the base and 50.0% of"),
        ({f"cc;{ENTRY};a": 1}, {"cc;kernel`trap;a": 1}, "100.0% of the base and 0.0% of the new"),
        ({f"{ENTRY};a": 3}, {f"{ENTRY};b": 3}, ""),
        # At least 1 % of one side.
        ({f"{ENTRY};a": 10, "b": 990}, {"b": 1000}, "1.0% of the base and 0.0% of the new"),
        ({f"{ENTRY};a": 9, "b": 991}, {f"{OTHER};a": 9, "b": 991}, ""),
        ({"0x325a2f6017b0;a": 1}, {"0x143f17bf7b0;a": 1}, ""),  # code of a user's process
        ({}, {}, ""),
    ],
)
def test_addresses_without_a_name_on_one_side_are_reported_with_their_shares(
    base: dict[str, int], new: dict[str, int], shares: str
) -> None:
    sides = [Folded(tuple((Stack(k), v) for k, v in side.items()), "ns") for side in (base, new)]
    problems = unnamed_addresses(*sides)
    assert len(problems) == bool(shares)
    assert shares in "".join(problem.text for problem in problems)
    assert {problem.severity for problem in problems} <= {"note"}  # a strict comparison goes on


def test_two_kernels_with_unnamed_addresses_get_a_caveat() -> None:
    names = ("lockstat-provider.out", "build-lockstat-provider.out")
    base, new = (
        Side(name, (RecordedRun(name, load_dataset([str(RECORDINGS / name)], READ), digest=name),))
        for name in names
    )
    assert "unnamed-addresses" in kinds_of(compared(base, new))
    assert "unnamed-addresses" not in kinds_of(compared(base, base))


def test_a_recording_with_drops_changes_the_caveats_and_no_verdict() -> None:
    base, new = side_of(noisy(1, 3, 1), "stock"), side_of(noisy(0.7, 3, 2), "patched", 101)
    before = compared(base, new)
    output = raw(records_of({"vm object": (5, 1)}), 9)
    lossy = Recording(
        "lossy",
        "lossy",
        output,
        "dtrace: 13 drops on CPU 5\n",
        manifest=Manifest.from_json({"schema": 1}),
    )
    parsed = read_recording(lossy, READ)
    extra = replace(base.runs[0], dataset=combine([(lossy, parsed)]), name="lossy", digest="x")
    after = compared(replace(base, runs=(*base.runs, extra)), new)
    assert "drops" not in kinds_of(before)
    drops = next(one for one in after.caveats if one.kind == "drops")
    assert (drops.count, drops.severity) == (13, "loss")
    assert after.caveats[0] == drops
    levels = next(one for one in after.caveats if one.kind == "drop-levels")
    assert "stock: 1 of 4 recordings; patched: 0 of 3 recordings" in levels.text


def test_a_shortened_text_keeps_its_end() -> None:
    runs = [{"vm object": (10**9, 5)}]
    word = "-DX=" + "x" * 500
    base = side_of(runs, "stock", workload=["make", word + "1"])
    new = side_of(runs, "patched", 101, workload=["make", word + "2"])
    found = next(one for one in compared(base, new).caveats if one.kind == "different-workloads")
    assert re.search(r"x1 against make .*x2$", found.text)


def test_each_mode_is_compared_with_the_same_mode() -> None:
    runs = [{"vm object": (10**9, 5)}] * 2
    sides = [
        Side(
            name,
            (
                *side_of(runs, name, first).runs,
                *side_of(runs, name, first + 10, mode="locks", program="locks").runs,
            ),
        )
        for name, first in (("stock", 1), ("patched", 101))
    ]
    changes = compared(sides[0], sides[1])
    assert [section.mode for section in changes.sections] == ["locks", "offcpu"]
    assert all(len(section.base_amounts) == 2 for section in changes.sections)
    assert kinds_of(changes) == ["different-kernels", "few-runs"]
    with pytest.raises(UsageError, match="no mode was recorded on both sides"):
        compared(sides[0], side_of(runs, "x", 201, mode="runq"))


def test_a_side_without_runs_is_an_error() -> None:
    side = side_of([{"vm object": (1, 1)}], "stock")
    with pytest.raises(InputError, match="patched: no recordings"):
        compared(side, Side("patched", ()))


def test_different_units_cannot_be_compared() -> None:
    side = side_of([{"vm object": (1, 1)}], "stock")
    sampled = Recording("s", "s", b"a;b 3\n")
    parsed = read_recording(sampled, ReadOptions(layout="folded"))
    new = Side("sampled", (RecordedRun("s", combine([(sampled, parsed)]), digest="s"),))
    with pytest.raises(UsageError, match="measured in different units"):
        compared(side, new)


FOLDED = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(";".join).map(Stack),
    st.integers(1, 10**15),
    max_size=8,
).map(lambda rows: Folded(tuple(rows.items()), "ns"))


@given(FOLDED, FOLDED, st.integers(1, 9), st.integers(1, 9))
def test_both_columns_of_a_differential_file_add_up_to_the_sides(
    base: Folded, new: Folded, one: int, other: int
) -> None:
    amounts = Fraction(one), Fraction(other)
    rows = differential_rows(base, new, amounts)
    assert sum(found for _, found, _ in rows) == round(base.total * Fraction(other, one))
    assert sum(found for _, _, found in rows) == new.total
    assert [stack for stack, _, _ in rows] == sorted({stack for stack, _, _ in rows})
    for stack, found, _ in rows:
        exact = dict(base.rows).get(stack, 0) * Fraction(other, one)
        assert abs(found - exact) <= 1
    if one == other:
        assert {stack: found for stack, found, _ in rows if found} == dict(base.rows)
        assert scale_of("run", amounts) is None


def test_call_paths_appear_vanish_and_change() -> None:
    base = side_of([{"vm object": (1000, 1), "tmpfs": (500, 1)}], "stock")
    new = side_of([{"vm object": (400, 1), "pmap pv list": (300, 1)}], "patched", 101)
    (section,) = compared(base, new).sections
    (gone,), (come,) = section.paths.vanished, section.paths.appeared
    assert (gone.frames[-1], gone.base, gone.new) == ("tmpfs", 500, 0)
    assert gone.shown == ("cc", "kernel`amd64_syscall", "kernel`tmpfs_open", "tmpfs")
    assert (come.frames[-1], come.difference) == ("pmap pv list", 300)
    (changed,) = [one for one in section.paths.changed if one.frames[-1] == "vm object"]
    assert changed.difference == -600


def test_functions_are_inclusive_and_name_no_lock_process_or_machinery() -> None:
    side = side_of([{"vm object": (1000, 1), "pmap pv list": (500, 1)}], "stock")
    (section,) = compared(side, side).sections
    found = {one.name: one.main.base for one in section.level(FUNCTION)}
    assert found == {
        "kernel`trap": (1500,),
        "kernel`vm_fault": (1000,),
        "kernel`pmap_enter": (500,),
    }


def test_measures_are_in_the_order_of_the_tables() -> None:
    side = side_of([{"vm object": (1000, 1)}], "stock")
    names = [one.name for one in row(compared(side, side), "vm object").measures]
    assert names == [name for name in MEASURES if name in names] == ["wait", "count", "mean"]


def test_confidence_and_method_apply_to_each_comparison() -> None:
    base, new = side_of(noisy(1, 4, 1), "stock"), side_of(noisy(1, 4, 2), "patched", 101)
    changes = compared(base, new, CompareOptions(SeriesOptions(confidence=99)))
    assert {one.options.confidence for one in every_comparison(changes)} == {99}


# ---- two operating systems ----------------------------------------------------------------------


def two_systems() -> Comparison:
    freebsd = side_of(noisy(1, 5, seed=1), "freebsd", kernel={"system": "FreeBSD", **KERNEL})
    kernel = {"system": "Linux", "release": "6"}
    linux = Side(
        "linux",
        tuple(
            replace(run, manifest=Manifest.from_json({**run.manifest.raw, "kernel": kernel}))
            for run in side_of(noisy(0.5, 5, seed=2), "linux", 11).runs
        ),
    )
    waits = [
        {**one, "pipelk": (5_000_000, 3), "vm map (user)": (7_000_000, 3)}
        for one in noisy(1, 5, seed=3)
    ]
    return compare(
        side_of(waits, "freebsd", kernel=freebsd.runs[0].manifest.raw["kernel"]),
        linux,
        RULES,
        Filters(),
    )


def test_two_systems_are_compared_by_kinds_and_common_classes_only() -> None:
    changes = two_systems()
    (section,) = changes.sections
    assert {row.level for row in section.rows} == {KIND, CLASS}
    classes = {row.name for row in section.rows if row.level == CLASS}
    assert "vm object" in classes
    assert "vm map" not in classes
    assert (section.paths.changed, section.paths.vanished) == ((), ())


def test_the_system_is_detected_without_a_manifest() -> None:
    freebsd, linux = read_sides(
        [str(RECORDINGS / "events.out.gz")],
        [str(RECORDINGS.parent / "linux/bpftrace/events.pvprof.tar.gz")],
        "",
        READ,
    )
    bare = Side("linux", tuple(replace(run, manifest=Manifest()) for run in linux.runs))
    every = Filters(kinds=(ALL_KINDS,))
    changes = compare(freebsd, bare, RULES, every, CompareOptions(basis=Basis("second")))
    assert "different-systems" in {one.kind for one in changes.caveats}
    (section,) = changes.sections
    assert {row.level for row in section.rows} == {KIND, CLASS}
    assert "proc tree" in {row.name for row in section.rows}


def test_lock_classes_of_one_system_only_are_listed() -> None:
    caveats = {one.kind: one for one in two_systems().caveats}
    assert caveats["different-systems"].text.startswith("FreeBSD against Linux: kinds of waits")
    assert caveats["different-systems"].severity == "warning"
    assert "vm map" in caveats["classes-alone"].text


def test_verdicts_on_two_systems_are_corrected_for_the_rows_that_are_shown() -> None:
    (section,) = two_systems().sections
    row = next(row for row in section.rows if row.name == "pv list (rwlock)" or row.level == KIND)
    assert row.main.comparison is not None
    assert row.main.comparison.verdict in set(Verdict)
