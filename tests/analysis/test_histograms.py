"""Histograms of waits: counted again by hand, and as dtrace's quantize would have it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from conftest import RECORDINGS
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.histograms import ALL, Bucket, distributions
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.load import load_dataset
from pvprof.model.profile import Histogram, Key
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable
from pvprof.parse.read import ReadOptions

RULES = load_rules()


def events_of(waits: list[int]) -> Dataset:
    size = len(waits)
    zeros = np.zeros(size, np.int64)
    events = WaitTable(
        start_ns=zeros,
        wait_ns=np.asarray(waits, np.int64),
        pid=zeros,
        tid=zeros,
        cpu=zeros,
        owner_tid=zeros,
        object_address=np.zeros(size, np.uint64),
        key_id=zeros,
        stack_id=zeros,
        keys=(Key("turnstile", "vm object"),),
        stacks=(Stack("kernel`a"),),
    )
    return Dataset(("made",), (Measurement(events.profile(), events),), (), (), ())


@given(st.lists(st.integers(0, (1 << 63) - 1), min_size=1, max_size=30))
def test_each_wait_is_within_the_bounds_of_its_bucket(waits: list[int]) -> None:
    whole, lock = distributions(Classified.of(events_of(waits), RULES, Filters()))
    assert (whole.name, lock.name) == (ALL, "vm object")
    assert whole.buckets == lock.buckets
    assert lock.count == len(waits)
    for bucket in lock.buckets:
        inside = [
            wait
            for wait in waits
            if bucket.low_ns <= wait and (bucket.high_ns is None or wait < bucket.high_ns)
        ]
        assert len(inside) == bucket.count
    assert lock.buckets[0].count
    assert lock.buckets[-1].count


@pytest.mark.parametrize(
    ("wait", "low", "high"),
    [(0, 0, 1), (1, 1, 2), (2, 2, 4), (4095, 2048, 4096), (4096, 4096, 8192)],
)
def test_bounds_equal_those_of_quantize(wait: int, low: int, high: int) -> None:
    whole, _ = distributions(Classified.of(events_of([wait]), RULES, Filters()))
    assert whole.buckets == (Bucket(low, high, 1),)


def test_counts_of_real_waits_equal_those_of_the_table() -> None:
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    found = distributions(Classified.of(pool, RULES, Filters(kinds=(ALL_KINDS,))))
    (measurement,) = [one for one in pool.measurements if one.events is not None]
    counts: Counter[str] = Counter()
    for key, _, weight in measurement.profile:
        counts[key.name] += weight.count
    assert {one.name: one.count for one in found if one.name != ALL} == counts
    assert sum(one.count for one in found if one.name == ALL) == sum(counts.values())


def test_buckets_of_dtrace_keep_their_bounds() -> None:
    body = Histogram(Key("rw-spin", "vm object"), ((512, 0), (1024, 3), (2048, 0), (4096, 1)))
    open_body = Histogram(Key("rw-block", "vm object"), ((0, 2), (100, 5)))
    pool = Dataset(("made",), (), (body, open_body), (), ())
    spin, block = sorted(
        distributions(Classified.of(pool, RULES, Filters())), key=lambda one: one.count
    )
    assert spin.buckets == (Bucket(1024, 2048, 3), Bucket(2048, 4096, 0), Bucket(4096, None, 1))
    assert block.buckets == (Bucket(0, 100, 2), Bucket(100, None, 5))


def test_waits_that_filters_set_aside_are_not_counted() -> None:
    pool = load_dataset([str(RECORDINGS / "events.out.gz")], ReadOptions())
    kinds = {one.kind for one in distributions(Classified.of(pool, RULES, Filters()))}
    assert kinds == {"kernel"}


def test_a_histogram_without_counts_has_no_buckets() -> None:
    pool = Dataset(("made",), (), (Histogram(Key("", "vmpfw"), ((1, 0),)),), (), ())
    (empty,) = distributions(Classified.of(pool, RULES, Filters(kinds=(ALL_KINDS,))))
    assert empty.buckets == ()
