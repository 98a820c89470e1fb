"""One whole bpftrace program: header, probes, end.

What is measured in between is in ``builders``.
"""

from __future__ import annotations

from dataclasses import replace

from pvprof import __version__
from pvprof.collect.bpftrace.builders import BUILDERS
from pvprof.collect.bpftrace.parts import SWITCH, BpftraceFilter, Parts
from pvprof.collect.bpftrace.syntax import BpftraceProgram, Lines, Probe, block
from pvprof.collect.bpftrace.turns import TURN_MAPS, by_turns, turn, unfinished_turn
from pvprof.collect.modes import Mode, TracerProgram
from pvprof.collect.options import ProgramOptions
from pvprof.recording.layout import GRAMMAR

_POLL_MS = 10
_KEYS_PER_MB = 2048
_PAGE_BYTES = 4096
_BUFFER_MB = 1
_LAST_LOOK_NS = 100_000_000
"""How long the recorder has after the workload's end, to ask the kernel what was skipped."""
_CLOCKS = r'printf("#{0} %llu %s000\n", {1}, strftime("%s%f", {1}));'


def build(mode: Mode, program: TracerProgram, options: ProgramOptions) -> BpftraceProgram:
    """Return the bpftrace program of a row of the table of modes, for resolved options.

    Raises:
        LookupError: it has no builder.
    """
    if program.name not in BUILDERS:
        raise LookupError(f"bpftrace.builders.BUILDERS has no {program.name}")
    parts = BUILDERS[program.name](BpftraceFilter(options), options)
    if options.every_ns:
        parts = by_turns(parts)
    return BpftraceProgram(
        purpose=program.purpose,
        notes=_notes(program, options),
        probes=(
            _begin(mode, program, options, parts),
            _ready_first(),
            *_workload(options),
            *_forgetting_gone(options, _until_over(options, parts.probes)),
            _ready_last(options, parts),
            _end(options, parts),
        ),
    )


