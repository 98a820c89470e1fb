"""The data in an HTML page: they read back as they were; damage is an `InputError`."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from helpers.strategies import any_text as texts
from helpers.strategies import json_values
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Key, Profile, Weight
from pvprof.model.stacks import Stack, clean_frame, stack_of
from pvprof.model.wakeup_sums import WaitSplit, WakeupKey
from pvprof.recording.manifest import Manifest
from pvprof.recording.snapshot import ModeData, Snapshot, decode, encode

keys = st.tuples(texts, texts, texts, texts, texts).map(lambda parts: Key(*parts))
stacks = st.lists(texts.map(clean_frame), max_size=5).map(stack_of)
weights = st.builds(Weight, st.integers(0, 1 << 70), st.integers(0, 1 << 40), st.integers(0, 9))
groups = st.dictionaries(keys, st.dictionaries(stacks, weights, min_size=1, max_size=4), max_size=4)
units = st.sampled_from(["ns", "samples", "events"])
profiles = st.lists(
    st.builds(Profile, units, st.booleans(), groups),
    max_size=3,
    unique_by=lambda profile: profile.unit,
)
buckets = st.lists(st.tuples(st.integers(-9, 1 << 60), st.integers(0, 99)), max_size=4)
problems = st.builds(
    Problem,
    texts,
    texts,
    texts,
    st.integers(0, 99),
    st.integers(1, 99),
    st.sampled_from(["note", "warning", "loss"]),
)
manifests = st.dictionaries(texts, json_values, max_size=3).map(Manifest.from_json)
modes = st.builds(
    ModeData,
    texts,
    st.integers(0, 99),
    profiles.map(tuple),
    st.lists(st.builds(Histogram, keys, buckets.map(tuple), stack=stacks), max_size=3).map(tuple),
)
snapshots = st.builds(
    Snapshot,
    st.lists(st.tuples(texts, manifests), max_size=3).map(tuple),
    st.integers(0, 1 << 40),
    st.lists(modes, max_size=2, unique_by=lambda data: data.mode).map(tuple),
    st.lists(problems, max_size=3).map(tuple),
)
_WAKER = WakeupKey(Key("sleepq", "vmpfw", "sh"), Stack("a;b"), "cc", Stack("c"))
SMALL = Snapshot(
    (("run1", Manifest.from_json({"host": "h", "mode": "events"})),),
    2,
    (
        ModeData(
            "events",
            1,
            (Profile("ns", True, {Key("sleepq", "vmpfw", "sh"): {Stack("a;b"): Weight(7, 2, 2)}}),),
            (Histogram(Key("", "x"), ((1, 2), (2, 0))),),
            {_WAKER: WaitSplit(3, 4, 2)},
        ),
    ),
    (Problem("drops", "lost", "run1", 3, 4, "loss"),),
)


@pytest.mark.slow
@given(snapshots, st.data())
def test_a_snapshot_reads_back_as_it_was(snapshot: Snapshot, data: st.DataObject) -> None:
    has_endings = data.draw(st.booleans())
    if snapshot.modes and has_endings:
        first, *others = snapshot.modes
        endings = {
            WakeupKey(key, stack, data.draw(texts), data.draw(stacks)): WaitSplit(
                weight.value // 3, weight.value // 2, weight.count
            )
            for profile in first.profiles
            if profile.unit == "ns"
            for key, stack, weight in profile
        }
        snapshot = replace(snapshot, modes=(replace(first, endings=endings), *others))
    assert decode(encode(snapshot).encode("ascii")) == snapshot


def document() -> Any:
    return json.loads(gzip.decompress(base64.b64decode(encode(SMALL))))


def packed(value: Any) -> bytes:
    return base64.b64encode(gzip.compress(json.dumps(value).encode()))


def test_the_first_schema_is_read_with_the_mode_of_its_recordings() -> None:
    whole = document()
    (only,) = whole.pop("modes")
    del only["mode"], only["recordings"]
    assert decode(packed({**whole, **only, "schema": 1})) == SMALL


def test_a_stack_that_pvprof_did_not_write_is_cleaned() -> None:
    value = document()
    del value["modes"][0]["endings"]
    value["modes"][0]["profiles"][0]["groups"][0]["stacks"] = ["a\x00;;\tb\n"]
    (profile,) = decode(packed(value)).modes[0].profiles
    assert list(profile.groups[Key("sleepq", "vmpfw", "sh")]) == ["a\\x00;-;\\x09b\\x0a"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 3),
        (["schema"], True),
        (["modes"], None),
        (["modes", 0, "mode"], 7),
        (["modes", 0, "recordings"], "1"),
        (["recordings"], None),
        (["recordings", 0], "run1"),
        (["recordings", 0, "name"], 7),
        (["recordings", 0, "manifest"], []),
        (["records"], "2"),
        (["records"], True),
        (["modes", 0, "profiles"], {}),
        (["modes", 0, "profiles", 0, "unit"], "apples"),
        (["modes", 0, "profiles", 0, "unit"], ["ns"]),
        (["modes", 0, "profiles", 0, "has_counts"], 1),
        (["modes", 0, "profiles", 0, "groups"], None),
        (["modes", 0, "profiles", 0, "groups", 0, "key"], ["one", "two"]),
        (["modes", 0, "profiles", 0, "groups", 0, "key"], [1, 2, 3, 4, 5]),
        (["modes", 0, "profiles", 0, "groups", 0, "stacks"], "a;b"),
        (["modes", 0, "profiles", 0, "groups", 0, "stacks"], [1]),
        (["modes", 0, "profiles", 0, "groups", 0, "values"], []),
        (["modes", 0, "profiles", 0, "groups", 0, "values"], [-1]),
        (["modes", 0, "profiles", 0, "groups", 0, "counts"], [1.5]),
        (["modes", 0, "profiles", 0, "groups", 0, "records"], ["1"]),
        (["modes", 0, "profiles", 0, "groups", 0, "values"], [1 << 300]),
        (["modes", 0, "histograms", 0, "buckets", 0], [1]),
        (["modes", 0, "histograms", 0, "buckets", 0, 1], None),
        (["problems", 0], ["drops"]),
        (["problems", 0, 5], "fatal"),
        (["modes", 0, "endings"], None),
        (["modes", 0, "endings", "keys", 0], ["x"]),
        (["modes", 0, "endings", "execnames"], [1]),
        (["modes", 0, "endings", "rows", 0], [0, 0, 0]),
        (["modes", 0, "endings", "rows", 0, 0], 1),
        (["modes", 0, "endings", "rows", 0, 3], 2),
        (["modes", 0, "endings", "rows", 0, 4], 5),
        (["modes", 0, "endings", "rows", 0, 6], 3),
        (["modes", 0, "endings", "rows", 0, 6], -1),
    ],
)
def test_a_value_of_another_type_is_an_error_with_its_path(path: list[Any], value: Any) -> None:
    whole = document()
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(InputError, match=path[0]):
        decode(packed(whole))


@pytest.mark.parametrize("name", ["schema", "recordings", "modes", "problems"])
def test_a_missing_part_is_an_error_with_its_name(name: str) -> None:
    whole = document()
    del whole[name]
    with pytest.raises(InputError, match=name):
        decode(packed(whole))


def test_a_unit_or_a_mode_that_comes_twice_is_an_error() -> None:
    whole = document()
    whole["modes"][0]["profiles"] *= 2
    with pytest.raises(InputError, match="a unit comes twice"):
        decode(packed(whole))
    whole = document()
    whole["modes"] *= 2
    with pytest.raises(InputError, match="a mode comes twice"):
        decode(packed(whole))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_input_error(text: bytes) -> None:
    with pytest.raises(InputError):
        decode(text)


@given(st.data())
def test_a_damaged_byte_gives_an_input_error_or_a_snapshot(data: st.DataObject) -> None:
    text = bytearray(encode(SMALL).encode("ascii"))
    index = data.draw(st.integers(0, len(text) - 1))
    text[index] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(text))
    except InputError:
        return


@given(json_values)
def test_any_other_json_is_an_input_error(value: Any) -> None:
    with pytest.raises(InputError):
        decode(packed(value))
