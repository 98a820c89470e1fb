"""One whole bpftrace program for each mode: header, probes, end.

What is measured in between is said in ``modes``.
"""

from __future__ import annotations

from pvprof import __version__
from pvprof.collect.bpftrace.modes import BUILDERS, Filter, Parts
from pvprof.collect.bpftrace.syntax import Lines, Probe, Program, block
from pvprof.collect.options import ProgramOptions
from pvprof.errors import UsageError

MODES = {
    "offcpu": "Off-CPU time of a Linux kernel, by stack, aggregated.",
    "events": "One record for every time a thread waited.",
    "oncpu": "Where the CPUs run: kernel and user stacks.",
    "locks": "Time spent spinning on locks and blocked on them, with the callers' stacks.",
    "wakeup": "Who wakes sleeping threads: both stacks, and how long the other one slept.",
    "runq": "How long runnable threads wait for a CPU: preemption is not contention.",
}
"""Every mode and its purpose."""

_POLL_MS = 10
_KEYS_A_MEGABYTE = 2048
_PAGE_BYTES = 4096
_CLOCKS = r'printf("#{0} %llu %s000\n", {1}, strftime("%s%f", {1}));'


def candidates(mode: str) -> tuple[str, ...]:
    """Return the programs that serve a mode: the one of its name."""
    return (mode,)


def program(mode: str, options: ProgramOptions | None = None) -> Program:
    """Return the bpftrace program of a mode.

    Raises:
        UsageError: there is no such mode, or an option does not fit it.
    """
    if mode not in MODES:
        raise UsageError(f"no such mode: {mode}", "modes: " + ", ".join(MODES))
    options = options or ProgramOptions()
    options.check(mode)
    who = Filter(mode, options)
    parts = BUILDERS[mode](who, options)
    return Program(
        mode=mode,
        purpose=MODES[mode],
        notes=_notes(mode, options),
        probes=(
            _begin(mode, options, parts),
            _ready_first(),
            *_workload(options),
            *parts.probes,
            _ready_last(options),
            _end(options, parts),
        ),
    )


def environment(mode: str, options: ProgramOptions) -> dict[str, str]:
    """Return what bpftrace is to be told of its sizes; older and newer ones use other names."""
    keys = str(options.variable_mb * _KEYS_A_MEGABYTE)
    buffer_mb = options.buffer_mb or (8 if mode == "events" else 1)
    pages = 1 << (buffer_mb * (1 << 20) // _PAGE_BYTES).bit_length() - 1
    return {
        "BPFTRACE_MAP_KEYS_MAX": keys,
        "BPFTRACE_MAX_MAP_KEYS": keys,
        "BPFTRACE_PERF_RB_PAGES": str(pages),
    }


def _begin(mode: str, options: ProgramOptions, parts: Parts) -> Probe:
    unit = "samples" if mode == "oncpu" else "ns"
    header = f"#pvprof 1 {mode} linux {unit} {__version__} frames={options.stack_frames}"
    maps = [f"#map {' '.join([one.name, *one.parts])}" for one in parts.results]
    return Probe(
        ("BEGIN",),
        ("@self = pid;", *(f'printf("{line}\\n");' for line in (header, *maps))),
    )


def _ready_first() -> Probe:
    return Probe(
        (f"interval:ms:{_POLL_MS}",),
        ("@ready_now = 1;",),
        ("@ready_now == 0",),
        (
            "BEGIN runs before the others are attached. When both the first and the last of them",
            "have fired all are, whichever way round they are attached.",
        ),
    )


def _ready_last(options: ProgramOptions) -> Probe:
    body: Lines = block(
        "@ready_now == 1",
        "@ready_now = 2;",
        "@begin = nsecs;",
        _CLOCKS.format("begin", "nsecs"),
    )
    if options.duration_ns:
        over = f"@ready_now == 2 && nsecs - @begin >= {options.duration_ns}"
        body = (*body, *block(over, "exit();"))
    return Probe((f"interval:ms:{_POLL_MS}",), body)


def _workload(options: ProgramOptions) -> tuple[Probe, ...]:
    """Return the probes that follow the workload: process $1 starts it, and is none of it."""
    probes: list[Probe] = []
    if options.scope == "tree":
        probes.append(
            Probe(
                ("tracepoint:sched:sched_process_fork",),
                ("@tree[args->child_pid] = 1;",),
                ("(pid == $1 || @tree[args->parent_pid])",),
            )
        )
        probes.append(
            Probe(
                ("tracepoint:sched:sched_switch",),
                block("@tree[tid]", "delete(@tree[tid]);"),
                ("args->prev_state & 0x30",),
                ("A thread that is gone.",),
            )
        )
        probes.append(
            Probe(
                ("tracepoint:sched:sched_process_exec",),
                block(
                    "@tree[args->old_pid]",
                    "delete(@tree[args->old_pid]);",
                    "@tree[args->pid] = 1;",
                ),
                ("args->old_pid != args->pid",),
                ("Not the first thread of its process: it has that one's number from now on.",),
            )
        )
    if options.ends_with_workload:
        task = "((struct task_struct *)curtask)"
        code = rf'printf("#workload-exit %d\n", {task}->exit_code);'
        probes.append(
            Probe(
                ("tracepoint:sched:sched_process_exit",),
                (
                    *block(f"tid == pid && {task}->real_parent->tgid == $1", code),
                    *block("pid == $1", "@over = nsecs;", "exit();"),
                ),
            )
        )
    return tuple(probes)


def _end(options: ProgramOptions, parts: Parts) -> Probe:
    names = [one.name for one in parts.results]
    helpers = [*parts.helpers, "self", "ready_now", "begin"]
    helpers += ["tree"] if options.scope == "tree" else []
    end: Lines = (_CLOCKS.format("end", "nsecs"),)
    if options.ends_with_workload:
        helpers.append("over")
    if options.ends_with_workload and options.scope == "tree":
        # Probes are detached one by one, which takes some 0.1 s; nobody is left to be traced then.
        end = ("$end = @over != 0 ? @over : nsecs;", _CLOCKS.format("end", "$end"))
    return Probe(
        ("END",),
        (
            *(f"print(@{name});" for name in names),
            *end[:-1],
            *(f"clear(@{name});" for name in (*names, *helpers)),
            end[-1],
        ),
    )


def _notes(mode: str, options: ProgramOptions) -> Lines:
    has_argument = options.scope == "tree" or options.ends_with_workload
    argument = " PID" if has_argument else ""
    sizes = " ".join(f"{name}={value}" for name, value in environment(mode, options).items())
    return (
        "Needs: Linux with BTF and the tracepoints below, bpftrace, root.",
        f"Usage: {sizes} \\",
        f"       bpftrace -q -k -f json -o {mode}.out {mode}.bt{argument}",
        "Ctrl-C or SIGTERM stops it. Then:",
        f"       pvprof report {mode}.out",
        *(["PID: the process that starts the workload."] if has_argument else []),
        "",
        "Output: JSON, see docs/formats.md. A name of a process stands last, whatever it holds.",
    )
