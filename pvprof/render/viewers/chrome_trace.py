"""Threads in time as a Chrome trace: JSON that Perfetto, chrome://tracing and speedscope open.

Owns how the file is written, as Google's "Trace Event Format" has it. It refuses to decide what is
in it: ``pvprof.chrometrace`` does.

* A wait is a complete event (``X``). Those of one thread may touch, but never overlap: Perfetto
  drops what does not nest.
* Times are in microseconds, so nanoseconds are three decimals, written from integers.
* A wake-up is an instant (``i``) of the waker's thread, and a flow (``s``, ``f``) from there to the
  wait that it ended. A flow binds to what encloses its moment on its thread.
* Names of processes and threads are metadata (``M``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pvprof import __version__
from pvprof.model.stacks import Stack


class Track(NamedTuple):
    """One thread: its numbers, what it and its process are called, and where it stands."""

    pid: int
    tid: int
    process: str
    thread: str
    rank: int


class What(NamedTuple):
    """What is the same for many waits: name, kind, class, mechanism and stack."""

    name: str
    kind: str
    lock_class: str
    event: str
    stack: Stack


class Slice(NamedTuple):
    """One wait of a thread; times in ns from where the file begins.

    `object_address` is 0, and the texts are empty, where it is not known. `runnable_ns` is the part
    after the wake-up, -1 where none was recorded.
    """

    pid: int
    tid: int
    start_ns: int
    wait_ns: int
    what: What
    execname: str
    object_address: int
    owner: str
    waker: str
    runnable_ns: int


class Wake(NamedTuple):
    """One wake-up: when and by which thread, from which code, and of which wait's thread.

    `ended_ns` is the moment in the wait at which the arrow to it ends.
    """

    pid: int
    tid: int
    time_ns: int
    execname: str
    stack: Stack
    sleeper: str
    sleeper_pid: int
    sleeper_tid: int
    ended_ns: int


def render(
    facts: Mapping[str, str],
    tracks: Sequence[Track],
    slices: Iterable[Slice],
    wakes: Iterable[Wake],
) -> str:
    """Return the text of a Chrome trace, one event a line, with a final newline."""
    events = [
        *_metadata(tracks),
        *_slices(slices),
        *(text for number, wake in enumerate(wakes, 1) for text in _wake(wake, number)),
    ]
    other = {"exporter": f"pvprof@{__version__}", **facts}
    lines = ",\n".join(events)
    return (
        f'{{"displayTimeUnit":"ns",\n"otherData":{_json(other)},\n"traceEvents":[\n{lines}\n]}}\n'
    )


def _metadata(tracks: Sequence[Track]) -> Iterator[str]:
    named: set[int] = set()
    for one in tracks:
        if one.pid not in named:
            named.add(one.pid)
            yield _json(
                {"name": "process_name", "ph": "M", "pid": one.pid, "args": {"name": one.process}}
            )
        common = {"ph": "M", "pid": one.pid, "tid": one.tid}
        yield _json({"name": "thread_name", **common, "args": {"name": one.thread}})
        yield _json({"name": "thread_sort_index", **common, "args": {"sort_index": one.rank}})


def _slices(slices: Iterable[Slice]) -> Iterator[str]:
    heads: dict[What, tuple[str, str]] = {}
    for one in slices:
        what = one.what
        head = heads.get(what)
        if head is None:
            args = {"class": what.lock_class, "event": what.event}
            shown = {name: text for name, text in args.items() if text}
            head = heads[what] = (
                f'{{"name":{_json(what.name)},"cat":{_json(what.kind)},"ph":"X"',
                _json({**shown, "stack": what.stack})[1:-1],
            )
        more = f',"object":"0x{one.object_address:x}"' if one.object_address else ""
        more += f',"owner":{_json(one.owner)}' if one.owner else ""
        more += f',"waker":{_json(one.waker)}' if one.waker else ""
        more += f',"runnable_ns":{one.runnable_ns}' if one.runnable_ns >= 0 else ""
        yield (
            f'{head[0]},"ts":{microseconds(one.start_ns)},"dur":{microseconds(one.wait_ns)},'
            f'"pid":{one.pid},"tid":{one.tid},"args":{{{head[1]}{more}}}}}'
        )


def _wake(one: Wake, number: int) -> Iterator[str]:
    common = {"pid": one.pid, "tid": one.tid}
    at = f'"ts":{microseconds(one.time_ns)},'
    flow = {"name": "wakes", "cat": "wakeup", "id": number}
    yield (
        "{"
        + at
        + _json(
            {
                "name": f"wakes {one.sleeper}",
                "cat": "wakeup",
                "ph": "i",
                "s": "t",
                **common,
                "args": {"stack": one.stack},
            }
        )[1:]
    )
    yield "{" + at + _json({**flow, "ph": "s", **common})[1:]
    ended = {"ph": "f", "bp": "e", "pid": one.sleeper_pid, "tid": one.sleeper_tid}
    yield f'{{"ts":{microseconds(one.ended_ns)},' + _json({**flow, **ended})[1:]


def microseconds(time_ns: int) -> str:
    """Return a time that is not negative in microseconds, exact, as a number of JSON."""
    whole, part = divmod(time_ns, 1000)
    return f"{whole}.{part:03}" if part else str(whole)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
