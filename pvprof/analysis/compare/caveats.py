"""Reasons to doubt a comparison, found before anything is concluded.

Owns the list of what may differ besides the patch: hosts, kernels, programs, losses, equal runs. It
concludes nothing: a caveat is a `Problem` with a severity. Notes are expected; any other caveat
refuses a strict comparison.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pvprof.analysis.compare.basis import Basis
from pvprof.analysis.compare.conditions import kernel_name
from pvprof.analysis.stacks.fold import Folded
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.model.problems import Problem, Severity, merge_problems
from pvprof.model.stacks import Stack, frames_of
from pvprof.stats.methods import MIN_RUNS
from pvprof.units import format_ns, format_share

_MAX_NAMED = 4
_MAX_TEXT = 160
_MAX_DURATION_RATIO = 1.25
_UNNAMED = re.compile("(?:kernel`)?0xf[0-9a-f]{15}")  # the addresses of a 64-bit kernel's code
_MIN_UNNAMED_PERCENT = 1


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that all runs should have in common.

    Attributes:
        kind, severity: of the problem if it differs.
        title: its name.
        value: reads it from a run.
    """

    kind: str
    title: str
    value: Callable[[RecordedRun], object]
    severity: Severity = "warning"


_FACTS = (
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
# Compared within one mode: each mode has its own programs.
_PROGRAM_FACTS = (
    _Fact("different-programs", "D program", lambda run: run.manifest.program),
    _Fact("different-options", "options of the D program", lambda run: run.manifest.options),
)


def _or_none(text: str | None) -> str | None:
    """Return a text, ``none`` for an empty one, None for an unknown one."""
    return text if text is None else text or "none"


def find_caveats(base: Side, new: Side, basis: Basis) -> tuple[Problem, ...]:
    """Return all caveats of a comparison, the worst first; the order of runs has no effect."""
    runs = (*base.runs, *new.runs)
    caveats = [
        *base.problems,
        *new.problems,
        *_same_runs(base, new),
        *_losses(base, new),
        *_manifests(base, new),
        *_hosts(runs),
        *(caveat for fact in _FACTS for caveat in _differences(fact, base.runs, new.runs)),
        *_modes(base, new),
        *_programs(base, new),
        *_kernels(base, new),
        *_failed(runs),
        *_lengths(base, new, basis),
        *_few(base, new),
    ]
    return merge_problems(caveats)


def unnamed_addresses(base: Folded, new: Folded) -> tuple[Problem, ...]:
    """Return a note if much of a side is in stacks with addresses that only this side has.

    Two kernels have the same function at different addresses: if it has no name, everything that
    it called seems to vanish and to appear.
    """
    base_stacks, new_stacks = _unnamed_in(base), _unnamed_in(new)
    base_addresses = set[str]().union(*base_stacks.values())
    new_addresses = set[str]().union(*new_stacks.values())
    parts = []
    for side, stacks, others in (
        (base, base_stacks, new_addresses),
        (new, new_stacks, base_addresses),
    ):
        value = sum(weight for stack, weight in side.rows if stacks.get(stack, set()) - others)
        parts.append((value, side.total))
    if not any(100 * value >= _MIN_UNNAMED_PERCENT * total > 0 for value, total in parts):
        return ()
    shares = [format_share(*part) for part in parts]
    text = (
        f"{shares[0]} of the base and {shares[1]} of the new side are in stacks through kernel "
        "addresses without a name that only one side has: the same code may seem to vanish and "
        "to appear; name them by the --symbols of each kernel (pvprof import), or make them one "
        "frame: --addresses merge"
    )
    return (Problem("unnamed-addresses", text, severity="note"),)


def lost_frames(sides: tuple[Folded, Folded], shortened: tuple[int, int]) -> tuple[Problem, ...]:
    """Return a note if stacks are compared without frames that only one side recorded.

    Args:
        sides: the stacks of the base and of the new side.
        shortened: the value of those that end further out than they were recorded.
    """
    if not any(shortened):
        return ()
    base, new = (
        format_share(value, side.total) for value, side in zip(shortened, sides, strict=True)
    )
    text = (
        f"{base} of the base and {new} of the new side are in stacks whose innermost frames the "
        "other side lost: both are compared by the innermost caller that both have"
    )
    return (Problem("lost-frames", text, severity="note"),)


def _unnamed_in(side: Folded) -> dict[Stack, set[str]]:
    """Map each stack with kernel addresses without a name to these addresses."""
    addresses: dict[Stack, set[str]] = {}
    for stack, _ in side.rows:
        if "0xf" in stack:
            frames = {frame for frame in frames_of(stack) if _UNNAMED.fullmatch(frame)}
            if frames:
                addresses[stack] = frames
    return addresses


def is_refused(caveat: Problem) -> bool:
    """Tell whether a strict comparison ends at this caveat: at all but notes."""
    return caveat.severity != "note"


def _named(names: Iterable[str]) -> str:
    known = sorted(set(names))
    more = f" and {len(known) - _MAX_NAMED} more" if len(known) > _MAX_NAMED else ""
    return ", ".join(known[:_MAX_NAMED]) + more


def _same_runs(base: Side, new: Side) -> Iterable[Problem]:
    shared = _identities(base) & _identities(new)
    same = [run.name for run in base.runs if {run.digest, run.real_path} & shared]
    if same:
        text = f"on both sides: {_named(same)}; a recording compared with itself shows nothing"
        yield Problem("same-recording", text)


def _identities(side: Side) -> set[str]:
    return {name for run in side.runs for name in (run.digest, run.real_path) if name}


def _losses(base: Side, new: Side) -> Iterable[Problem]:
    """Yield the losses of each side, and how many of its recordings are affected."""
    rates = []
    has_any = False
    for side in (base, new):
        by_run = [_losses_of(run) for run in side.runs]
        by_text: dict[tuple[str, str], list[Problem]] = {}
        for loss in chain.from_iterable(by_run):
            by_text.setdefault((loss.kind, loss.text), []).append(loss)
        for (kind, text), same in sorted(by_text.items()):
            files = _named(loss.file for loss in same if loss.file)
            named = f"{side.name}: {text} ({files})" if files else f"{side.name}: {text}"
            yield Problem(kind, named, count=sum(loss.count for loss in same), severity="loss")
        lossy = sum(map(bool, by_run))
        has_any = has_any or lossy > 0
        rates.append(f"{side.name}: {lossy} of {len(side.runs)} recordings")
    if has_any:
        text = f"something was lost, values are too low ({'; '.join(rates)})"
        yield Problem("drop-levels", text)


def _losses_of(run: RecordedRun) -> list[Problem]:
    problems = merge_problems(run.dataset.problems)
    return [problem for problem in problems if problem.severity == "loss"]


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


def _hosts(runs: Iterable[RecordedRun]) -> Iterable[Problem]:
    hosts = _values(lambda run: run.manifest.host, runs)
    if len(hosts) > 1:
        number = "two" if len(hosts) == 2 else f"{len(hosts):,}"
        text = (
            f"recorded on {number} hosts ({_named(hosts)}): differences may come from the machine"
        )
        yield Problem("different-hosts", text)


def _values(value: Callable[[RecordedRun], object], runs: Iterable[RecordedRun]) -> set[str]:
    values = (value(run) for run in runs)
    return {_text(known) for known in values if known not in (None, "")}


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        shown = json.dumps(value, sort_keys=True, ensure_ascii=False)  # noqa: TID251 (for a problem)
        text = shown if value else "none"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = str(value)
    return " ".join(text.split())


def _shorten(text: str) -> str:
    """Return both ends of a text, at most `_MAX_TEXT` characters: texts mostly differ there."""
    half = _MAX_TEXT // 2
    return text if len(text) <= _MAX_TEXT else f"{text[: half - 1]}…{text[-half:]}"


def _modes(base: Side, new: Side) -> Iterable[Problem]:
    sides = [{run.mode for run in side.runs if run.mode} for side in (base, new)]
    if sides[0] != sides[1] and all(sides):
        texts = [", ".join(sorted(side)) for side in sides]
        text = f"mode: {texts[0]} against {texts[1]}; each mode costs time of its own"
        yield Problem("different-modes", text)


def _programs(base: Side, new: Side) -> Iterable[Problem]:
    for mode in sorted({run.mode for run in base.runs} & {run.mode for run in new.runs}):
        base_runs = [run for run in base.runs if run.mode == mode]
        new_runs = [run for run in new.runs if run.mode == mode]
        differences = [
            caveat for fact in _PROGRAM_FACTS for caveat in _differences(fact, base_runs, new_runs)
        ]
        yield from differences
        scripts = {run.script for run in (*base_runs, *new_runs) if run.script}
        if len(scripts) > 1 and not differences:
            text = f"the D programs{f' of {mode}' if mode else ''} are not the same"
            yield Problem("different-programs", text)


def _kernels(base: Side, new: Side) -> Iterable[Problem]:
    """Yield the kernels that ran; one on each side is expected."""
    sides = [
        _values(lambda run: kernel_name(run.manifest.kernel), side.runs) for side in (base, new)
    ]
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
    """Warn if values are per run and one side ran longer, unless a workload sets the length."""
    if basis.kind != "run" or any(run.manifest.workload for run in (*base.runs, *new.runs)):
        return
    means = []
    for side in (base, new):
        known = [run.duration_ns for run in side.runs if run.duration_ns]
        if not known:
            return
        means.append(sum(known) // len(known))
    if max(means) > _MAX_DURATION_RATIO * min(means):
        text = (
            f"runs of {format_ns(means[0])} against {format_ns(means[1])}: "
            "--per second takes that out"
        )
        yield Problem("different-durations", text)


def _few(base: Side, new: Side) -> Iterable[Problem]:
    counts = [
        min(Counter(run.mode for run in side.runs).values(), default=0) for side in (base, new)
    ]
    if min(counts) < MIN_RUNS:
        runs = (
            f"{counts[0]} and {counts[1]} runs"
            if counts[0] != counts[1]
            else (f"{counts[0]} run{'s' if counts[0] > 1 else ''} a side")
        )
        text = f"{runs}: nothing is called different below {MIN_RUNS} a side"
        yield Problem("few-runs", text, severity="note")
