"""Waits and samples in one measurement: each sample as the time that it represents.

Each CPU is sampled at a fixed rate, so one sample represents one period of some thread's time on a
CPU; waits are threads' time off it, from the moment they leave a CPU until they are on one again.
Threads that lose a CPU but could go on are in neither: that time is added from a recording of
``runq``. What runq has of the time after wake-ups is in the waits already.

The parts meet in a picture only if their stacks have the same kinds of frames, so processes and
user frames that one half lacks are left out of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pvprof.dataset.dataset import WALL_CLOCK, Dataset, Measurement
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import DELIMITER, Stack, frames_of, stack_of
from pvprof.recording.manifest import Manifest, as_integer
from pvprof.units import NS_PER_S, format_ns

USER_CODE = "[user code]"
"""In place of the user frames of a sample, if the waits were recorded without them."""

_RUN_QUEUE = "runq"
_PREEMPTED = "runq-preempted"
_PARTIAL = frozenset(("locks", "lockstat", "lock-profiling", "wakeup", _RUN_QUEUE))
"""Modes that measure only some of the waits, or only a part of each."""

_MAX_LENGTH_RATIO = 1.1


@dataclass(frozen=True, slots=True)
class _SharedFrames:
    """The frames besides those of the kernel that all parts have."""

    processes: bool
    user_frames: bool

    def of(self, key: Key, stack: Stack) -> tuple[Key, Stack]:
        """Return a key and a stack without what not all parts have."""
        if not self.processes:
            key = key._replace(execname="")
        if not self.user_frames:
            is_user = key.mechanism == "user"
            stack = Stack(USER_CODE) if is_user else _without_user_frames(stack)
        return key, stack


def with_wall_clock(dataset: Dataset, rate_hz: int | None, default_rate_hz: int) -> Dataset:
    """Return a dataset whose waits and samples are one measurement in ns, its first.

    The time of a stack is its samples times the period, rounded down to whole ns once per stack. It
    has no counts: samples do not show how many times something ran.

    Args:
        dataset: waits and samples, and run queues if they were recorded.
        rate_hz: samples per second on each CPU; None for the rate in the manifests.
        default_rate_hz: the rate of a recording whose manifest has no rate.

    Raises:
        UsageError: waits or samples are missing, or the rate is unknown.
    """
    waits = _first(
        one for one in dataset.measurements if one.unit == "ns" and one.mode not in _PARTIAL
    )
    samples = _first(one for one in dataset.measurements if one.unit == "samples")
    run_queue = _first(one for one in dataset.measurements if one.mode == _RUN_QUEUE)
    if waits is None or samples is None:
        missing = "off-CPU waits" if waits is None else "CPU samples"
        hint = "give an off-CPU and an on-CPU recording of the same workload"
        raise UsageError(f"--wall-clock: no {missing} in these recordings", hint)
    rate = rate_hz or _recorded_rate(dataset.manifests, default_rate_hz)
    detail = _SharedFrames(
        processes=_has_processes(waits) and _has_processes(samples),
        user_frames=_has_user_frames(waits) and _has_user_frames(samples),
    )
    merged = Profile("ns", has_counts=False)
    for key, stack, weight in waits.profile:
        merged.add(*detail.of(key, stack), weight)
    for key, stack, weight in samples.profile:
        time = Weight(weight.value * NS_PER_S // rate, 0, weight.records)
        merged.add(*detail.of(key, stack), time)
    parts = [waits, samples]
    if run_queue is not None:
        parts.append(run_queue)
        for key, stack, weight in run_queue.profile:
            if key.mechanism == _PREEMPTED:
                merged.add(*detail.of(key, stack), weight)
    return replace(
        dataset,
        measurements=(
            Measurement(merged, None, mode=WALL_CLOCK, about=_about(parts)),
            *(one for one in dataset.measurements if not any(one is part for part in parts)),
        ),
        problems=(*dataset.problems, *_problems(parts, detail)),
        provenance=(*dataset.provenance, ("Time on CPUs", f"samples at {rate:,} Hz")),
    )


def _first(measurements: Iterator[Measurement]) -> Measurement | None:
    return next(measurements, None)


def _has_processes(measurement: Measurement) -> bool:
    return any(key.execname for key in measurement.profile.groups)


def _has_user_frames(measurement: Measurement) -> bool:
    return any(
        key.mechanism == "user" or DELIMITER in frames_of(stack)
        for key, stacks in measurement.profile.groups.items()
        for stack in stacks
    )


def _without_user_frames(stack: Stack) -> Stack:
    frames = frames_of(stack)
    if DELIMITER not in frames:
        return stack
    last = len(frames) - 1 - frames[::-1].index(DELIMITER)
    return stack_of(frames[last + 1 :])


def _lengths(parts: Sequence[Measurement]) -> str:
    """Return the lengths of the parts in words if they differ; else an empty text."""
    lengths = [sum(part.durations_ns) for part in parts]
    if not all(lengths) or max(lengths) <= min(lengths) * _MAX_LENGTH_RATIO:
        return ""
    return ", ".join(
        f"{part.mode} {format_ns(length)}" for part, length in zip(parts, lengths, strict=True)
    )


def _about(parts: Sequence[Measurement]) -> str:
    """Return the sentences that a picture of the parts has in its subtitle."""
    texts = [] if len(parts) > 2 else ["Time waiting for a CPU is missing"]
    lengths = _lengths(parts)
    texts += [f"Recordings of different lengths: {lengths}"] if lengths else []
    return ". ".join(texts)


def _problems(parts: Sequence[Measurement], detail: _SharedFrames) -> Iterator[Problem]:
    """Yield what a reader has to know of the parts, with what to record instead."""
    waits, samples, *run_queues = parts
    if not run_queues:
        text = (
            "--wall-clock: the time in which threads could run but had no CPU is missing: give a"
            " recording of runq, too"
        )
        yield Problem("no-run-queue", text)
    for part in run_queues:
        after = sum(weight.value for key, _, weight in part.profile if key.mechanism != _PREEMPTED)
        if after:
            text = (
                f"--wall-clock: of runq, {format_ns(after)} after wake-ups are in the waits already"
            )
            yield Problem("runq-in-waits", text, severity="note")
    lengths = _lengths(parts)
    if lengths:
        text = (
            f"--wall-clock: the recordings are of different lengths ({lengths}): compare widths"
            " within each part only, or record all of them for the same time"
        )
        yield Problem("different-lengths", text)
    lacking = {
        "processes": (_has_processes, detail.processes, "--by-process"),
        "user frames": (_has_user_frames, detail.user_frames, "--user-stack"),
    }
    for what, (has, is_common, option) in lacking.items():
        with_it = [part for part in (waits, samples) if has(part)]
        if len(with_it) == 1 and not is_common:
            other = samples if with_it[0] is waits else waits
            text = (
                f"--wall-clock: {other.mode} was recorded without {what}, so those of"
                f" {with_it[0].mode} are left out: record both with {option}"
            )
            yield Problem("halves-differ", text, severity="note")


def _recorded_rate(manifests: Iterable[Manifest], default_rate_hz: int) -> int:
    """Return the one sampling rate of all on-CPU recordings, in Hz.

    Raises:
        UsageError: there is none, or several.
    """
    rates: set[int | None] = set()
    for manifest in manifests:
        if manifest.mode == "oncpu" and isinstance(manifest.options, Mapping):
            rate_hz = as_integer(manifest.options.get("rate_hz", default_rate_hz))
            rates.add(rate_hz if rate_hz and rate_hz > 0 else None)
    known = [rate_hz for rate_hz in rates if rate_hz is not None]
    if len(known) != 1 or len(rates) != 1:
        reason = "differ in the sampling rate" if known else "do not state the sampling rate"
        raise UsageError(f"--wall-clock: the recordings {reason}", "give it: --rate 997")
    return known[0]
