"""Reads speedscope files and Chrome traces by the rules of the formats alone, not by our readers.

A check fails if the file breaks a rule, or if a viewer would drop a part of it.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pvprof.render.rendered import Rendered


def kinds_of(rendered: Rendered) -> dict[str, int]:
    return {problem.kind: problem.count for problem in rendered.problems}


def check_document(text: str) -> dict[str, Counter[str]]:
    """Return the sums of each profile of a file by its name; fail if the file breaks a rule."""
    document = json.loads(text)
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    names = [frame["name"] for frame in document["shared"]["frames"]]
    assert len(set(names)) == len(names), "a frame is its index: names stand once"
    assert document["profiles"], "the viewer opens no file without a profile"
    assert document["activeProfileIndex"] < len(document["profiles"])
    return {profile["name"]: sums_of(profile, names) for profile in document["profiles"]}


def totals_of(text: str) -> dict[str, Counter[str]]:
    """Return the sums of the profiles of everything; fail if the file opens on another.

    Fail, too, if the profiles of classes do not add up to it.
    """
    sums = check_document(text)
    document = json.loads(text)
    assert document["activeProfileIndex"] == 0
    assert next(iter(sums)).startswith(("all: ", "Nothing: "))
    parts: Counter[str] = Counter()
    wholes: Counter[str] = Counter()
    kinds = [one["type"] for one in document["profiles"]]
    assert kinds == sorted(kinds, key=["sampled", "evented"].index), "timelines come last"
    for profile in document["profiles"]:
        name = profile["name"]
        if name.startswith("all: "):
            wholes += sums[name]
        elif profile["type"] == "sampled":
            parts += sums[name]
    assert all(wholes[stack] >= value for stack, value in parts.items())
    return {name: one for name, one in sums.items() if name.startswith(("all: ", "Nothing: "))}


def timelines_of(text: str) -> dict[str, Counter[str]]:
    """Return the sums of the threads in time."""
    names = {one["name"] for one in json.loads(text)["profiles"] if one["type"] == "evented"}
    return {name: sums for name, sums in check_document(text).items() if name in names}


def sums_of(profile: dict[str, Any], names: list[str]) -> Counter[str]:
    """Return the value of each stack of a profile; fail if the viewer would refuse it.

    Written from the rules of the format alone, not from pvprof's own reader.
    """
    sums: Counter[str] = Counter()
    assert profile["startValue"] == 0
    assert profile["unit"] in ("nanoseconds", "none")
    if profile["type"] == "sampled":
        assert len(profile["samples"]) == len(profile["weights"])
        for sample, weight in zip(profile["samples"], profile["weights"], strict=True):
            assert sample, "a sample without a frame shows nothing"
            assert isinstance(weight, int)
            assert weight > 0
            sums[";".join(names[index] for index in sample)] += weight
        assert profile["endValue"] == sums.total()
        return sums
    assert profile["type"] == "evented"
    open_frames: list[int] = []
    now = 0
    for event in profile["events"]:
        assert event["at"] >= now, "time never goes back"
        if open_frames:
            sums[";".join(names[index] for index in open_frames)] += event["at"] - now
        now = event["at"]
        if event["type"] == "O":
            open_frames.append(event["frame"])
        else:
            assert event["type"] == "C"
            assert open_frames.pop() == event["frame"], "only the top frame is closed"
    assert not open_frames, "nothing is open at the end"
    assert profile["endValue"] >= now
    return +sums  # without stacks that were open for zero time


def check_trace(text: str) -> dict[str, Any]:
    """Return a trace; fail if a viewer would drop a part of it."""
    document: dict[str, Any] = json.loads(text, parse_float=Decimal)
    assert document["displayTimeUnit"] == "ns"
    events = document["traceEvents"]
    tracks: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in events:
        assert event["ph"] in "MXisf"
        if event["ph"] == "X":
            begin = nanoseconds(event["ts"])
            span = (begin, begin + nanoseconds(event["dur"]))
            tracks.setdefault((event["pid"], event["tid"]), []).append(span)
    for spans in tracks.values():
        assert all(begin >= 0 for begin, _ in spans)
        lasting = [(begin, end) for begin, end in spans if begin < end]
        assert all(end <= begin for (_, end), (begin, _) in pairwise(sorted(lasting)))
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    used = {(event["pid"], event["tid"]) for event in events if event["ph"] != "M"}
    assert used == named, "every track has a name, and every name a track"
    processes = Counter(event["pid"] for event in events if event["name"] == "process_name")
    assert processes == Counter({pid for pid, _ in named})
    _check_flows(events, tracks)
    return document


def _check_flows(
    events: list[dict[str, Any]], tracks: dict[tuple[int, int], list[tuple[int, int]]]
) -> None:
    begins = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    instants = [event for event in events if event["ph"] == "i"]
    assert begins.keys() == ends.keys()
    assert len(instants) == len(begins)
    for number, end in ends.items():
        moment = nanoseconds(end["ts"])
        spans = tracks[end["pid"], end["tid"]]
        assert any(begin <= moment <= last for begin, last in spans), "an arrow ends in a wait"
        assert nanoseconds(begins[number]["ts"]) <= moment


def waits_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in document["traceEvents"] if event["ph"] == "X"]


def nanoseconds(value: Decimal) -> int:
    """Return a time of the file in ns; fail if it is not a whole number."""
    scaled = Decimal(value) * 1000
    assert scaled == int(scaled)
    return int(scaled)
