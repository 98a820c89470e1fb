"""What waits are called that were recorded without a name: told from their stacks, by the rules.

Linux has no wait messages. Owns the change of a `Dataset` from nameless keys to named ones; its
weights, stacks and all else stay as they are. The rules say the names (``rules``).
"""

from __future__ import annotations

from dataclasses import replace

from pvprof.classify.rules import Rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.profile import Key, Profile
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable
from pvprof.model.wakeup_sums import WakeupSums, add_wakeup_sums


def name_waits(pool: Dataset, rules: Rules) -> Dataset:
    """Return a pool in which the rules named what had no name; the same where they name none."""
    measurements = tuple(_named(one, rules) for one in pool.measurements)
    if all(new is old for new, old in zip(measurements, pool.measurements, strict=True)):
        return pool
    return replace(pool, measurements=measurements)


def _named(measurement: Measurement, rules: Rules) -> Measurement:
    if not any(map(rules.may_name, measurement.profile.groups)):
        return measurement
    return replace(
        measurement,
        profile=_named_profile(measurement.profile, rules),
        events=None if measurement.events is None else _named_events(measurement.events, rules),
        carried=None if measurement.carried is None else _named_endings(measurement.carried, rules),
    )


def _name(key: Key, stack: Stack, rules: Rules) -> Key:
    return key._replace(name=rules.name_of(key, stack))


def _named_profile(profile: Profile, rules: Rules) -> Profile:
    named = Profile(profile.unit, profile.has_counts)
    for key, stacks in profile.groups.items():
        if not rules.may_name(key):
            named.add_group(key, dict(stacks))
            continue
        for stack, weight in stacks.items():
            named.add(_name(key, stack, rules), stack, weight)
    return named


def _named_endings(endings: WakeupSums, rules: Rules) -> WakeupSums:
    named: WakeupSums = {}
    for ending, division in endings.items():
        key = _name(ending.key, ending.stack, rules)
        add_wakeup_sums(named, {ending._replace(key=key): division})
    return named


def _named_events(events: WaitTable, rules: Rules) -> WaitTable:
    """Return the events with keys that have names: one for each key and stack that needs it."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    nameless = np.asarray([rules.may_name(key) for key in events.keys], dtype=np.bool_)
    rows = np.flatnonzero(nameless[events.key_id]) if len(events) else np.empty(0, np.int64)
    pairs, place = np.unique(
        events.key_id[rows] * len(events.stacks) + events.stack_id[rows], return_inverse=True
    )
    ids = {key: number for number, key in enumerate(events.keys)}
    found = []
    for pair in pairs.tolist():
        key, stack = divmod(pair, len(events.stacks))
        named = _name(events.keys[key], events.stacks[stack], rules)
        found.append(ids.setdefault(named, len(ids)))
    key_id = events.key_id.copy()
    key_id[rows] = np.asarray(found, dtype=np.int64)[place]
    return replace(events, keys=tuple(ids), key_id=key_id)
