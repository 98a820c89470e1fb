"""Threads in time as a Chrome trace: JSON that Perfetto, chrome://tracing and speedscope open.

Owns the form of the file, Google's "Trace Event Format". It refuses to decide what is in it
(``views.viewers.chrome_trace`` does).

* A wait is a complete event (``X``). Those of one thread may touch, but never overlap: Perfetto
  drops what does not nest.
* Times are in microseconds, so nanoseconds are three decimals, written from integers.
* A wake-up is an instant (``i``) of the waker's thread, and a flow (``s``, ``f``) from there to the
  wait that it ended. A flow binds to what encloses its moment on its thread.
* Names of processes and threads are metadata (``M``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pvprof import __version__
from pvprof.model.problems import Problem
from pvprof.render.data.encoding import json_text
from pvprof.render.rendered import Rendered
from pvprof.views.viewers.chrome_trace import ChromeTraceView, Reason, Slice, Track, Wake

VIEWABLE_BYTES = 1 << 29
"""Chrome's texts have at most this many characters: it opens no larger trace."""


def render(view: ChromeTraceView) -> Rendered:
    """Return the text of a Chrome trace, one event a line, with a final newline."""
    events = [
        *_metadata(view.tracks),
        *_slices(view.slices),
        *(text for number, wake in enumerate(view.wakes, 1) for text in _wake(wake, number)),
    ]
    other = {"exporter": f"pvprof@{__version__}", **view.facts}
    lines = ",\n".join(events)
    text = (
        f'{{"displayTimeUnit":"ns",\n"otherData":{json_text(other)},\n'
        f'"traceEvents":[\n{lines}\n]}}\n'
    )
    return Rendered(text, (*view.problems, *_problems_of_size(len(text))))


def _problems_of_size(size: int) -> Iterator[Problem]:
    if size > VIEWABLE_BYTES:
        reason = "browsers hold no text of more than 536 MB"
        words = f"the trace has {size / 1e6:,.0f} MB: {reason}; --from and --to make it smaller"
        yield Problem("large-file", words)


def _metadata(tracks: Sequence[Track]) -> Iterator[str]:
    named: set[int] = set()
    for track in tracks:
        if track.pid not in named:
            named.add(track.pid)
            process = {"name": "process_name", "ph": "M", "pid": track.pid}
            yield json_text({**process, "args": {"name": track.process}})
        common = {"ph": "M", "pid": track.pid, "tid": track.tid}
        yield json_text({"name": "thread_name", **common, "args": {"name": track.thread}})
        yield json_text({"name": "thread_sort_index", **common, "args": {"sort_index": track.rank}})


def _slices(slices: Iterable[Slice]) -> Iterator[str]:
    heads: dict[Reason, tuple[str, str]] = {}
    for wait in slices:
        reason = wait.reason
        head = heads.get(reason)
        if head is None:
            args = {"class": reason.lock_class, "event": reason.mechanism}
            shown = {name: text for name, text in args.items() if text}
            head = heads[reason] = (
                f'{{"name":{json_text(reason.name)},"cat":{json_text(reason.kind)},"ph":"X"',
                json_text({**shown, "stack": reason.stack})[1:-1],
            )
        more = f',"object":"0x{wait.object_address:x}"' if wait.object_address else ""
        more += f',"owner":{json_text(wait.owner)}' if wait.owner else ""
        more += f',"waker":{json_text(wait.waker)}' if wait.waker else ""
        more += f',"runnable_ns":{wait.runnable_ns}' if wait.runnable_ns >= 0 else ""
        yield (
            f'{head[0]},"ts":{microseconds(wait.start_ns)},"dur":{microseconds(wait.wait_ns)},'
            f'"pid":{wait.pid},"tid":{wait.tid},"args":{{{head[1]}{more}}}}}'
        )


def _wake(wake: Wake, number: int) -> Iterator[str]:
    common = {"pid": wake.pid, "tid": wake.tid}
    time = f'"ts":{microseconds(wake.time_ns)},'
    flow = {"name": wake.verb, "cat": "wakeup", "id": number}
    instant = {"name": f"{wake.verb} {wake.sleeper}", "cat": "wakeup", "ph": "i", "s": "t"}
    yield "{" + time + json_text({**instant, **common, "args": {"stack": wake.stack}})[1:]
    yield "{" + time + json_text({**flow, "ph": "s", **common})[1:]
    end = {"ph": "f", "bp": "e", "pid": wake.sleeper_pid, "tid": wake.sleeper_tid}
    yield f'{{"ts":{microseconds(wake.ended_ns)},' + json_text({**flow, **end})[1:]


def microseconds(time_ns: int) -> str:
    """Return a time, not negative, in microseconds: exact, as a number of JSON."""
    whole, part = divmod(time_ns, 1000)
    return f"{whole}.{part:03}" if part else str(whole)
