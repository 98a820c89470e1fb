"""What a user may ask of a tracing program, whichever tracer runs it.

Owns the options and which of them a mode has no use for. They are data; the program that follows
from them is put together in ``dscript.programs`` and ``btscript.programs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pvprof.errors import UsageError

Scope = Literal["system", "tree"]


@dataclass(frozen=True, slots=True)
class ProgramOptions:
    """Filters and sizes of one program.

    Attributes:
        scope: ``system``: every process; ``tree``: the workload's processes only. ``$1`` is then
            the process that starts the workload: it is left out itself.
        ends_with_workload: whether the program ends when process ``$1`` exits.
        duration_ns: how long to trace, or 0 for no limit.
        pid: only this process, or 0.
        execname: only processes of this name, or empty.
        kernel_processes: whether threads of kernel processes count; None: as suits the mode.
        min_wait_ns: shorter waits are only counted, not recorded.
        by_process: whether the process's name is part of an aggregation's key.
        user_stack: whether the user stack is recorded as well; None: as suits the mode.
        wakers: whether ``events`` records each waker's stack.
        histogram: whether a histogram of the waits is kept for each name; None: as suits the mode.
        stack_frames: how many frames of a stack are kept.
        rate_hz: samples a second and CPU of ``oncpu``.
        buffer_mb: size of each CPU's buffers, or 0 for the mode's own.
        variable_mb: size of the space for thread-local variables.
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

    def check(self, mode: str) -> None:
        """See that the options fit a mode.

        Raises:
            UsageError: one of them means nothing to it, or cannot be.
        """
        if self.execname.encode().translate(None, b'"\\\n\0') != self.execname.encode():
            raise UsageError("a process name cannot hold quotes, backslashes or newlines here")
        if self.stack_frames < 1 or self.stack_frames > _MOST_FRAMES:
            raise UsageError(f"stack frames: 1 to {_MOST_FRAMES}")
        if self.rate_hz < 1 or self.rate_hz > _FASTEST_HZ:
            raise UsageError(f"sampling rate: 1 to {_FASTEST_HZ} a second")
        if self.buffer_mb < 0 or self.variable_mb < 1 or self.min_wait_ns < 0 or self.pid < 0:
            raise UsageError("sizes, times and process ids cannot be negative")
        for name, (is_set, modes, reason) in self._restricted().items():
            if is_set and mode not in modes:
                raise UsageError(f"{name} does not work with {mode}: {reason}")

    def _restricted(self) -> dict[str, tuple[bool, tuple[str, ...], str]]:
        """Return what only some modes can do: whether it is asked, by which modes, why only."""
        offcpu = ("offcpu", "offcpu-sdt")
        return {
            "--min-wait": (
                self.min_wait_ns > 0,
                (*offcpu, "locks"),
                "only aggregated waits are told apart by length on the target",
            ),
            "--wakers": (self.wakers, ("events", "events-sdt"), "it adds to events"),
            "--user-stack": (
                self.user_stack is True,
                (*offcpu, "oncpu", "locks"),
                "its records have one stack",
            ),
            "--histogram": (
                self.histogram is True,
                (*offcpu, "locks", "runq"),
                "it has no waits to put into one",
            ),
        }


_MOST_FRAMES = 127
_FASTEST_HZ = 9999
