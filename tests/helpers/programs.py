"""Programs of both tracers, and the probes that their targets have.

The names of stock probes are from ``dtrace -l`` of a real FreeBSD 13.2, the patched ones and their
arguments from the kernel patch.
"""

from __future__ import annotations

import re
from pathlib import Path

from pvprof.collect.bpftrace.syntax import BpftraceProgram
from pvprof.collect.dtrace.syntax import DProgram
from pvprof.collect.options import ProgramOptions
from pvprof.collect.tracers import TRACERS

ROOT = Path(__file__).parent.parent.parent
D_PROGRAMS = TRACERS["dtrace"].program_names()
BPFTRACE_PROGRAMS = TRACERS["bpftrace"].program_names()


def d_program(name: str, options: ProgramOptions | None = None) -> DProgram:
    program = TRACERS["dtrace"].program(name, options)
    assert isinstance(program, DProgram)
    return program


def bpftrace_program(name: str, options: ProgramOptions | None = None) -> BpftraceProgram:
    program = TRACERS["bpftrace"].program(name, options)
    assert isinstance(program, BpftraceProgram)
    return program


_STOCK_ARGUMENTS = {
    "proc:::exit": 1,
    "sched:::off-cpu": 2,
    "sched:::wakeup": 2,
    "sched:::enqueue": 4,
}
"""Number of args[] of stock probes (sys/kern/sched_ule.c, kern_exit.c); every lockstat probe of a
wait has two (kern_lockstat.c), all others here are used without."""


def _listed_probes() -> dict[str, int]:
    """Map the probes of a stock kernel to their number of args[] that programs may use."""
    probes = {}
    for line in (ROOT / "tests/fixtures/freebsd-13.2/dtrace-l.nofbt").read_text().splitlines():
        fields = line.split()
        if len(fields) in (3, 5):
            name = f"{fields[1]}:::{fields[-1]}"
            probes[name] = 2 if fields[1] == "lockstat" else _STOCK_ARGUMENTS.get(name, 0)
    return probes


def _patched_probes() -> dict[str, int]:
    """Map the probes that the kernel patch adds to their number of args[]."""
    patch = (ROOT / "kernel-patches/stable-13.patch").read_text().replace("\n+    ", " ")
    definition = r"SDT_PROBE_DEFINE(\d)\(kernel, profile, (\w+), (\w+), (.*?)\);"
    probes = {}
    for count, function, name, types in re.findall(definition, patch):
        assert len(re.findall(r'"(.*?)"', types)) == int(count)
        probes[f"kernel:profile:{function}:{name}"] = int(count)
    return probes


_D_PROBES = _listed_probes() | _patched_probes()
PATCHED_PROBES = tuple(_patched_probes())


def d_arguments(probe: str) -> int | None:
    """Return the number of args[] of a D probe; None if the target has no such probe.

    Probes of the provider ``profile`` are made when they are asked for, so no list has them.
    """
    if re.fullmatch(r"profile:::(profile-\d+|tick-\d+(s|ms|us|ns))", probe):
        return 0
    return _D_PROBES.get(probe)


TRACEPOINTS = {
    "tracepoint:sched:sched_switch",
    "tracepoint:sched:sched_waking",
    "tracepoint:sched:sched_wakeup",
    "tracepoint:sched:sched_wakeup_new",
    "tracepoint:sched:sched_process_fork",
    "tracepoint:sched:sched_process_exec",
    "tracepoint:sched:sched_process_exit",
    "tracepoint:task:task_newtask",
    "tracepoint:lock:contention_begin",
    "tracepoint:lock:contention_end",
}
"""Those that ``bpftrace -l`` lists on Linux 6.18, as far as programs use them."""
