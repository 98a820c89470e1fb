"""The pieces that all bpftrace programs are built of: maps, parts of a program, thread filters."""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.options import ProgramOptions

SWITCH = "tracepoint:sched:sched_switch"
_KERNEL_THREAD = "((struct task_struct *)curtask)->flags & 0x200000"  # PF_KTHREAD
GOES_TO_WAIT = "(args->prev_state & 0xff) != 0 && (args->prev_state & 0x30) == 0"
STAYS_RUNNABLE = "(args->prev_state & 0xff) == 0"
STATES = "States 0x01 to 0xff are those of a thread that waits, 0x10 and 0x20 of one that is gone."
_NAME_BYTES = 15


@dataclass(frozen=True, slots=True)
class Map:
    """A map that END prints.

    Attributes:
        name: as in the program, without ``@``.
        parts: names of the parts of its keys, in order, as the parser of maps knows them.
    """

    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a builder adds to the text that all programs share.

    Attributes:
        probes: in order.
        results: the maps that END prints.
        helpers: the names of the other maps, which END clears.
    """

    probes: tuple[Probe, ...]
    results: tuple[Map, ...] = ()
    helpers: tuple[str, ...] = ()


class BpftraceFilter:
    """The conditions under which a thread counts, cheapest first."""

    def __init__(self, options: ProgramOptions) -> None:
        self._options = options

    @property
    def is_tree(self) -> bool:
        """Tell whether only the workload's threads count; they are in the map ``@tree``."""
        return self._options.scope == "tree"

    def current(self) -> tuple[str, ...]:
        """Return them for the thread in which a probe fires; in a switch, the one that leaves."""
        options = self._options
        conditions = [f"pid == {options.pid}"] if options.pid else []
        if options.execname:
            conditions.append(f'comm == "{short_name(options.execname)}"')
        if self.is_tree:
            return (*conditions, "@tree[tid]")
        if not options.pid:
            conditions.append("pid != @self")
        if not options.kernel_processes:
            conditions.append(f"({_KERNEL_THREAD}) == 0")
        return tuple(conditions)

    def creator(self) -> tuple[str, ...]:
        """Return them for a thread that creates another one; ``$1`` creates the first."""
        conditions = self.current()
        return tuple(
            "(pid == $1 || @tree[tid])" if condition == "@tree[tid]" else condition
            for condition in conditions
        )


def short_name(name: str) -> str:
    """Return the part of a process's name that the kernel keeps."""
    return name.encode()[:_NAME_BYTES].decode("utf-8", "ignore")


def all_of(*conditions: str) -> str:
    """Return a condition that holds if all of these hold."""
    return " && ".join(conditions)


def forget_missed(*more: str, name: str = "open") -> Lines:
    """Return lines for a thread that leaves a CPU although its last wait has no end yet.

    The program missed that it ran again: that wait is lost, not long. ``@missed`` counts it; `more`
    are lines that forget it, too. `name` is that of the map of open waits.
    """
    return block(f"@{name}[tid].0 != 0", "@missed = count();", f"delete(@{name}[tid]);", *more)
