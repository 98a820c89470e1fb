"""Waits and samples in one measurement: each sample as the time that it represents.

Each CPU is sampled at a fixed rate, so one sample represents one period of some thread's time on a
CPU; waits are threads' time off it. Together they are all the time of the recorded threads, except
for the time runnable without a CPU, which neither shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.errors import UsageError
from pvprof.model.profile import Profile, Weight
from pvprof.recording.manifest import Manifest, as_integer
from pvprof.units import NS_PER_S


def with_wall_clock(dataset: Dataset, rate_hz: int | None, default_rate_hz: int) -> Dataset:
    """Return a dataset whose waits and samples are one measurement in ns.

    The time of a stack is its samples times the period, rounded down to whole ns once per stack. It
    has no counts: samples do not show how many times something ran.

    Args:
        dataset: waits and samples.
        rate_hz: samples per second on each CPU; None for the rate in the manifests.
        default_rate_hz: the rate of a recording whose manifest has no rate.

    Raises:
        UsageError: waits or samples are missing, or the rate is unknown.
    """
    by_unit = {measurement.profile.unit: measurement for measurement in dataset.measurements}
    waits, samples = by_unit.pop("ns", None), by_unit.pop("samples", None)
    if waits is None or samples is None:
        missing = "waits" if waits is None else "CPU samples"
        hint = "give an off-CPU and an on-CPU recording of the same workload"
        raise UsageError(f"--wall-clock: no {missing} in these recordings", hint)
    rate = rate_hz or _recorded_rate(dataset.manifests, default_rate_hz)
    merged = Profile("ns", has_counts=False)
    merged.merge(waits.profile)
    for key, stacks in samples.profile.groups.items():
        for stack, weight in stacks.items():
            value = weight.value * NS_PER_S // rate
            merged.add(key, stack, Weight(value, 0, weight.records))
    return replace(
        dataset,
        measurements=(Measurement(merged, None), *by_unit.values()),
        provenance=(*dataset.provenance, ("Time on CPUs", f"samples at {rate:,} Hz")),
    )


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
