"""Open and read recordings, and add them up into a `Dataset`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from pvprof.collect.modes import MODES
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.memory import bound_memory
from pvprof.dataset.read_named import read_named
from pvprof.model.profile import Histogram, LockHold, Profile
from pvprof.model.runs import RunSpan
from pvprof.parse.read import ReadOptions
from pvprof.parse.result import ParseResult
from pvprof.recording.directory import expand
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest
from pvprof.recording.open import open_recording
from pvprof.recording.provenance import duration_words, provenance_rows
from pvprof.units import unit_order

_Input = tuple[Recording, ParseResult]
"""An opened recording, and what was read from it, or, of an HTML report, a part of that."""


def load_dataset(paths: Sequence[str], options: ReadOptions) -> Dataset:
    """Return the dataset of these recordings.

    Raises:
        InputError: one of them cannot be read.
    """
    opened = open_recordings(paths, options)
    return combine([read_named(recording, options) for recording in opened])


def open_recordings(paths: Sequence[str], options: ReadOptions) -> list[Recording]:
    """Return the recordings that these paths stand for, opened and not yet read.

    Raises:
        InputError: one of them cannot be opened.
    """
    opened = [open_recording(path, options.limits) for path in expand(paths)]
    if options.is_memory_bounded:
        bound_memory(opened, options.limits)
    return opened


def combine(inputs: Sequence[tuple[Recording, ParseResult]]) -> Dataset:
    """Return the dataset of recordings that were read.

    Each unit is a measurement of its own: a sum of waits and samples would mean nothing. So is each
    mode: several modes measure the same waits, and a sum would have them once for each mode.
    """
    by_mode: dict[str, list[_Input]] = {}
    for recording, parsed in inputs:
        for part in (parsed, *parsed.further):
            by_mode.setdefault(mode_of(part), []).append((recording, part))
    measurements: list[Measurement] = []
    histograms: list[Histogram] = []
    holds: list[LockHold] = []
    for mode in sorted(by_mode, key=_mode_order):
        measurements += _measurements(mode, by_mode[mode])
        parts = [part for _, part in by_mode[mode]]
        histograms += [replace(one, mode=mode) for part in parts for one in part.histograms]
        holds += [replace(one, mode=mode) for part in parts for one in part.holds]
    recordings = list(chain.from_iterable(_recordings(*pair) for pair in inputs))
    return Dataset(
        names=tuple(name for name, _ in recordings),
        measurements=tuple(sorted(measurements, key=lambda one: unit_order(one.unit))),
        histograms=tuple(histograms),
        holds=tuple(holds),
        problems=tuple(problem for _, parsed in inputs for problem in parsed.problems),
        provenance=_provenance(recordings, [parsed for _, parsed in inputs]),
        manifests=tuple(manifest for _, manifest in recordings),
        records=sum(parsed.records for _, parsed in inputs),
        durations_ns=_durations(inputs),
    )


def mode_of(parsed: ParseResult) -> str:
    """Return the mode of a result; for a D program of the user's, the mode that measures the same.

    If nothing tells, the layout stands for it.
    """
    if parsed.mode:
        return parsed.mode
    used = {key.mechanism for profile in parsed.profiles.values() for key in profile.groups}
    used |= {histogram.key.mechanism for histogram in parsed.histograms}
    same = [
        mode.name
        for mode in MODES.values()
        if mode.is_event_log == (parsed.events is not None)
        and any(used and used <= set(program.mechanisms) for program in mode.programs)
    ]
    return same[0] if same else parsed.layout


def _mode_order(mode: str) -> tuple[int, str]:
    """Return the sort key of a mode: as in the table of modes, then other tools by name."""
    return (list(MODES).index(mode) if mode in MODES else len(MODES), mode)


def _durations(inputs: Sequence[_Input]) -> tuple[int, ...]:
    """Return the lengths of the recordings whose length is known, ns."""
    return tuple(parsed.duration_ns for _, parsed in inputs if parsed.duration_ns is not None)


def _recordings(recording: Recording, parsed: ParseResult) -> Sequence[tuple[str, Manifest]]:
    """Return (name, manifest) of a recording, or of those in an HTML report."""
    return parsed.recordings or [(recording.name, recording.manifest)]


def _run(recording: Recording, parsed: ParseResult) -> RunSpan:
    """Return the single waits of a recording by number, and its marks."""
    begin, end, origin = (
        None if mark is None else mark.monotonic_ns
        for mark in (parsed.begin, parsed.end, parsed.origin)
    )
    count = 0 if parsed.events is None else len(parsed.events)
    threads = 0 if parsed.threads is None else len(parsed.threads)
    return RunSpan(count, begin, end, origin, recording.name, recording.path, threads)


def _measurements(mode: str, inputs: Sequence[_Input]) -> Iterable[Measurement]:
    """Yield one measurement for each unit of a mode; single waits belong to the one in ns."""
    parsed = inputs[0][1]
    if len(inputs) > 1:
        parsed = ParseResult()
        for _, part in inputs:
            parsed.merge(part)
    runs = tuple(_run(*pair) for pair in inputs if pair[1].events is not None)
    units = {unit for unit, _ in parsed.profiles} | ({"ns"} if parsed.events is not None else set())
    for unit in sorted(units, key=unit_order):
        profiles = [profile for (kind, _), profile in parsed.profiles.items() if kind == unit]
        events = parsed.events if unit == "ns" else None
        if events is not None:
            profiles.append(events.profile())
        if not profiles:
            continue
        total = profiles[0]
        if len(profiles) > 1:
            total = Profile(unit, all(profile.has_counts for profile in profiles))
            for profile in profiles:
                total.merge(profile)
        yield Measurement(
            profile=total,
            events=events,
            runs=() if events is None else runs,
            wakeups=None if events is None else parsed.wakeups,
            threads=None if events is None else parsed.threads,
            wakeup_sums=parsed.endings if unit == "ns" else None,
            mode=mode,
            recordings=sum(part.runs for _, part in inputs),
            durations_ns=_durations(inputs),
            open_waits=parsed.open_waits if unit == "ns" else None,
        )


def _provenance(
    recordings: Sequence[tuple[str, Manifest]], results: Sequence[ParseResult]
) -> tuple[tuple[str, str], ...]:
    """Return facts about the recordings and how they were read, as (label, text)."""
    facts = [
        ("Recording", ", ".join(_distinct(name for name, _ in recordings))),
        ("Records", f"{sum(result.records for result in results):,}"),
        ("Layout", ", ".join(_distinct(result.layout for result in results))),
    ]
    durations = [result.duration_ns for result in results if result.duration_ns is not None]
    windows = [result.window for result in results if result.window]
    if durations:
        facts.append(("Duration", duration_words(durations, is_whole=not windows)))
    if windows:
        facts.append(("Window", ", ".join(_distinct(windows))))
    known = {label for label, _ in facts} | {"Lost"}  # losses are problems, with their counts
    rows = provenance_rows(manifest for _, manifest in recordings)
    facts += [(label, text.replace("\n", ", ")) for label, text in rows if label not in known]
    return tuple(facts)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
