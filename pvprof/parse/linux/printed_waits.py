r"""Single waits as older programs ``events`` printed them: one record for each half of a wait.

::

    S 26181 1001 1001 0 2\n        __schedule+1560\n.sh     begins: time, tid, pid, CPU, 2 if it
                                                            cannot be interrupted; stack; process
    R 26185 1001 0                                          runs again: time, tid, CPU
    W 26184 1001 7 1\n        try_to_wake_up+932\n.cc       is woken: time, sleeper, waker, CPU; ...

The name of a process comes last, after a dot, with which no frame begins: it may hold anything.
"""

from __future__ import annotations

import re
from functools import partial

from pvprof.model.mechanisms import off_cpu
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.bpftrace_json import FRAMES, frames_in
from pvprof.parse.linux.tracing_frames import TracedStacks
from pvprof.parse.native.wait_records import WaitRecorder
from pvprof.parse.native.wait_rows import Sleep, WakeRecord
from pvprof.parse.text.frames import decode

_SLEEP = re.compile(
    rb"(?s)S ([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,9}) ([0-9]{1,9})"
    + FRAMES
    + rb"\.(.*)"
)
_RETURN = re.compile(rb"R ([0-9]{1,19}) ([0-9]{1,19}) [0-9]{1,9}")
_WAKE = re.compile(
    rb"(?s)W ([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,9})" + FRAMES + rb"\.(.*)"
)


class PrintedWaits:
    """Reads the records of waits into a `WaitRecorder`."""

    def __init__(self, recorder: WaitRecorder, traced: TracedStacks) -> None:
        self._recorder = recorder
        self._stacks = LineCache(partial(_stack, traced))
        self._sleep_keys = LineCache(_sleep_key)
        self._wake_keys = LineCache(_wake_key)

    def read(self, text: bytes) -> bool | None:
        """Add a record; return False if a number in it does not fit, None if it is no record."""
        if match := _RETURN.fullmatch(text):
            time, tid = match.groups()
            return self._recorder.add_return(int(time), int(tid))
        if match := _SLEEP.fullmatch(text):
            time, tid, pid, cpu, state, frames, name = match.groups()
            key = self._sleep_keys[name, state != b"0"]
            sleep = Sleep(int(time), int(tid), int(pid), int(cpu))
            return self._recorder.add_sleep(sleep, key, self._stacks[frames])
        if match := _WAKE.fullmatch(text):
            time, sleeper, waker, cpu, frames, name = match.groups()
            wake = WakeRecord(int(time), int(sleeper), int(waker), int(cpu))
            return self._recorder.add_wake(wake, self._wake_keys[name], self._stacks[frames])
        return None


def _sleep_key(spelled: tuple[bytes, bool]) -> Key:
    execname, is_uninterruptible = spelled
    return Key(off_cpu(is_uninterruptible), execname=decode(execname))


def _wake_key(execname: bytes) -> Key:
    return Key("wakeup", execname=decode(execname))


def _stack(traced: TracedStacks, frames: bytes) -> Stack:
    return traced.stack_of(frames_in(frames, is_kernel=True))
