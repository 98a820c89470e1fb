"""Makes wait tables, datasets and classified parts from readable rows of single waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pvprof.classify.filters import Part, classify
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.profile import Key
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable

RULES = load_rules()


class Wait(NamedTuple):
    """One wait; `run` is the number of its recording. Rows of a run must be adjacent."""

    start: int
    wait: int
    name: str = "vm object"
    tid: int = 1
    owner: int = 0
    address: int = 0
    execname: str = "cc"
    stack: str = "kernel`trap;kernel`vm_fault;kernel`turnstile_wait"
    event: str = "turnstile"
    run: int = 0

    @property
    def end(self) -> int:
        return self.start + self.wait


def events_of(waits: Sequence[Wait]) -> WaitTable:
    keys: dict[Key, int] = {}
    stacks: dict[Stack, int] = {}

    def column(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.asarray(values, np.int64)

    key_id = [
        keys.setdefault(Key(wait.event, wait.name, wait.execname), len(keys)) for wait in waits
    ]
    stack_id = [stacks.setdefault(Stack(wait.stack), len(stacks)) for wait in waits]
    return WaitTable(
        start_ns=column([wait.start for wait in waits]),
        wait_ns=column([wait.wait for wait in waits]),
        pid=column([wait.tid // 10 for wait in waits]),
        tid=column([wait.tid for wait in waits]),
        cpu=column([0 for _ in waits]),
        owner_tid=column([wait.owner for wait in waits]),
        object_address=np.asarray([wait.address for wait in waits], np.uint64),
        key_id=column(key_id),
        stack_id=column(stack_id),
        keys=tuple(keys),
        stacks=tuple(stacks),
    )


def runs_of(
    waits: Sequence[Wait], begin_ns: int | None = None, end_ns: int | None = None
) -> tuple[RunSpan, ...]:
    """Return the runs of waits in order, all with the same begin and end."""
    numbers = [wait.run for wait in waits]
    return tuple(
        RunSpan(numbers.count(number), begin_ns, end_ns) for number in sorted(set(numbers))
    )


def parts_of(events: WaitTable) -> tuple[Part, ...]:
    """Return all parts of a wait table, classified by the packaged rules."""
    return classify(events.profile(), RULES)


def pool_of(waits: Sequence[Wait]) -> Dataset:
    events = events_of(waits)
    return Dataset(("made",), (Measurement(events.profile(), events, runs_of(waits)),), (), (), ())
