"""The critical path as a Chrome trace: its threads in time, with arrows from waker to sleeper.

A track for each thread that the path visits has the parts of the path that are in it; so at each
moment exactly one track has an event, and the lengths of all events add up to the run. An arrow
shows where the path goes from one thread to another. ``render.viewers.chrome_trace`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pvprof.analysis.critical_path.answer import PathReport, RunPath, Segment
from pvprof.analysis.critical_path.walk import NO_WAIT, State
from pvprof.analysis.waits.wakeups import NO_WAKEUP
from pvprof.errors import UsageError
from pvprof.model.stacks import NO_STACK, Stack
from pvprof.views.critical_path.path_tables import label
from pvprof.views.tables.table import TableOptions
from pvprof.views.viewers.chrome_trace import ChromeTraceView, Reason, Slice, Track, Wake

_SECOND_LIVES = 100_000_000
"""Ids of the tracks of threads whose id another thread had before: beyond those of any system."""


def the_run(report: PathReport) -> RunPath:
    """Return the only run of a report.

    Raises:
        UsageError: it has several: their clocks have nothing in common.
    """
    if len(report.runs) > 1:
        raise UsageError(f"a picture in time is of one recording, not of {len(report.runs)}")
    return report.runs[0]


def build(report: PathReport, _options: TableOptions) -> ChromeTraceView:
    """Return the path of one recording as events of a trace.

    Raises:
        UsageError: there are several recordings.
    """
    run = the_run(report)
    tracks = _tracks(report, run)
    return ChromeTraceView(
        facts={"recording": run.run.name, "path": f"{run.path.length_ns} ns"},
        tracks=list(tracks.values()),
        slices=[_slice(segment, tracks, report, run) for segment in report.segments(run)],
        wakes=list(_wakes(report, run, tracks)),
    )


def _tracks(report: PathReport, run: RunPath) -> dict[int, Track]:
    """Return a track for each life of the path; those visited first come first."""
    tracks: dict[int, Track] = {}
    shares = {share.life: share for share in run.threads}
    for life in run.path.lives.tolist():
        if life not in tracks:
            share = shares[life]
            process = share.execname or "[no name]"
            pid = share.pid if share.pid >= 0 else share.tid
            is_used = any(one.tid == share.tid for one in tracks.values())
            tid = _SECOND_LIVES + life if is_used else share.tid
            name = f"{process}/{share.tid}"
            tracks[life] = Track(pid, tid, process, name, len(tracks))
    return tracks


def _slice(segment: Segment, tracks: dict[int, Track], report: PathReport, run: RunPath) -> Slice:
    track = tracks[segment.life]
    cause, events = segment.cause, report.events
    stack = NO_STACK if segment.row == NO_WAIT else events.stacks[events.stack_id[segment.row]]
    state = State(segment.state).name.lower()
    return Slice(
        pid=track.pid,
        tid=track.tid,
        start_ns=segment.begin_ns - run.graph.begin_ns,
        wait_ns=segment.end_ns - segment.begin_ns,
        reason=Reason(label(cause), cause.kind or state, "", state, stack),
        execname=track.process,
        object_address=0,
        owner="",
        waker="",
        runnable_ns=-1,
    )


def _wakes(report: PathReport, run: RunPath, tracks: dict[int, Track]) -> Iterator[Wake]:
    """Yield an arrow for each place where the path goes from one thread to another.

    A thread in which it stays for no time at all has none.
    """
    path, wakeups = run.path, report.measured.measurement.wakeups
    hops = zip(path.hop_times.tolist(), path.hop_to.tolist(), path.hop_waits.tolist(), strict=True)
    wait_of = {(time_ns, target): wait for time_ns, target, wait in hops}
    parts = zip(path.starts.tolist(), path.lives.tolist(), strict=True)
    for (_, source), (time_ns, target) in pairwise(parts):
        wait = wait_of.get((time_ns, target))
        if source == target or wait is None:
            continue
        waker, sleeper = tracks[source], tracks[target]
        row = NO_WAKEUP if wait == NO_WAIT else int(run.graph.wakeup[wait])
        stack: Stack = NO_STACK
        if wakeups is not None and row != NO_WAKEUP:
            stack = wakeups.stacks[wakeups.stack_id[row]]
        yield Wake(
            pid=waker.pid,
            tid=waker.tid,
            time_ns=max(time_ns - 1, 0),  # within the event that ends there
            execname=waker.process,
            stack=stack,
            sleeper=sleeper.thread,
            sleeper_pid=sleeper.pid,
            sleeper_tid=sleeper.tid,
            ended_ns=time_ns,
            verb="creates" if wait == NO_WAIT else "wakes",
        )
