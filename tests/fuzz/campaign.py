"""A run of the fuzzer: which inputs are tried, what is kept, and the table at its end."""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fuzz.known import is_known
from fuzz.shorten import shortened
from fuzz.trial import is_written, judge, limit_memory, trial_of
from fuzz.workers import BATCH, FORK, Batch, Found, Tried, try_all


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try.

    Attributes:
        targets: their names.
        inputs: of each target.
        minutes: the run ends after this time; 0 for no limit.
        seed: of all inputs.
        jobs: processes.
        keep: where the shortest input of each kind of failure is kept.
        first: number of the first input of each target: a long run can be made in parts.
        write_every: the result of one input in this number is written in one of all formats.
    """

    targets: Sequence[str]
    inputs: int
    minutes: float
    seed: int
    jobs: int
    keep: Path
    first: int = 0
    write_every: int = 1


@dataclass(slots=True)
class Outcome:
    """What a run found.

    Attributes:
        tried: number of inputs of each target.
        kinds: number of failures of each kind, but for those in `known`.
        known: the same for damage that no reader can see (`fuzz.known`).
        shortest: the shortest input of each kind: its failure, and its length.
    """

    tried: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    shortest: dict[str, tuple[Found, int]] = field(default_factory=dict)

    def add(self, tried: Tried, seed: int) -> list[Found]:
        """Add what came of a batch; return the first failure of each kind that is new."""
        self.tried[tried.target] += tried.count
        new: list[Found] = []
        for found in tried.found:
            if is_known(found.kind):
                self.known[found.kind] += 1
                continue
            new += [] if found.kind in self.kinds else [found]
            self.kinds[found.kind] += 1
            length = len(trial_of(found.target, seed, found.number).data)
            if found.kind not in self.shortest or length < self.shortest[found.kind][1]:
                self.shortest[found.kind] = (found, length)
        return new


def batches_of(plan: Plan) -> Iterator[Batch]:
    """Yield the batches of all targets by turns, until all are tried or the time is over."""
    end = time.monotonic() + plan.minutes * 60 if plan.minutes else float("inf")
    last = plan.first + plan.inputs
    for begin in range(plan.first, last, BATCH):
        for target in plan.targets:
            if time.monotonic() > end:
                return
            yield Batch(target, begin, min(begin + BATCH, last))


def run(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Try all inputs of a plan; keep the shortest input of each kind of failure."""
    outcome = Outcome()
    outcomes = try_all(batches_of(plan), plan.seed, plan.jobs, plan.write_every)
    for number, tried in enumerate(outcomes, 1):
        for found in outcome.add(tried, plan.seed):
            say(f"new: {found.kind}: input {found.number}")
        if number % 200 == 0:
            say(f"{outcome.tried.total():,} inputs, {len(outcome.kinds)} kinds of failure")
    if outcome.shortest:
        say(f"the shortest input of each kind: {plan.keep}")
        keep_all(outcome, plan)
    return outcome


def keep_all(outcome: Outcome, plan: Plan) -> None:
    """Write an input of each kind of failure."""
    plan.keep.mkdir(parents=True, exist_ok=True)
    for kind, (found, _) in sorted(outcome.shortest.items()):
        # In a process of its own: it may use up memory, or die.
        process = FORK.Process(target=keep, args=(kind, found, plan))
        process.start()
        process.join()


def keep(kind: str, found: Found, plan: Plan) -> None:
    """Write an input that fails, made shorter if its answer comes in time.

    A loss in silence is shown by the whole input and, beside it, by what was damaged.
    """
    limit_memory()
    trial = trial_of(found.target, plan.seed, found.number)
    data = trial.data
    is_whole = is_written(found.target, found.number, plan.write_every)
    name = f"{re.sub('[^A-Za-z0-9.]+', '-', kind).strip('-')[:100]}.{found.number}"
    if ": silence" in kind:
        (plan.keep / name).write_bytes(data)
        (plan.keep / f"{name}.whole").write_bytes(trial.seed)
        return
    with tempfile.TemporaryDirectory(prefix="pvprof-fuzz-") as folder:

        def still_fails(shorter: bytes) -> bool:
            shorter_trial = replace(trial, data=shorter)
            return kind in judge(shorter_trial, Path(folder), is_written=is_whole)

        (plan.keep / name).write_bytes(data)
        if ": late" not in kind and ": memory" not in kind and still_fails(data):
            (plan.keep / name).write_bytes(shortened(data, still_fails))


def table_of(plan: Plan, outcome: Outcome) -> str:
    """Return the table of a run, as Markdown: it is the one in docs/reliability.md."""
    rows = ["| read as | inputs | kinds of failure | unseen damage |", "|---|---:|---:|---:|"]
    for target in plan.targets:
        kinds = sum(kind.startswith(f"{target}: ") for kind in outcome.kinds)
        unseen = sum(n for kind, n in outcome.known.items() if kind.startswith(f"{target}: "))
        rows.append(f"| {target} | {outcome.tried[target]:,} | {kinds} | {unseen:,} |")
    total = outcome.tried.total()
    rows.append(f"| all | {total:,} | {len(outcome.kinds)} | {outcome.known.total():,} |")
    failures = [f"{count:6,}  {kind}" for kind, count in sorted(outcome.kinds.items())]
    return "\n".join([*rows, "", *failures])
