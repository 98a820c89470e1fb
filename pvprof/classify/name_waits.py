"""Name the waits that were recorded without a name, by the rules and their stacks.

Linux has no wait messages. This changes the keys of a `Dataset`, and nothing else of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pvprof.classify.matcher import Matcher
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.profile import Histogram, Key, Profile
from pvprof.model.stacks import NO_STACK, Stack
from pvprof.model.wakeup_sums import WakeupSums, add_wakeup_sums

if TYPE_CHECKING:
    from pvprof.model.waits import WaitTable


def name_waits(dataset: Dataset, rules: Matcher) -> Dataset:
    """Return the dataset with its nameless waits named; the same object if there are none."""
    measurements = tuple(_named(measurement, rules) for measurement in dataset.measurements)
    histograms = tuple(_named_histogram(histogram, rules) for histogram in dataset.histograms)
    pairs = zip(
        (*measurements, *histograms), (*dataset.measurements, *dataset.histograms), strict=True
    )
    if all(new is old for new, old in pairs):
        return dataset
    return replace(dataset, measurements=measurements, histograms=histograms)


def _named_histogram(histogram: Histogram, rules: Matcher) -> Histogram:
    if histogram.stack == NO_STACK or not rules.may_name(histogram.key):
        return histogram
    return replace(histogram, key=_name(histogram.key, histogram.stack, rules))


def _named(measurement: Measurement, rules: Matcher) -> Measurement:
    open_waits = measurement.open_waits
    keys = [*measurement.profile.groups, *(open_waits.groups if open_waits else ())]
    if not any(map(rules.may_name, keys)):
        return measurement
    return replace(
        measurement,
        profile=_named_profile(measurement.profile, rules),
        open_waits=None if open_waits is None else _named_profile(open_waits, rules),
        events=None if measurement.events is None else _named_events(measurement.events, rules),
        wakeup_sums=None
        if measurement.wakeup_sums is None
        else _named_endings(measurement.wakeup_sums, rules),
    )


def _name(key: Key, stack: Stack, rules: Matcher) -> Key:
    return key._replace(name=rules.name_of(key, stack))


def _named_profile(profile: Profile, rules: Matcher) -> Profile:
    named = Profile(profile.unit, profile.has_counts)
    for key, stacks in profile.groups.items():
        if not rules.may_name(key):
            named.add_group(key, dict(stacks))
            continue
        for stack, weight in stacks.items():
            named.add(_name(key, stack, rules), stack, weight)
    return named


def _named_endings(endings: WakeupSums, rules: Matcher) -> WakeupSums:
    named: WakeupSums = {}
    for ending, division in endings.items():
        key = _name(ending.key, ending.stack, rules)
        add_wakeup_sums(named, {ending._replace(key=key): division})
    return named


def _named_events(events: WaitTable, rules: Matcher) -> WaitTable:
    """Return the waits with named keys: a new key for each (key, stack) pair that needs one."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    nameless = np.asarray([rules.may_name(key) for key in events.keys], dtype=np.bool_)
    rows = np.flatnonzero(nameless[events.key_id]) if len(events) else np.empty(0, np.int64)
    pairs, place = np.unique(events.codes(rows), return_inverse=True)
    ids = {key: number for number, key in enumerate(events.keys)}
    found = []
    for pair in pairs.tolist():
        key, stack = divmod(pair, events.code_width)
        named = _name(events.keys[key], events.stacks[stack], rules)
        found.append(ids.setdefault(named, len(ids)))
    key_id = events.key_id.copy()
    key_id[rows] = np.asarray(found, dtype=np.int64)[place]
    return replace(events, keys=tuple(ids), key_id=key_id)
