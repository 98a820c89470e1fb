"""The pieces that all D programs are built of: thread filters, and D expressions of locks."""

from __future__ import annotations

from pvprof.collect.dtrace.syntax import Clause
from pvprof.collect.options import ProgramOptions

BLOCKED_ON = "curthread->td_blocked->ts_lockobj"
CHANNEL = "((struct lock_object *)curthread->td_wchan)"
# A channel is any address; a load from one that is not aligned would end the clause.
CHANNEL_IS_LOCK = (
    "((uintptr_t)curthread->td_wchan & (sizeof (uintptr_t) - 1)) == 0 &&"
    f" {CHANNEL}->lo_name == curthread->td_wmesg"
)
_NO_KERNEL = "({} & 0x4) == 0"  # P_KPROC
CALLER = ("caller",)
RUNNING_AGAIN = ("sched:::on-cpu", "sched:::remain-cpu")


def class_of(flags: str) -> str:
    """Return the D expression of the class of a lock with these ``lo_flags``, such as ``rw``.

    A new kind of lock may have an index without a class.
    """
    lock_class = f"`lock_classes[({flags} >> 24) & 0xf]"  # LO_CLASSMASK
    return f'({lock_class} != NULL ? stringof({lock_class}->lc_name) : "")'


LOCK_KEY = (("name", "this->name"), ("class", "this->class"))


def set_names(name: str, lock_class: str) -> tuple[str, str]:
    """Return the statements that set what `LOCK_KEY` uses: each string is copied once."""
    return f"this->name = {name}", f"this->class = {lock_class}"


class DFilter:
    """The conditions under which a thread counts, cheapest first."""

    def __init__(self, options: ProgramOptions) -> None:
        self._options = options

    def cheap(self) -> tuple[str, ...]:
        """Return the cheapest ones: enough if a variable implies the others."""
        return self._no_kernel("curthread->td_proc->p_flag")

    def current(self, *more: str) -> tuple[str, ...]:
        """Return them for the thread in which the probe fires, `more` before expensive ones."""
        options = self._options
        conditions = [*self.cheap(), *more, *self._named("pid", "execname")]
        if options.scope == "tree":
            conditions += ["pid != $1", "progenyof($1)"]
        elif not options.pid:
            conditions.append("pid != $pid")  # dtrace waits too
        return tuple(conditions)

    def argument(self) -> tuple[str, ...]:
        """Return those that can be tested for another thread, ``args[0]``."""
        process = "args[0]->td_proc"
        flags = self._no_kernel(f"{process}->p_flag")
        return (*flags, *self._named(f"{process}->p_pid", f"stringof({process}->p_comm)"))

    def creator(self, *more: str) -> tuple[str, ...]:
        """Return them for the thread that creates another one; ``$1`` creates the first."""
        if self._options.scope != "tree":
            return self.current(*more)
        return (*self.cheap(), *more, *self._named("pid", "execname"), "progenyof($1)")

    def _no_kernel(self, flags: str) -> tuple[str, ...]:
        return () if self._options.kernel_processes else (_NO_KERNEL.format(flags),)

    def _named(self, pid: str, name: str) -> list[str]:
        options = self._options
        conditions = [f"{pid} == {options.pid}"] if options.pid else []
        return conditions + ([f'{name} == "{options.execname}"'] if options.execname else [])


Parts = tuple[list[Clause], list[str]]
"""Clauses, and the statements of END that print the results."""
