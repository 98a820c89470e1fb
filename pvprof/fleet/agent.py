"""The agent: records short windows of this machine again and again, and delivers them.

Owns when it records, what that may cost, and what becomes of each recording. Each cycle has one
window, at a random moment of it: many hosts do not record at once, and nothing that a host does
each ten minutes is always in a window, or never::

    |------ cycle ------|------ cycle ------|
          [window]         [window]

A window is a ``pvprof record`` in a process of its own. Its CPU time, and that of the tracer, are
measured; what the probes take in the threads that they interrupt is not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pvprof.errors import PvprofError
from pvprof.fleet.children import Signals, pvprof_command, run_child, used_cpu_s
from pvprof.fleet.receivers import Receiver
from pvprof.fleet.spool import Spool
from pvprof.recording.manifest import Manifest
from pvprof.recording.open import open_recording
from pvprof.units import NS_PER_S, format_value

MAX_STRIKES = 3
"""Number of windows in a row beyond a limit that end the agent."""

_MAX_BATCH = 100
_USAGE = 2


class CostError(PvprofError):
    """Recording costs more than the user allows."""


@dataclass(frozen=True, slots=True)
class CostLimits:
    """What a window may cost.

    Attributes:
        cpu_percent: CPU time of recording and delivering, in percent of one CPU over a cycle.
        drops: number of records that the tracer may drop in a window.
    """

    cpu_percent: float
    drops: int


@dataclass(frozen=True, slots=True)
class Windows:
    """When and what is recorded.

    Attributes:
        every_ns: length of a cycle.
        length_ns: of a window.
        modes: recorded by turns.
        record_words: further words for ``pvprof record``.
        count: number of windows after which the agent ends; 0 for no end.
    """

    every_ns: int
    length_ns: int
    modes: tuple[str, ...]
    record_words: tuple[str, ...] = ()
    count: int = 0

    def start_in(self, begin_s: float, chance: random.Random) -> float:
        """Return the begin of the window of a cycle that begins at `begin_s`, in s."""
        return begin_s + chance.uniform(0, (self.every_ns - self.length_ns) / NS_PER_S)


@dataclass(slots=True)
class Agent:
    """Records and delivers until a signal ends it.

    Attributes:
        windows: when and what is recorded.
        limits: what that may cost.
        spool: keeps recordings until they are delivered.
        receiver: takes them.
        tell: is given a line on each thing that goes wrong.
        note: is given a line on each window.
        chance: chooses the moments.
        recorded: number of windows so far.
        strikes: number of windows in a row that were beyond a limit.
    """

    windows: Windows
    limits: CostLimits
    spool: Spool
    receiver: Receiver
    tell: Callable[[str], None]
    note: Callable[[str], None]
    chance: random.Random = field(default_factory=random.SystemRandom)
    recorded: int = 0
    strikes: int = 0

    def run(self, signals: Signals) -> None:
        """Record until a signal ends or reloads the agent, or all windows were recorded.

        Raises:
            CostError: it costs too much.
            PvprofError: an option of ``pvprof record`` is wrong.
        """
        every_s = self.windows.every_ns / NS_PER_S
        begin_s = time.monotonic()
        while signals.sleep_until(self.windows.start_in(begin_s, self.chance)):
            mode = self.windows.modes[self.recorded % len(self.windows.modes)]
            before_s = used_cpu_s()
            drops = self._record(mode, signals)
            self._deliver(signals)
            self.recorded += 1
            if not signals.is_ending:
                self._check_cost(100 * (used_cpu_s() - before_s) / every_s, drops)
            if self.recorded == self.windows.count:
                return
            # A machine that slept has missed cycles: they are not made up for.
            begin_s = max(begin_s, time.monotonic() - every_s) + every_s
            if not signals.sleep_until(begin_s):
                return

    def _record(self, mode: str, signals: Signals) -> int:
        """Record a window into the spool; return the number of records that were dropped."""
        self._trim()
        if not self.spool.has_room():
            self.tell(f"{self.spool.path}: the disk is nearly full: no window is recorded")
            return 0
        path = self.spool.new_file(mode)
        length = f"{self.windows.length_ns}ns"
        words = ("record", mode, "-q", "--duration", length, "-o", str(path))
        command = pvprof_command(*words, *self.windows.record_words)
        before_s = used_cpu_s()
        ended = run_child(command, signals, self.spool.max_bytes)
        if ended.status == _USAGE:
            raise PvprofError(f"pvprof record: {ended.said}")
        if not path.exists():
            say = self.note if signals.is_ending else self.tell
            say(f"{mode}: no window was recorded: {ended.said or ended.status}")
            return 0
        drops = self._manifest_of(path).drops
        size, cpu_s = format_value(path.stat().st_size, "bytes"), used_cpu_s() - before_s
        state = "" if ended.status == 0 else f"; {ended.said}"
        self.note(f"{path.name}: {size}, {drops:,} drops, {cpu_s:.1f} s of CPU{state}")
        return drops

    def _manifest_of(self, path: Path) -> Manifest:
        try:
            return open_recording(str(path)).manifest
        except PvprofError as error:
            self.tell(f"{path.name}: {error.message}")
            return Manifest()

    def _deliver(self, signals: Signals) -> None:
        """Deliver what is in the spool, the oldest first."""
        waiting = self.spool.recordings()
        for first in range(0, len(waiting), _MAX_BATCH):
            if signals.is_ending:
                return
            batch = waiting[first : first + _MAX_BATCH]
            reason = self._try(batch, signals)
            if reason and len(batch) > 1:  # one of them may be the reason
                reasons = [self._try([path], signals) for path in batch if not signals.is_ending]
                reason = next(filter(None, reasons), "")
            if reason:
                self._tell_kept(reason)
                return

    def _try(self, paths: list[Path], signals: Signals) -> str:
        reason = self.receiver.deliver(paths, signals)
        if not reason and not signals.is_ending:
            for path in paths:
                self.spool.remove(path)
        return reason

    def _tell_kept(self, reason: str) -> None:
        count, size = len(self.spool.recordings()), format_value(self.spool.size_bytes(), "bytes")
        self.tell(
            f"not delivered: {reason}; {count:,} recordings ({size}) wait in {self.spool.path}"
        )

    def _trim(self) -> None:
        dropped = self.spool.trim()
        if dropped.count:
            size = format_value(dropped.size_bytes, "bytes")
            self.tell(
                f"removed the {dropped.count:,} oldest recordings ({size}), which were not"
                " delivered: the spool has its largest size"
            )

    def _check_cost(self, cpu_percent: float, drops: int) -> None:
        """Count a window that is beyond a limit.

        Raises:
            CostError: it is one too many.
        """
        beyond = []
        if cpu_percent > self.limits.cpu_percent:
            beyond.append(f"{cpu_percent:.2f}% of a CPU (limit {self.limits.cpu_percent:g}%)")
        if drops > self.limits.drops:
            beyond.append(f"{drops:,} records dropped (limit {self.limits.drops:,})")
        if not beyond:
            self.strikes = 0
            return
        self.strikes += 1
        text = " and ".join(beyond)
        self.tell(f"a window cost {text}: {self.strikes} of {MAX_STRIKES} in a row")
        if self.strikes == MAX_STRIKES:
            raise CostError(
                f"recording costs too much: {text}", "--for, --every, --max-cpu, --max-drops"
            )
