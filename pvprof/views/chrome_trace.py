"""Single waits as a Chrome trace, for https://ui.perfetto.dev, chrome://tracing, and speedscope.

Owns what is in the file; ``render.chrometrace`` writes it. From Python::

    from pvprof import chrometrace
    from pvprof.parse.read import ReadOptions
    from pvprof.pool import read_pool

    converted = chrometrace.convert(read_pool(["events.out"], ReadOptions()))
    Path("events.trace.json").write_text(converted.text, encoding="utf-8")

One track for each thread; each wait that was kept is an event of it, so that the lengths of all
events add up to the report. Where wake-ups were recorded, each stands on the waker's track, with an
arrow to the wait that it ended. Time begins where ``--from`` counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pvprof.analysis.waits.timelines import Tracks, describe_waits, tracks_of
from pvprof.analysis.waits.wakeups import blocked_ns, wakeup_of_waits
from pvprof.analysis.wakers import INTERRUPT, is_interrupt
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part
from pvprof.classify.rules import OTHER, Rules
from pvprof.dataset.dataset import Measurement
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.runs import RunSpan
from pvprof.model.stacks import Stack
from pvprof.model.waits import WaitTable, WakeupTable
from pvprof.render.viewers.chrome_trace import Slice, Track, Wake, What, render
from pvprof.render.viewers.speedscope import Rendered
from pvprof.views.speedscope import NOTHING_KEPT, name_of_thread

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]

_UNKNOWN = -1


def convert(classified: Classified) -> Rendered:
    """Return a dataset as the text of a Chrome trace, with what could not be shown as it is.

    Args:
        classified: one recording with single waits, sorted and filtered.

    Raises:
        UsageError: there are no single waits, or those of several recordings.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    pool, rules = classified.dataset, classified.rules
    measurement = pool.measurement("ns")
    events = measurement.events
    if events is None:
        raise UsageError(
            "a Chrome trace is made of single waits, and none were recorded",
            "pvprof record events records them; -o X.speedscope.json takes sums",
        )
    if len(pool.names) > 1:
        raise UsageError(
            "a Chrome trace of several recordings: they have no common clock", "one file for each"
        )
    parts = classified.measurement("ns").kept
    whats, what = describe_waits(events, parts, lambda part, stack: _what(part, stack, rules))
    kept = np.flatnonzero(what >= 0)
    facts = {label: text for label, text in pool.provenance if text}
    problems = list(_left_out(measurement, parts, kept))
    if not len(kept):
        text = "the filters left no wait: the file holds none"
        problems.append(Problem(NOTHING_KEPT, text, severity="note"))
        return Rendered(render(facts, (), (), ()), tuple(problems))
    tracks = tracks_of(events, kept)
    trace = _Trace(measurement, events, tracks, _origin(events, measurement.runs))
    slices, wakes = trace.slices(whats, what), trace.wakes()
    text = render(facts, trace.tracks(slices, wakes), slices, wakes)
    return Rendered(text, (*problems, *tracks.problems))


def _what(part: Part, stack: Stack, rules: Rules) -> What:
    """Return what is waited for; what has no name is called by the function that came to wait."""
    verdict, key = part.verdict, part.key
    lock_class = "" if verdict.lock_class == OTHER else verdict.lock_class
    return What(key.name or rules.caller_of(stack), verdict.kind, lock_class, key.mechanism, stack)


def _left_out(measurement: Measurement, parts: Sequence[Part], kept: Ints) -> Iterator[Problem]:
    """Yield what is told of sums beside the single waits: they have no times."""
    assert measurement.events is not None
    singles = sum(measurement.events.wait_ns[kept].tolist())
    rest = sum(part.weight.value for part in parts) - singles
    if rest:
        yield Problem("without-time", f"sums have no times: {rest:,} ns left out", severity="loss")


def _origin(events: WaitTable, runs: Sequence[RunSpan]) -> int:
    """Return where time begins: where ``--from`` counts, or at the first wait if that is before."""
    first = int(events.start_ns.min())
    marks = [mark for run in runs for mark in (run.origin_ns, run.begin_ns) if mark is not None]
    return min([first, *marks[:1]])


class _Threads:
    """Whose a thread was at some time: kernels give its number to one after another."""

    def __init__(self, events: WaitTable) -> None:
        import numpy as np  # noqa: PLC0415

        self._events = events
        order = np.lexsort((events.start_ns, events.tid))
        tids, firsts = np.unique(events.tid[order], return_index=True)
        bounds = pairwise([*firsts.tolist(), len(order)])
        self._rows = {
            tid: order[first:last].tolist()
            for tid, (first, last) in zip(tids.tolist(), bounds, strict=True)
        }
        self._starts = {tid: events.start_ns[rows].tolist() for tid, rows in self._rows.items()}

    def around(self, tid: int, moment: int) -> list[int]:
        """Return a thread's last wait that begins no later than a moment, and its next one."""
        rows = self._rows.get(tid, [])
        place = bisect_right(self._starts.get(tid, []), moment)
        return [*rows[max(place - 1, 0) : place], *rows[place : place + 1]]

    def owner(self, tid: int, moment: int) -> str:
        """Return in words who a thread was then, as told by its waits."""
        name = next((self.execname(row) for row in self.around(tid, moment)), "")
        return _in_words(name, tid)

    def pid(self, tid: int, moment: int, execname: str) -> int:
        """Return the process of a thread that was called so then; unknown: the thread's number."""
        rows = self.around(tid, moment)
        found = next((row for row in rows if self.execname(row) == execname), None)
        return tid if found is None else self.process(found)

    def process(self, row: int) -> int:
        """Return the process of a wait; where none is known each thread is its own."""
        pid = int(self._events.pid[row])
        return int(self._events.tid[row]) if pid == _UNKNOWN else pid

    def execname(self, row: int) -> str:
        """Return what the process was called that waited."""
        return self._events.keys[int(self._events.key_id[row])].execname


