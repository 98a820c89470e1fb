"""What speaks against comparing two sides: seen before anything is concluded.

Owns the list of what may differ besides the patch: hosts, kernels, programs, what was lost, runs
that are the same. It concludes nothing: a caveat is a `Problem`, its severity says how bad it is.
Notes are to be expected; the others refuse a strict comparison.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.stacks.fold import Folded
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.model.problems import Problem, Severity, merge_problems
from pvprof.model.stacks import Stack, frames_of
from pvprof.stats.methods import LEAST_RUNS
from pvprof.units import format_ns, format_share

_MOST_NAMED = 4
_MOST_TEXT = 160
_UNEVEN_DURATION = 1.25
_UNNAMED = re.compile("(?:kernel`)?0xf[0-9a-f]{15}")  # where a 64-bit kernel's code lies
_LEAST_UNNAMED = 100  # a hundredth of a side


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that all runs should have in common: how it is called, and where it stands."""

    kind: str
    title: str
    value: Callable[[RecordedRun], object]
    severity: Severity = "warning"


_FACTS = (
    _Fact("different-hosts", "host", lambda run: run.manifest.host),
    _Fact("different-machines", "machine model", lambda run: run.manifest.model),
    _Fact("different-cpus", "number of CPUs", lambda run: run.manifest.ncpu or None),
    _Fact("different-memory", "memory", lambda run: run.manifest.memory_bytes or None, "note"),
    _Fact(
        "different-debugging",
        "WITNESS in the kernel",
        lambda run: run.manifest.kernel.has_witness,
    ),
    _Fact(
        "different-debugging",
        "LOCK_PROFILING in the kernel",
        lambda run: run.manifest.kernel.has_lock_profiling,
    ),
    _Fact("different-workloads", "workload", lambda run: _or_none(run.manifest.workload)),
    _Fact("different-scope", "scope", lambda run: run.manifest.scope),
    _Fact("different-versions", "version of pvprof", lambda run: run.manifest.pvprof, "note"),
)
# Of runs of one mode: modes have programs of their own.
_PROGRAM_FACTS = (
    _Fact("different-programs", "D program", lambda run: run.manifest.program),
    _Fact("different-options", "options of the D program", lambda run: run.manifest.options),
)


def _or_none(text: str | None) -> str | None:
    """Return a text, ``none`` for an empty one, None for an unknown one."""
    return text if text is None else text or "none"


def find_caveats(base: Side, new: Side, basis: Basis) -> tuple[Problem, ...]:
    """Return everything that is doubtful about a comparison, the worst first.

    The order of the runs of a side changes nothing in it.
    """
    runs = (*base.runs, *new.runs)
    found = [
        *base.problems,
        *new.problems,
        *_same_runs(base, new),
        *_losses(base, new),
        *_manifests(base, new),
        *(one for fact in _FACTS for one in _differences(fact, base.runs, new.runs)),
        *_modes(base, new),
        *_programs(base, new),
        *_kernels(base, new),
        *_failed(runs),
        *_lengths(base, new, basis),
        *_few(base, new),
    ]
    return merge_problems(found)


def unnamed_addresses(base: Folded, new: Folded) -> tuple[Problem, ...]:
    """Tell of how much one cannot say whether it is the same code on both sides.

    Two kernels have the same function at different addresses: where it has no name, everything that
    it called seems to vanish and to appear.
    """
    unnamed = [_unnamed_in(side) for side in (base, new)]
    known = [set[str]().union(*one.values()) for one in unnamed]
    parts = []
    for side, stacks, others in ((base, unnamed[0], known[1]), (new, unnamed[1], known[0])):
        value = sum(weight for stack, weight in side.rows if stacks.get(stack, set()) - others)
        parts.append((value, side.total))
    if not any(value * _LEAST_UNNAMED >= total > 0 for value, total in parts):
        return ()
    shares = [format_share(*part) for part in parts]
    text = (
        f"{shares[0]} of the base and {shares[1]} of the new side are in stacks through kernel "
        "addresses without a name that only one side has: the same code may seem to vanish and to "
        "appear; name them by the --symbols of each kernel (pvprof import)"
    )
    return (Problem("unnamed-addresses", text, severity="note"),)


def _unnamed_in(side: Folded) -> dict[Stack, set[str]]:
    """Return the kernel addresses without a name in each stack that has any."""
    found: dict[Stack, set[str]] = {}
    for stack, _ in side.rows:
        if "0xf" in stack:
            frames = {frame for frame in frames_of(stack) if _UNNAMED.fullmatch(frame)}
            if frames:
                found[stack] = frames
    return found


def is_refused(caveat: Problem) -> bool:
    """Tell whether a strict comparison ends at this caveat: at any but a note it does."""
    return caveat.severity != "note"


def _named(names: Iterable[str]) -> str:
    known = sorted(set(names))
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return ", ".join(known[:_MOST_NAMED]) + more


def _same_runs(base: Side, new: Side) -> Iterable[Problem]:
    shared = _identities(base) & _identities(new)
    same = [run.name for run in base.runs if {run.digest, run.place} & shared]
    if same:
        text = f"on both sides: {_named(same)}; a recording compared with itself shows nothing"
        yield Problem("same-recording", text)


def _identities(side: Side) -> set[str]:
    return {one for run in side.runs for one in (run.digest, run.place) if one}