def environment(options: ProgramOptions) -> dict[str, str]:
    """Return the variables that set bpftrace's sizes, as older and newer releases name them."""
    keys = str(options.variable_mb * _KEYS_PER_MB)
    buffer_mb = options.buffer_mb or _BUFFER_MB
    pages = 1 << (buffer_mb * (1 << 20) // _PAGE_BYTES).bit_length() - 1
    return {
        "BPFTRACE_MAP_KEYS_MAX": keys,
        "BPFTRACE_MAX_MAP_KEYS": keys,
        "BPFTRACE_PERF_RB_PAGES": str(pages),
    }


def _begin(mode: Mode, program: TracerProgram, options: ProgramOptions, parts: Parts) -> Probe:
    kind = f"{mode.name} {program.variant} {mode.unit}"
    header = f"#pvprof {GRAMMAR} {kind} {__version__} frames={options.stack_frames}"
    maps = [f"#map {' '.join([result.name, *result.parts])}" for result in parts.results]
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


def _ready_last(options: ProgramOptions, parts: Parts) -> Probe:
    body: Lines = block(
        "@ready_now == 1",
        "@ready_now = 2;",
        "@begin = nsecs;",
        *(("@turned = nsecs;",) if options.every_ns else ()),
        _CLOCKS.format("begin", "nsecs"),
    )
    if options.every_ns:
        body = (*body, *turn(options.every_ns, parts, has_over=_has_over(options)))
    if options.duration_ns:
        over = f"@ready_now == 2 && @over == 0 && nsecs - @begin >= {options.duration_ns}"
        body = (*body, *block(over, "@over = nsecs;", "exit();"))
    if options.ends_with_workload:
        body = (*body, *block(f"@over != 0 && nsecs - @over >= {_LAST_LOOK_NS}", "exit();"))
    return Probe((f"interval:ms:{_POLL_MS}",), ("@tick = nsecs;", *body))


def _has_over(options: ProgramOptions) -> bool:
    """Tell whether the program itself knows the end of tracing, ``@over``."""
    return bool(options.duration_ns) or options.ends_with_workload


def _is_cut_off(options: ProgramOptions) -> bool:
    """Tell whether something goes on after the end that the program itself sees.

    In tree scope the workload ends it, and nothing of it is left.
    """
    return bool(options.duration_ns) or (options.ends_with_workload and options.scope == "system")


def _until_over(options: ProgramOptions, probes: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """Return probes that do nothing more after the end: bpftrace may read exit() much later."""
    if not _is_cut_off(options):
        return probes
    return tuple(
        probe
        if probe.names[0].startswith("interval:")
        else replace(probe, predicate=("@over == 0", *probe.predicate))
        for probe in probes
    )


def _workload(options: ProgramOptions) -> tuple[Probe, ...]:
    """Return the probes that follow the workload: what process $1 starts, but not $1 itself."""
    probes: list[Probe] = []
    if options.scope == "tree":
        probes.append(
            Probe(
                ("tracepoint:task:task_newtask",),
                ("@tree[args->pid] = 1;",),
                ("(pid == $1 || @tree[tid])",),
                ("Fires for the workers of io_uring, too: they have no fork event.",),
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
        ended = (f"@exit_code = {task}->exit_code;", "@ended = nsecs;")
        probes.append(
            Probe(("tracepoint:task:task_newtask",), ("@started = nsecs;",), ("pid == $1",))
        )
        probes.append(
            Probe(
                ("tracepoint:sched:sched_process_exit",),
                (
                    *block(f"tid == pid && {task}->real_parent->tgid == $1", *ended),
                    *block("pid == $1", "@over = nsecs;"),
                ),
                (),
                ("The end: exit() follows, after the recorder's last look.",),
            )
        )
    return tuple(probes)


def _forgetting_gone(options: ProgramOptions, probes: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """Return probes that also forget threads of the workload that are gone.

    A second program on ``sched_switch`` would cost more than a few lines in one that is there.
    """
    if options.scope != "tree":
        return probes
    gone = block("args->prev_state & 0x30 && @tree[tid]", "delete(@tree[tid]);")
    for index, probe in enumerate(probes):
        if probe.names == (SWITCH,):
            longer = replace(probe, body=(*probe.body, *gone))
            return (*probes[:index], longer, *probes[index + 1 :])
    return (*probes, Probe((SWITCH,), gone))


def _end(options: ProgramOptions, parts: Parts) -> Probe:
    names = [result.name for result in parts.results]
    helpers = [*parts.helpers, "self", "ready_now", "begin", "tick"]
    helpers += ["tree"] if options.scope == "tree" else []
    helpers += TURN_MAPS if options.every_ns else []
    # Probes are detached one by one, which takes about 0.1 s: the end was earlier. No ternary: with
    # a map in it, bpftrace 0.23 crashes.
    end: Lines = ("$end = nsecs;", *block("@tick != 0", "$end = @tick;"))
    told: Lines = ()
    if options.ends_with_workload:
        told = (r'printf("#workload-exit %d %llu\n", @exit_code, @ended - @started);',)
        helpers += ["exit_code", "started", "ended"]
    if _has_over(options):
        end = (*end, *block("@over != 0", "$end = @over;"))
        helpers.append("over")
    return Probe(
        ("END",),
        (
            *([r'printf("#processes-end\n");'] if options.user_stack else []),
            *(unfinished_turn(parts) if options.every_ns else ()),
            *(f"print(@{name});" for name in names),
            *end,
            *told,
            *(f"clear(@{name});" for name in (*names, *helpers)),
            _CLOCKS.format("end", "$end"),
        ),
    )


def _notes(program: TracerProgram, options: ProgramOptions) -> Lines:
    has_argument = options.scope == "tree" or options.ends_with_workload
    argument = " PID" if has_argument else ""
    sizes = " ".join(f"{name}={value}" for name, value in environment(options).items())
    return (
        "Needs: Linux with BTF and the tracepoints below, bpftrace, root.",
        f"Usage: {sizes} \\",
        f"       bpftrace -q -k -f json -o {program.name}.out {program.name}.bt{argument}",
        "Leave out -k from bpftrace 0.23 on. Ctrl-C or SIGTERM stops it. Then:",
        f"       pvprof report {program.name}.out",
        *(["PID: the process that starts the workload."] if has_argument else []),
        "",
        "Output: JSON, see docs/layouts.md. A name of a process stands last, whatever it holds.",
    )
