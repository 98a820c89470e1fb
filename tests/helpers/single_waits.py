"""Makes columns of single waits from rows that a test can read, and the parts they are in."""

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
    """One wait: `run` says of which recording it is; rows of one run must stand together."""

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

    key_id = [keys.setdefault(Key(one.event, one.name, one.execname), len(keys)) for one in waits]
    stack_id = [stacks.setdefault(Stack(one.stack), len(stacks)) for one in waits]
    return WaitTable(
        start_ns=column([one.start for one in waits]),
        wait_ns=column([one.wait for one in waits]),
        pid=column([one.tid // 10 for one in waits]),
        tid=column([one.tid for one in waits]),
        cpu=column([0 for _ in waits]),
        owner_tid=column([one.owner for one in waits]),
        object_address=np.asarray([one.address for one in waits], np.uint64),
        key_id=column(key_id),
        stack_id=column(stack_id),
        keys=tuple(keys),
        stacks=tuple(stacks),
    )


def runs_of(
    waits: Sequence[Wait], begin_ns: int | None = None, end_ns: int | None = None
) -> tuple[RunSpan, ...]:
    """Return the runs of waits that stand run by run, all with the same marks."""
    numbers = [one.run for one in waits]
    return tuple(
        RunSpan(numbers.count(number), begin_ns, end_ns) for number in sorted(set(numbers))
    )


def parts_of(events: WaitTable) -> tuple[Part, ...]:
    """Return all parts of events, as the rules that ship sort them."""
    return classify(events.profile(), RULES)


def pool_of(waits: Sequence[Wait]) -> Dataset:
    events = events_of(waits)
    return Dataset(("made",), (Measurement(events.profile(), events, runs_of(waits)),), (), (), ())
