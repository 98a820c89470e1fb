r"""The maps of ``events`` and ``path``: single waits (``collect.bpftrace.wait_log``, ``path_log``).

::

    K 65536\n        __schedule+1560\n ...            a stack and its number
    @waits_3   "38044796286341,1538": [[38044796286341, 131073, 4294968834, "sh"], 38044912042137]
               began, tid: began, number of the stack << 1 | D, CPU << 32 | pid, process; end
               With wakers, one element more: [time, number of the stack, CPU << 32 | tid, process]
    @open      "1538": [38044796286341, 131073, 4294968834, "sh"]     no end
    @begun     number of all waits
    @spans_3, @open_spans   the same of ``path``: number of the stack << 3 | kind, always wakers
    E 38044912042137 1541 1538 1 sh     a thread executes a program as its process's first thread:
                                        time, number before, number now, CPU, process

A map is printed again if tracing ended before it was cleared: then its keys are the same. All
stacks are printed once more at the end; they are read first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pvprof.model.mechanisms import NEW_THREAD, off_cpu
from pvprof.model.profile import Key
from pvprof.model.stacks import NO_STACK, Stack
from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.bpftrace_json import (
    FRAMES,
    DamagedLineError,
    frames_in,
    pairs_of,
    raw_bytes,
    whole_number,
)
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.native.wait_rows import UNKNOWN_CREATOR, Exit, Sleep, WakeRecord
from pvprof.parse.text.frames import decode

STACKS_LINE = b'{"type": "map", "data": {"@stack_of": '
"""How the line begins that has all stacks."""

_STACK_RECORD = re.compile(rb"(?s)K ([0-9]{1,20})" + FRAMES)
_WAITS = re.compile(r"(waits|spans)_[0-9]")
_EXEC_IN_THREAD = re.compile(rb"(?s)E ([0-9]{1,20}) ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10}) (.*)")
_HIGH_HALF = 1 << 32
_KIND_BITS_OF_WAITS, _KIND_BITS = 1, 3
_ENDED, _NEW, _FIRST = 3, 4, 5
_KINDS = (off_cpu(False), off_cpu(True), "runq-preempted", "exit", NEW_THREAD, NEW_THREAD)
"""Mechanisms by the kind of a span (``collect.bpftrace.path_log``)."""


class _Began(NamedTuple):
    """Where and when a span of time began; `place` is CPU << 32 | pid."""

    time_ns: int
    number: int
    place: int
    name: str


class WaitMaps:
    """Reads single waits from maps into a `WaitRecorder`.

    Attributes:
        begun: the number of waits that the program saw begin, and of threads that it saw end; None
            if it did not print it.
        lost_stacks: number of waits and wake-ups whose stack was lost.
        damaged: number of entries that could not be read.
    """

    def __init__(self, recorder: WaitRecorder, stack_from: Callable[[list[bytes]], Stack]) -> None:
        """Add the waits to `recorder`; `stack_from` makes a stack of frames, leaf first."""
        self._recorder = recorder
        self._stack_from = stack_from
        self._stacks: dict[int, Stack] = {}
        self._sleep_keys = LineCache(_sleep_key)
        self._wake_keys = LineCache(_wake_key)
        self._last_keys: dict[str, set[str]] = {}
        self._known = 0
        self.begun: int | None = None
        self.lost_stacks = 0
        self.damaged = 0

    def read_stack(self, text: bytes) -> bool:
        """Read a stack and its number; return False if the text is something else."""
        match = _STACK_RECORD.fullmatch(text)
        if match is None:
            return False
        self._add_stack(int(match.group(1)), match.group(2))
        return True

    def read_exec(self, text: bytes) -> bool:
        """Read that a thread became the first of its process; return False if it is nothing such.

        Raises:
            DamagedLineError: a number is too large.
        """
        match = _EXEC_IN_THREAD.fullmatch(text)
        if match is None:
            return False
        time_ns, before, now, cpu = map(int, match.groups()[:4])
        name = match[5].decode("utf-8", "surrogateescape")
        self._add_exit(Exit(time_ns, before, now, cpu), name)
        birth = Sleep(time_ns, now, now, cpu, owner_tid=before)
        if not self._recorder.add_sleep(birth, self._sleep_keys[name, _NEW], NO_STACK):
            raise DamagedLineError
        self._recorder.add_return(time_ns, now)
        return True

    def read_map(self, name: str, entries: Any) -> bool:
        """Read a map of this name; return False if it is none of these.

        Raises:
            DamagedLineError: it does not have the form of such a map.
        """
        if name == "begun":
            # bpftrace prints it again, as 0, after the program has cleared it.
            self.begun = max(self.begun or 0, whole_number(entries))
            return True
        add: Callable[[str, Any], None]
        if name == "stack_of":
            add = self._add_printed_stack
        elif name in ("open", "open_spans"):
            add = self._add_open if name == "open" else self._add_open_span
        elif match := _WAITS.fullmatch(name):
            add = self._add_wait if match[1] == "waits" else self._add_span
            printed_before = self._last_keys.get(name, set())
            entries = pairs_of(entries)
            self._last_keys[name] = {key for key, _ in entries}
            entries = [pair for pair in entries if pair[0] not in printed_before]
        else:
            return False
        for key, entry in pairs_of(entries):
            try:
                add(key, entry)
            except (ValueError, TypeError, LookupError, AttributeError):
                self.damaged += 1
        return True

    def lost(self, missed: int) -> int:
        """Return the number of waits that began but were not printed, without the missed ones."""
        return 0 if self.begun is None else max(self.begun - self._known - missed, 0)

    def _add_printed_stack(self, number: str, frames: str) -> None:
        self._add_stack(int(number), raw_bytes(frames))

    def _add_stack(self, number: int, frames: bytes) -> None:
        if number not in self._stacks:
            self._stacks[number] = self._stack_from(frames_in(frames, is_kernel=True))

    def _add_open(self, tid: str, sleep: Any) -> None:
        self._add_sleep(int(tid), *_with_kind(sleep, _KIND_BITS_OF_WAITS))

    def _add_open_span(self, tid: str, sleep: Any) -> None:
        self._add_sleep(int(tid), *_with_kind(sleep, _KIND_BITS))

    def _add_wait(self, key: str, entry: Any) -> None:
        sleep, end, *wakes = entry
        began, kind = _with_kind(sleep, _KIND_BITS_OF_WAITS)
        self._add_ended(int(key.partition(",")[2]), began, kind, end, wakes)

    def _add_span(self, key: str, entry: Any) -> None:
        tid = int(key.partition(",")[2])
        sleep, end, wake = entry
        began, kind = _with_kind(sleep, _KIND_BITS)
        if kind == _ENDED:
            cpu, pid = divmod(began.place, _HIGH_HALF)
            self._add_exit(Exit(began.time_ns, tid, pid, cpu), began.name)
            self._known += 1
        else:
            self._add_ended(tid, began, kind, end, [wake])

    def _add_exit(self, exit_: Exit, name: str) -> None:
        if not self._recorder.add_exit(exit_, self._sleep_keys[name, _ENDED]):
            raise DamagedLineError

    def _add_ended(self, tid: int, began: _Began, kind: int, end: Any, wakes: list[Any]) -> None:
        """Add a wait of a known end, and the wake-up that ended it if there is one."""
        end_ns = whole_number(end)
        if end_ns < began.time_ns:
            raise DamagedLineError
        wakes = [wake for wake in wakes if wake[0]]
        waker = whole_number(wakes[-1][2]) % _HIGH_HALF if wakes else UNKNOWN_CREATOR
        self._add_sleep(tid, began, kind, waker)
        self._recorder.add_return(end_ns, tid)
        for time_ns, number, place, name in wakes:
            cpu, waker = divmod(whole_number(place), _HIGH_HALF)
            wake = WakeRecord(whole_number(time_ns), tid, waker, cpu)
            stack = self._stack(whole_number(number))
            self._recorder.add_wake(wake, self._wake_keys[name], stack)

    def _add_sleep(
        self, tid: int, began: _Began, kind: int, creator: int = UNKNOWN_CREATOR
    ) -> None:
        """Add the beginning of a wait; `creator` is who created the thread if it is a birth."""
        cpu, pid = divmod(began.place, _HIGH_HALF)
        owner = {_NEW: creator, _FIRST: 0}.get(kind, 0)
        stack = NO_STACK if kind in (_NEW, _FIRST) else self._stack(began.number)
        sleep = Sleep(began.time_ns, tid, pid, cpu, owner)
        if not self._recorder.add_sleep(sleep, self._sleep_keys[began.name, kind], stack):
            raise DamagedLineError
        self._known += 1

    def _stack(self, number: int) -> Stack:
        stack = self._stacks.get(number, NO_STACK)
        if stack == NO_STACK:
            self.lost_stacks += 1
        return stack


def _with_kind(entry: Any, bits: int) -> tuple[_Began, int]:
    """Return the first part of an entry, and its kind, which is in the low bits of a number."""
    time_ns, numbered, place, name = entry
    number, kind = divmod(whole_number(numbered), 1 << bits)
    return _Began(whole_number(time_ns), number, whole_number(place), name), kind


def _sleep_key(spelled: tuple[str, int]) -> Key:
    name, kind = spelled
    return Key(_KINDS[kind], execname=decode(raw_bytes(name)))


def _wake_key(name: str) -> Key:
    return Key("wakeup", execname=decode(raw_bytes(name)))
