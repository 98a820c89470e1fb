"""Records of a real FreeBSD 13.2, for the formats of a D program to print."""

from __future__ import annotations

import os.path
import re
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDINGS = os.path.join(os.path.dirname(__file__), "..", "fixtures", "freebsd-13.2")

BEGIN_NS, BEGIN_WALL_NS = 261815987980, 1795372027596348298
END_NS, END_WALL_NS = 274726812735, 1795372041155037378
"""The clocks in events.out, at its begin and end."""

_FRAMES = r"((?:.*`.*\n)+)"
MAX_RECORDS = 300


class Record:
    """One cell of an aggregation."""

    def __init__(
        self, event: str, fields: dict[str, str], frames: str, value: int, count: int = 1
    ) -> None:
        self.event = event
        self.fields = fields
        self.frames = frames
        self.value = value
        self.count = count


class Event:
    """One event: the values of D expressions in its probe, and the stack."""

    def __init__(self, kind: str, values: dict[str, int | str], frames: str = "") -> None:
        self.kind = kind
        self.values = values
        self.frames = frames


def text_of(name: str) -> str:
    with open(os.path.join(RECORDINGS, name), "rb") as file:
        data = file.read()
    return (zlib.decompress(data, wbits=31) if name.endswith(".gz") else data).decode()


def records(mode: str, variant: str) -> list[Record]:
    """Return the records of an aggregating mode."""
    return list({"offcpu": _offcpu}.get(mode, _OTHERS.get(mode, _none))(variant))


def histograms(mode: str) -> list[Record]:
    """Return the bodies of quantize() in a mode, as the frames of records."""
    if mode == "locks":
        found = re.findall(
            r"^Q ([a-z-]+)\|(.*) (\n(?: .*\n)+)", text_of("lockstat-provider.out"), re.M
        )
        return [Record(event, _lock(event, name), body, 0) for event, name, body in found]
    body = re.findall(r"\n +value .*\n(?: .*\n)+", text_of("runq.out"))[0]
    events = ("runq-woken", "runq-preempted") if mode == "runq" else ("sleepq", "turnstile")
    return [Record(event, {"name": "pipelk", "class": ""}, body, 0) for event in events]


def user_frames() -> str:
    return next(record.frames for record in _oncpu("") if record.event == "user")


def _class_of(event: str, frames: str) -> str:
    """Return the class of a lock, which these recordings do not have, by who waits for it."""
    if event != "turnstile":
        return "sx" if "_sx_" in frames else ""
    return "rw" if "_rw_" in frames else "sleep mutex"


def _none(_variant: str) -> Iterator[Record]:
    return iter(())


def _offcpu(variant: str) -> Iterator[Record]:
    kind = r"(turnstile|sleepq)\|(.*)\n"
    fields = {"exec": "pvload"}
    if variant == "sdt":
        found = re.findall(rf"^@{kind}{_FRAMES}(\d+)$", text_of("sdt-offcpu.out"), re.M)
        for event, name, frames, value in found:
            key = {"name": name, "class": _class_of(event, frames), **fields}
            yield Record(event, key, frames, int(value))
        return
    found = re.findall(rf"^{kind}{_FRAMES}\n(\d+) (\d+)$", text_of("stock-offcpu.out"), re.M)
    for event, name, frames, value, count in found:
        key = {"name": name, "class": _class_of(event, frames), **fields}
        yield Record(event, key, frames, int(value), int(count))


def _oncpu(_variant: str) -> Iterator[Record]:
    numbers = {"on-cpu": 0, "user": 0}
    for block in text_of("oncpu.out.gz").strip().split("\n\n"):
        head, *frames, count = block.split("\n")
        event = "user" if head.startswith("user ") else "on-cpu"
        numbers[event] += 1
        if numbers[event] <= MAX_RECORDS:
            name = head.removeprefix("user ")
            stack = "".join(f"{frame}\n" for frame in frames)
            yield Record(event, {"exec": name}, stack, int(count))


def _lock(event: str, name: str) -> dict[str, str]:
    kind = event.rpartition("-")[0]
    lock_class = {"adaptive": "sleep mutex", "spin": "spin mutex", "thread": "spin mutex"}
    return {"name": name, "class": lock_class.get(kind, kind), "exec": "pvload"}


def _locks(_variant: str) -> Iterator[Record]:
    found = re.findall(
        rf"^([a-z]+-(?:spin|block))\|(.*)\n{_FRAMES}(\d+) (\d+)$",
        text_of("lockstat-provider.out"),
        re.M,
    )
    for event, name, frames, value, count in found:
        yield Record(event, _lock(event, name), frames, int(value), int(count))


def _wakeup(_variant: str) -> Iterator[Record]:
    found = re.findall(rf"^(\S.*)\n{_FRAMES}-> (.*)\n(\d+)$", text_of("wakeup.out"), re.M)
    for waker, frames, sleeper, value in found:
        # That recording does not have the wait message.
        fields = {"name": "wait", "sleeper": sleeper, "exec": waker}
        yield Record("wakeup", fields, frames, int(value))


def _runq(_variant: str) -> Iterator[Record]:
    # That recording has no stacks.
    frames = "kernel`mi_switch+0xc2\nkernel`sleepq_switch+0x115\n"
    for name, value, count in re.findall(r"^(\S+) (\d+) (\d+)$", text_of("runq.out"), re.M):
        for event in ("runq-woken", "runq-preempted"):
            yield Record(event, {"exec": name}, frames, int(value), int(count))


_OTHERS = {"oncpu": _oncpu, "locks": _locks, "wakeup": _wakeup, "runq": _runq}


def events(has_wakers: bool) -> list[Event]:
    """Return the sleeps and the runs that end them, in the order of a kernel's buffers."""
    found: list[Event] = []
    pattern = (
        r"^E (\d+) (\d+) (\d+) (\d+) (\d+) (\S+) ([ts]) ([0-9a-f]+) (\d+) (.*)\n\n((?: +.*\n)+)"
    )
    for match in re.finditer(pattern, text_of("events.out.gz"), re.M):
        start, waited, pid, tid, cpu = map(int, match.groups()[:5])
        where: dict[str, int | str] = {"pid": pid, "tid": tid, "cpu": cpu}
        names = {"execname": match[6], "object": int(match[8], 16), "name": match[10]}
        kind = "turnstile" if match[7] == "t" else "sleepq"
        names["class"] = _class_of(kind, match[11])
        values = {"timestamp": start, **where, **names, "owner": int(match[9])}
        found.append(Event(kind, values, match[11]))
        woken = {"timestamp": start + waited, "elapsed": waited, **where}
        found.append(Event("on-cpu", woken))
        if len(found) >= MAX_RECORDS:
            break
    if has_wakers:
        found += _wakers()
    return found


def _wakers() -> Iterator[Event]:
    text = text_of("events-wakeups.out.gz")
    pattern = r"^W (\d+) (\d+) (\d+) (\d+) (.*)\n\n((?: +.*\n)+)"
    for match in list(re.finditer(pattern, text, re.M))[:MAX_RECORDS]:
        time_ns, sleeper, waker, cpu = map(int, match.groups()[:4])
        values: dict[str, int | str] = {
            "timestamp": time_ns,
            "sleeper": sleeper,
            "tid": waker,
            "cpu": cpu,
            "execname": match[5],
        }
        yield Event("wakeup", values, match[6])
