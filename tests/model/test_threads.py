"""Tables of threads: several recordings in one dataset."""

from __future__ import annotations

import numpy as np
from helpers.single_waits import Wait, events_of

from pvprof.dataset.load import combine
from pvprof.model.profile import Key
from pvprof.model.threads import UNKNOWN, WORKLOAD, ThreadTable
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording


def _threads(*rows: tuple[int, int, str]) -> ThreadTable:
    tid, parent_tid, execname = zip(*rows, strict=True)
    names = tuple(dict.fromkeys(execname))
    return ThreadTable(
        tid=np.asarray(tid),
        pid=np.asarray(tid),
        parent_tid=np.asarray(parent_tid),
        born_ns=np.zeros(len(rows), np.int64),
        died_ns=np.full(len(rows), UNKNOWN),
        key_id=np.asarray([names.index(name) for name in execname]),
        keys=tuple(Key(execname=name) for name in names),
    )


def _read(threads: ThreadTable | None) -> tuple[Recording, ParseResult]:
    recording = Recording("made", "made", b"")
    return recording, ParseResult("pvprof", events=events_of([Wait(0, 1)]), threads=threads)


def test_threads_of_several_recordings_follow_one_another() -> None:
    first = _threads((7, WORKLOAD, "make"), (8, 7, "cc"))
    last = _threads((8, WORKLOAD, "sh"), (9, 8, "cc"), (10, 9, "as"))
    one = combine([_read(first), _read(None), _read(last)]).measurements[0]
    assert [run.threads for run in one.runs] == [2, 0, 3]
    assert one.threads is not None
    assert one.threads.tid.tolist() == [7, 8, 8, 9, 10]
    assert one.threads.parent_tid.tolist() == [0, 7, 0, 8, 9]
    names = [one.threads.keys[number].execname for number in one.threads.key_id.tolist()]
    assert names == ["make", "cc", "sh", "cc", "as"]
    assert one.threads.stacks == ()
