"""Which lock objects bear a name: against counting by hand."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from conftest import RECORDINGS
from helpers.single_waits import RULES, Wait, events_of, parts_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.report import build_report
from pvprof.analysis.waits.objects import Objects, address_ranges, gini, objects_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.dataset.load import load_dataset
from pvprof.parse.read import ReadOptions
from pvprof.views.tables.waits import objects_words

ADDRESSES = (0, 0xFFFFF80000001000, 0xFFFFF80000001040, 0xFFFFFE0000000000, 7)
waits = st.tuples(
    st.integers(0, 50),
    st.integers(0, 1000),
    st.sampled_from(("vm object", "pmap pv list")),
    st.sampled_from(ADDRESSES),
).map(lambda row: Wait(*row[:3], address=row[3]))


def found_in(some: list[Wait], most: int = 3) -> dict[str, Objects]:
    events = events_of(some)
    return {name: one for (_, _, name), one in objects_of(events, parts_of(events), most).items()}


@given(st.lists(waits, min_size=1, max_size=30))
def test_objects_equal_a_sum_by_hand(some: list[Wait]) -> None:
    found = found_in(some)
    for name in {one.name for one in some}:
        by_address: dict[int, list[int]] = defaultdict(list)
        for one in some:
            if one.name == name:
                by_address[one.address].append(one.wait)
        unknown = by_address.pop(0, [])
        if not by_address:
            assert name not in found
            continue
        objects = found[name]
        assert objects.number == len(by_address)
        assert (objects.unknown_ns, objects.unknown_count) == (sum(unknown), len(unknown))
        assert objects.wait_ns == sum(map(sum, by_address.values()))
        assert objects.count == sum(map(len, by_address.values()))
        longest = sorted(by_address, key=lambda address: (-sum(by_address[address]), address))
        assert [(one.address, one.wait_ns, one.count) for one in objects.hottest] == [
            (address, sum(by_address[address]), len(by_address[address])) for address in longest[:3]
        ]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_gini_is_half_the_relative_mean_difference(values: list[int]) -> None:
    total, size = sum(values), len(values)
    if not total:
        assert gini(values) is None
        return
    differences = sum(abs(one - other) for one, other in product(values, values))
    assert gini(values) == Fraction(differences, 2 * size * total)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 5, 5, 5], Fraction(0)), ([0, 0, 0, 8], Fraction(3, 4)), ([7], Fraction(0))],
)
def test_gini_of(values: list[int], expected: Fraction) -> None:
    assert gini(values) == expected


def test_neighbours_are_one_range_with_the_step_of_the_array() -> None:
    base = 0xFFFFF80000001000
    addresses = np.asarray([base, base + 128, base + 192, base + (1 << 30)], np.uint64)
    near, far = address_ranges(addresses, [1, 2, 3, 4])
    assert (near.first, near.last, near.objects, near.step, near.wait_ns) == (
        base,
        base + 192,
        3,
        64,
        6,
    )
    assert (far.first, far.last, far.objects, far.step, far.wait_ns) == (
        base + (1 << 30),
        base + (1 << 30),
        1,
        0,
        4,
    )


def test_objects_of_sleep_queues_are_channels() -> None:
    sleeps = [
        Wait(0, 9, "vmpfw", address=5, event="sleepq"),
        Wait(0, 1, "vmpfw", address=6, event="sleepq"),
    ]
    assert objects_words(found_in(sleeps)["vmpfw"]) == "2 channels, hottest 90.0%"
    assert objects_words(found_in([Wait(0, 9, address=5)])["vm object"]) == "1 object"
    assert objects_words(None) == "-"


def test_pv_lists_of_a_real_kernel_are_an_array_of_64_byte_locks() -> None:
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    (section,) = build_report(Classified.of(pool, RULES, Filters())).sections
    assert section.single_waits is not None
    (row,) = [row for row in section.rows if row.name == "pmap pv list"]
    objects = section.single_waits.objects[row.id]
    assert objects_words(objects) == "4 objects, hottest 62.8%"
    assert (objects.wait_ns, objects.unknown_count) == (row.value, 0)
    (array,) = objects.ranges
    assert array.step == 64
