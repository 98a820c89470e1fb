"""Wait tables as profiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from conftest import read_recording_bytes

from pvprof.parse.read import ReadOptions, read


def test_events_add_up_to_their_profile_and_to_both_halves() -> None:
    events = read(read_recording_bytes("events.out.gz"), "events", ReadOptions()).events
    assert events is not None
    assert events.profile().total == int(events.wait_ns.sum())
    twice = events.plus(events)
    assert len(twice) == 2 * len(events)
    assert twice.keys == events.keys
    assert twice.profile().total == 2 * events.profile().total


def test_sums_of_events_are_exact_beyond_64_bits() -> None:
    events = read(read_recording_bytes("events.out.gz"), "events", ReadOptions()).events
    assert events is not None
    long = replace(events, wait_ns=np.full(len(events), (1 << 62) + 1, dtype=np.int64))
    assert long.profile().total == len(events) * ((1 << 62) + 1)