def _in_words(execname: str, tid: int) -> str:
    return f"{execname} (tid {tid})" if execname else f"tid {tid}"


class _Trace:
    """The events of a file, from those of a recording."""

    def __init__(
        self, measurement: Measurement, events: WaitTable, tracks: Tracks, origin_ns: int
    ) -> None:
        self._events = events
        self._drawn = tracks
        self._origin_ns = origin_ns
        self._offset = tracks.origin_ns - origin_ns
        self._wakeups = measurement.wakeups
        self._wakeup = None if self._wakeups is None else wakeup_of_waits(events, self._wakeups)
        self._threads = _Threads(events)

    def tracks(self, slices: Iterable[Slice], wakes: Iterable[Wake]) -> list[Track]:
        """Return the threads that wait, the longest waiting first, then those that only wake."""
        sums: dict[tuple[int, int], int] = {}
        of_thread: dict[tuple[int, int], dict[str, None]] = {}
        of_process: dict[int, dict[str, None]] = {}
        names = [(one.pid, one.tid, one.wait_ns, one.execname) for one in slices]
        for pid, tid, wait_ns, name in (*names, *((w.pid, w.tid, 0, w.execname) for w in wakes)):
            sums[pid, tid] = sums.get((pid, tid), 0) + wait_ns
            of_thread.setdefault((pid, tid), {})[name] = None
            of_process.setdefault(pid, {})[name] = None
        ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return [
            Track(
                pid,
                tid,
                name_of_thread(of_process[pid]) or "process",
                name_of_thread(of_thread[pid, tid]) or "thread",
                rank,
            )
            for rank, ((pid, tid), _) in enumerate(ranked)
        ]

    def slices(self, whats: Sequence[What], what: Ints) -> list[Slice]:
        """Return the waits, thread by thread."""
        events, drawn = self._events, self._drawn
        columns = (events.tid, what, events.object_address, events.owner_tid, events.start_ns)
        rows = zip(
            drawn.row.tolist(),
            *(column[drawn.row].tolist() for column in columns),
            *(moment.tolist() for moment in (drawn.begin, drawn.end)),
            self._wakers(),
            strict=True,
        )
        return [
            Slice(
                self._threads.process(row),
                tid,
                begin + self._offset,
                end - begin,
                whats[number],
                self._threads.execname(row),
                address,
                self._threads.owner(owner, start_ns) if owner > 0 else "",
                *ending,
            )
            for row, tid, number, address, owner, start_ns, begin, end, ending in rows
        ]

    def _wakers(self) -> list[tuple[str, int]]:
        """Return of each wait that is drawn who ended it, and how long it was runnable then."""
        wakeups, row = self._wakeups, self._drawn.row
        if wakeups is None or self._wakeup is None:
            return [("", -1)] * len(row)
        found = self._wakeup[row]
        known = found >= 0
        runnable = self._events.wait_ns[row].copy()
        runnable[known] -= blocked_ns(self._events, wakeups, row[known], found[known])
        return [
            (_waker(wakeups, one), rest) if one >= 0 else ("", -1)
            for one, rest in zip(found.tolist(), runnable.tolist(), strict=True)
        ]

    def wakes(self) -> list[Wake]:
        """Return the wake-ups of the waits that are drawn."""
        wakeups, drawn = self._wakeups, self._drawn
        if wakeups is None or self._wakeup is None:
            return []
        found = self._wakeup[drawn.row]
        known = found >= 0
        rows = zip(
            found[known].tolist(),
            drawn.row[known].tolist(),
            *((moment[known]).tolist() for moment in (drawn.begin, drawn.end)),
            strict=True,
        )
        return [
            self._wake(wakeups, number, row, (begin + self._offset, end + self._offset))
            for number, row, begin, end in rows
        ]

    def _wake(self, wakeups: WakeupTable, number: int, row: int, span: tuple[int, int]) -> Wake:
        moment, tid = int(wakeups.time_ns[number]), int(wakeups.waker_tid[number])
        execname = wakeups.keys[int(wakeups.key_id[number])].execname
        time_ns = max(moment - self._origin_ns, 0)
        sleeper = int(self._events.tid[row])
        return Wake(
            pid=self._threads.pid(tid, moment, execname),
            tid=tid,
            time_ns=time_ns,
            execname=execname,
            stack=wakeups.stacks[int(wakeups.stack_id[number])],
            sleeper=_in_words(self._threads.execname(row), sleeper),
            sleeper_pid=self._threads.process(row),
            sleeper_tid=sleeper,
            ended_ns=min(max(time_ns, span[0]), span[1]),
        )


def _waker(wakeups: WakeupTable, number: int) -> str:
    tid = int(wakeups.waker_tid[number])
    if is_interrupt(wakeups.stacks[int(wakeups.stack_id[number])]):
        return f"{INTERRUPT} on tid {tid}"
    return _in_words(wakeups.keys[int(wakeups.key_id[number])].execname, tid)


__all__ = ["Rendered", "convert"]
