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
from pvprof.recording.manifest import Manifest
from pvprof.units import NS_PER_S


def on_and_off(pool: Dataset, rate_hz: int | None, usual_hz: int) -> Dataset:
    """Return a pool whose waits and samples are one measurement in ns.

    A stack's time is its samples times the period, cut to whole ns once for each stack. It has no
    counts: a sample says nothing of how many times something ran.

    Args:
        pool: recordings of both.
        rate_hz: samples a second of each CPU; None to go by the manifests.
        usual_hz: what a manifest means that does not name it.

    Raises:
        UsageError: waits or samples are missing, or the rate is unknown.
    """
    found = {one.profile.unit: one for one in pool.measurements}
    for unit, what in (("ns", "waits"), ("samples", "samples of what ran on CPUs")):
        if unit not in found:
            hint = "give an off-CPU and an on-CPU recording of the same workload"
            raise UsageError(f"--wall-clock: no {what} in these recordings", hint)
    rate = rate_hz or _recorded_rate(pool.manifests, usual_hz)
    merged = Profile("ns", has_counts=False)
    merged.merge(found["ns"].profile)
    for key, stacks in found["samples"].profile.groups.items():
        for stack, weight in stacks.items():
            value = weight.value * NS_PER_S // rate
            merged.add(key, stack, Weight(value, 0, weight.records))
    others = [one for one in pool.measurements if one.profile.unit not in ("ns", "samples")]
    facts = (*pool.provenance, ("Time on CPUs", f"samples at {rate:,} Hz"))
    return replace(pool, measurements=(Measurement(merged, None), *others), provenance=facts)


def _recorded_rate(manifests: Iterable[Manifest], usual_hz: int) -> int:
    rates = set()
    for manifest in manifests:
        if manifest.mode == "oncpu" and isinstance(manifest.options, Mapping):
            rates.add(manifest.options.get("rate_hz", usual_hz))
    known = [rate for rate in rates if isinstance(rate, int) and rate > 0]
    if len(known) != 1 or len(rates) != 1:
        reason = "several rates" if known else "the recordings do not say how often"
        raise UsageError(f"--wall-clock: {reason} CPUs were sampled", "say it: --rate 997")
    return known[0]