def _losses(base: Side, new: Side) -> Iterable[Problem]:
    """Yield what is missing from each side, and how much of each, if anything is."""
    rates = []
    has_any = False
    for side in (base, new):
        by_run = [_losses_of(run) for run in side.runs]
        by_text: dict[tuple[str, str], list[Problem]] = {}
        for one in (one for some in by_run for one in some):
            by_text.setdefault((one.kind, one.text), []).append(one)
        for (kind, text), same in sorted(by_text.items()):
            where = _named(one.file for one in same if one.file)
            named = f"{side.name}: {text} ({where})" if where else f"{side.name}: {text}"
            yield Problem(kind, named, count=sum(one.count for one in same), severity="loss")
        lossy = sum(map(bool, by_run))
        has_any = has_any or lossy > 0
        rates.append(f"{side.name}: {lossy} of {len(side.runs)} recordings")
    if has_any:
        text = f"something was lost, values are too low ({'; '.join(rates)})"
        yield Problem("drop-levels", text)


def _losses_of(run: RecordedRun) -> list[Problem]:
    return [one for one in merge_problems(run.pool.problems) if one.severity == "loss"]


def _manifests(base: Side, new: Side) -> Iterable[Problem]:
    without = [run.name for side in (base, new) for run in side.runs if not run.manifest]
    if without:
        text = f"no manifest: {_named(without)}: host, kernel and mode are not known"
        yield Problem("no-manifest", text)


def _differences(
    fact: _Fact, base: Sequence[RecordedRun], new: Sequence[RecordedRun]
) -> Iterable[Problem]:
    sides = [_values(fact.value, runs) for runs in (base, new)]
    if len(sides[0] | sides[1]) > 1:
        texts = [" and ".join(map(_shorten, sorted(side))) or "not known" for side in sides]
        text = f"{fact.title}: {texts[0]} against {texts[1]}"
        yield Problem(fact.kind, text, severity=fact.severity)


def _values(value: Callable[[RecordedRun], object], runs: Iterable[RecordedRun]) -> set[str]:
    return {_text(found) for run in runs if (found := value(run)) not in (None, "")}


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False) if value else "none"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = str(value)
    return " ".join(text.split())


def _shorten(text: str) -> str:
    """Return text of at most `_MOST_TEXT` characters: both ends, where texts differ mostly."""
    half = _MOST_TEXT // 2
    return text if len(text) <= _MOST_TEXT else f"{text[: half - 1]}…{text[-half:]}"


def _modes(base: Side, new: Side) -> Iterable[Problem]:
    sides = [{run.mode for run in side.runs if run.mode} for side in (base, new)]
    if sides[0] != sides[1] and all(sides):
        texts = [", ".join(sorted(side)) for side in sides]
        text = f"mode: {texts[0]} against {texts[1]}; each mode costs time of its own"
        yield Problem("different-modes", text)


def _programs(base: Side, new: Side) -> Iterable[Problem]:
    for mode in sorted({run.mode for run in base.runs} & {run.mode for run in new.runs}):
        some = [[run for run in side.runs if run.mode == mode] for side in (base, new)]
        told = [one for fact in _PROGRAM_FACTS for one in _differences(fact, *some)]
        yield from told
        scripts = {run.script for runs in some for run in runs if run.script}
        if len(scripts) > 1 and not told:
            text = f"the D programs{f' of {mode}' if mode else ''} are not the same"
            yield Problem("different-programs", text)


def _kernels(base: Side, new: Side) -> Iterable[Problem]:
    """Tell which kernels ran: two are what is expected, one a side."""
    sides = [_values(lambda run: run.manifest.kernel.text, side.runs) for side in (base, new)]
    for side, kernels in zip((base, new), sides, strict=True):
        if len(kernels) > 1:
            named = "; ".join(map(_shorten, sorted(kernels)))
            yield Problem("several-kernels", f"{side.name}: several kernels on one side: {named}")
    if not all(sides):
        return
    texts = ["; ".join(map(_shorten, sorted(side))) for side in sides]
    if sides[0] != sides[1]:
        text = f"kernel: {texts[0]} against {texts[1]}"
        yield Problem("different-kernels", text, severity="note")
    elif len(sides[0]) == 1:
        text = f"both sides ran the same kernel: {texts[0]}"
        yield Problem("same-kernel", text, severity="note")


def _failed(runs: Iterable[RecordedRun]) -> Iterable[Problem]:
    bad = [run.name for run in runs if run.manifest.exit_status]
    bad += [run.name for run in runs if run.manifest.exit_signal]
    if bad:
        text = f"the workload failed: {_named(bad)}; its times are set aside, its waits are not"
        yield Problem("failed-workload", text)


def _lengths(base: Side, new: Side, basis: Basis) -> Iterable[Problem]:
    """Warn where values per run are those of longer runs; with a workload that is the point."""
    if basis.kind != "run" or any(run.manifest.workload for run in (*base.runs, *new.runs)):
        return
    means = []
    for side in (base, new):
        known = [run.duration_ns for run in side.runs if run.duration_ns]
        if not known:
            return
        means.append(sum(known) // len(known))
    if max(means) > _UNEVEN_DURATION * min(means):
        text = (
            f"runs of {format_ns(means[0])} against {format_ns(means[1])}: "
            "--per second takes that out"
        )
        yield Problem("different-durations", text)


def _few(base: Side, new: Side) -> Iterable[Problem]:
    counts = [
        min(Counter(run.mode for run in side.runs).values(), default=0) for side in (base, new)
    ]
    if min(counts) < LEAST_RUNS:
        runs = (
            f"{counts[0]} and {counts[1]} runs"
            if counts[0] != counts[1]
            else (f"{counts[0]} run{'s' if counts[0] > 1 else ''} a side")
        )
        text = f"{runs}: nothing is called different below {LEAST_RUNS} a side"
        yield Problem("few-runs", text, severity="note")
