"""What a user may ask of a tracing program, whichever tracer runs it.

Owns the options and the check that a mode takes them. They are data; ``dtrace.programs`` and
``bpftrace.programs`` build the program that follows from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pvprof.collect.modes import MODES, Mode
from pvprof.errors import UsageError
from pvprof.units import format_ns

MAX_FRAMES = 127
MAX_RATE_HZ = 9999
MIN_EVERY_NS = 500_000_000
"""The shortest interval of sums: a bpftrace program takes 0.1 s to hand over one."""

Scope = Literal["system", "tree"]


@dataclass(frozen=True, slots=True)
class ProgramOptions:
    """Filters and sizes of one program.

    Attributes:
        scope: ``system``: every process; ``tree``: the workload's processes only. ``$1`` is then
            the process that starts the workload; it is left out itself.
        ends_with_workload: whether the program ends when process ``$1`` exits.
        duration_ns: how long to trace, or 0 for no limit.
        pid: only this process, or 0.
        execname: only processes of this name, or empty.
        kernel_processes: whether threads of kernel processes count; None: as the mode has it.
        min_wait_ns: shorter waits are only counted and summed up, not recorded.
        by_process: whether the process's name is part of an aggregation's key.
        user_stack: whether the user stack is recorded as well; None: as the mode has it.
        wakers: whether ``events`` records each waker's stack.
        histogram: whether a histogram of the waits is kept per name; None: as the mode has it.
        stack_frames: maximum number of frames per stack.
        rate_hz: samples per second and CPU of ``oncpu``.
        buffer_mb: size of each CPU's buffers, or 0 for the mode's own.
        variable_mb: size of the space for variables.
        every_ns: length of the intervals at whose ends the sums are printed, and begin anew; 0:
            they are printed once, at the end.
    """

    scope: Scope = "system"
    ends_with_workload: bool = False
    duration_ns: int = 0
    pid: int = 0
    execname: str = ""
    kernel_processes: bool | None = None
    min_wait_ns: int = 0
    by_process: bool = False
    user_stack: bool | None = None
    wakers: bool = False
    histogram: bool | None = None
    stack_frames: int = 32
    rate_hz: int = 997
    buffer_mb: int = 0
    variable_mb: int = 32
    every_ns: int = 0

    def resolved(self, mode: Mode, program: str) -> ProgramOptions:
        """Return the options with the mode's defaults filled in: none is None any more.

        Raises:
            UsageError: a value is impossible, or the mode does not take an option that is set;
                the message names `program`.
        """
        self._check_values()
        for flag, is_set in RESTRICTED.items():
            if is_set(self) and flag not in mode.options:
                modes = ", ".join(other.name for other in MODES.values() if flag in other.options)
                raise UsageError(f"{flag} does not work with {program}", f"it works with {modes}")
        if self.every_ns and not mode.has_intervals:
            modes = ", ".join(other.name for other in MODES.values() if other.has_intervals)
            raise UsageError(f"{program} has no sums of intervals", f"these modes have: {modes}")
        return replace(
            self,
            kernel_processes=_default(self.kernel_processes, mode.has_kernel_processes),
            user_stack=_default(self.user_stack, mode.has_user_stack),
            histogram=_default(self.histogram, mode.has_histogram),
        )

    def _check_values(self) -> None:
        if _NOT_IN_A_PROGRAM.search(self.execname):
            raise UsageError(
                "a process name cannot hold quotes, backslashes, newlines or bytes that are not"
                " UTF-8 here"
            )
        if self.stack_frames < 1 or self.stack_frames > MAX_FRAMES:
            raise UsageError(f"stack frames: 1 to {MAX_FRAMES}")
        if self.rate_hz < 1 or self.rate_hz > MAX_RATE_HZ:
            raise UsageError(f"sampling rate: 1 to {MAX_RATE_HZ} a second")
        if self.buffer_mb < 0 or self.variable_mb < 1 or self.min_wait_ns < 0 or self.pid < 0:
            raise UsageError("sizes, times and process ids cannot be negative")
        if self.every_ns and self.every_ns < MIN_EVERY_NS:
            raise UsageError(f"intervals: at least {format_ns(MIN_EVERY_NS)}")


_NOT_IN_A_PROGRAM = re.compile(r'["\\\n\0\ud800-\udfff]')


def _default(value: bool | None, default: bool) -> bool:
    return default if value is None else value


RESTRICTED: dict[str, Callable[[ProgramOptions], bool]] = {
    "--min-wait": lambda options: options.min_wait_ns > 0,
    "--wakers": lambda options: options.wakers,
    "--user-stack": lambda options: options.user_stack is True,
    "--histogram": lambda options: options.histogram is True,
}
"""By flag of an option that only some modes take (`Mode.options`): whether the user set it."""
