r"""The maps of the program ``events``: single waits (``collect.bpftrace.wait_log`` prints them).

::

    K 65536\n        __schedule+1560\n ...            a stack and its number
    @waits_3   "38044796286341,1538": [[38044796286341, 131073, 4294968834, "sh"], 38044912042137]
               began, tid: began, number of the stack << 1 | D, CPU << 32 | pid, process; end
               With wakers, one element more: [time, number of the stack, CPU << 32 | tid, process]
    @open      "1538": [38044796286341, 131073, 4294968834, "sh"]     no end
    @begun     number of all waits

A map is printed again if tracing ended before it was cleared: then its keys are the same. All
stacks are printed once more at the end; they are read first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pvprof.model.mechanisms import off_cpu
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
from pvprof.parse.native.wait_rows import Sleep, WakeRecord
from pvprof.parse.text.frames import decode

STACKS_LINE = b'{"type": "map", "data": {"@stack_of": '
"""How the line begins that has all stacks."""

_STACK_RECORD = re.compile(rb"(?s)K ([0-9]{1,20})" + FRAMES)
_WAITS = re.compile(r"waits_[0-9]")
_HIGH_HALF = 1 << 32


class WaitMaps:
    """Reads single waits from maps into a `WaitRecorder`.

    Attributes:
        begun: the number of waits that the program saw begin; None if it did not print it.
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
        elif name == "open":
            add = self._add_open
        elif _WAITS.fullmatch(name):
            add = self._add_wait
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
        self._add_sleep(int(tid), sleep)

    def _add_wait(self, key: str, entry: Any) -> None:
        tid = int(key.partition(",")[2])
        sleep, spelled_end, *wakes = entry
        end_ns = whole_number(spelled_end)
        if end_ns < whole_number(sleep[0]):
            raise DamagedLineError
        self._add_sleep(tid, sleep)
        self._recorder.add_return(end_ns, tid)
        for time_ns, number, place, name in wakes:
            if time_ns:
                cpu, waker = divmod(whole_number(place), _HIGH_HALF)
                wake = WakeRecord(whole_number(time_ns), tid, waker, cpu)
                stack = self._stack(whole_number(number))
                self._recorder.add_wake(wake, self._wake_keys[name], stack)

    def _add_sleep(self, tid: int, sleep: Any) -> None:
        began_ns, numbered, place, name = sleep
        number, is_uninterruptible = divmod(whole_number(numbered), 2)
        cpu, pid = divmod(whole_number(place), _HIGH_HALF)
        key = self._sleep_keys[name, is_uninterruptible]
        sleep = Sleep(whole_number(began_ns), tid, pid, cpu)
        if not self._recorder.add_sleep(sleep, key, self._stack(number)):
            raise DamagedLineError
        self._known += 1

    def _stack(self, number: int) -> Stack:
        stack = self._stacks.get(number, NO_STACK)
        if stack == NO_STACK:
            self.lost_stacks += 1
        return stack


def _sleep_key(spelled: tuple[str, int]) -> Key:
    name, is_uninterruptible = spelled
    return Key(off_cpu(bool(is_uninterruptible)), execname=decode(raw_bytes(name)))


def _wake_key(name: str) -> Key:
    return Key("wakeup", execname=decode(raw_bytes(name)))
