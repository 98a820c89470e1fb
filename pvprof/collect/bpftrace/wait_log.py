"""``events``: a program that keeps every wait, in maps that are printed by turns.

A record that is printed when a wait ends costs an interrupt and a wake-up of bpftrace: ten times
what the rest costs. So ended waits go into a map, which is printed and cleared later, in one piece.
There are `_TURNS` such maps; the clock chooses one, each for 268 ms::

    time        0     268     536     805    1073 ms ...
    filled      waits_0 waits_1 waits_2 waits_3 waits_4 ...
    printed               waits_0 waits_1 waits_2 ...

bpftrace may fall behind by seven turns before a map is filled again. What is in a map when tracing
ends, END prints; an entry that is printed twice has the same key. Nothing can be lost in silence:
``@begun`` counts the waits, and each must be printed as ended, open or missed.

A stack is printed once, when it gets its number, and again by END, in case that record is lost.
"""

from __future__ import annotations

from collections.abc import Callable

from pvprof.collect.bpftrace.parts import (
    GOES_TO_WAIT,
    STATES,
    SWITCH,
    BpftraceFilter,
    Map,
    Parts,
    all_of,
    forget_missed,
)
from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.options import ProgramOptions

_TURNS = 8
_TURN_SHIFT = 28  # 2^28 ns
_POLL_MS = 50

_COMMENT = (
    STATES,
    "@open: began; number of the stack << 1, its lowest bit: it cannot be interrupted (D);",
    "CPU << 32 | pid; name.",
)


def wait_log(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    """Return the parts of the program ``events``."""
    leave = block(
        all_of(*threads.current()),
        *forget_missed(*(forget_waker("tid") if options.wakers else ())),
        *block(
            GOES_TO_WAIT,
            *number_of_stack(options),
            "@begun = count();",
            # The cast tells bpftrace 0.27 the type; where the number is set, 0.23 refuses a cast.
            "@open[tid] = (nsecs, (uint64)$number << 1 | (args->prev_state & 2 ? 1 : 0),"
            " (uint64)cpu << 32 | pid, args->prev_comm);",
        ),
    )
    names = names_of_turns("waits")
    record = "($wait, nsecs, @waker[$next])" if options.wakers else "($wait, nsecs)"
    come = (
        "$next = args->next_pid;",
        "$wait = @open[$next];",
        *block(
            "$wait.0 != 0",
            set_turn("nsecs"),
            *by_turn("$turn", names, lambda name: (f"@{name}[$wait.0, $next] = {record};",)),
            # bpftrace 0.27 deletes nothing if the key is a variable of 32 bits.
            "delete(@open[args->next_pid]);",
            *(forget_waker("args->next_pid") if options.wakers else ()),
        ),
    )
    probes = [Probe((SWITCH,), (*leave, *come), (), _COMMENT)]
    if options.wakers:
        probes.append(_waking(options))
    results = (
        Map("stack_of", ("number",)),
        *(Map(name, ("began", "tid")) for name in names),
        Map("open", ("tid",)),
        Map("begun", ()),
        Map("missed", ()),
    )
    helpers = ("number_of", "numbers", "printed", *(("waker",) if options.wakers else ()))
    return Parts((*probes, print_by_turn(names)), results, helpers)


def names_of_turns(name: str) -> tuple[str, ...]:
    """Return the names of the maps that take turns."""
    return tuple(f"{name}_{turn}" for turn in range(_TURNS))


def set_turn(now: str) -> str:
    """Return the line that sets ``$turn`` to the number of the map for the time `now`."""
    return f"$turn = ({now} >> {_TURN_SHIFT}) & {_TURNS - 1};"


def by_turn(turn: str, names: tuple[str, ...], lines_for: Callable[[str], Lines]) -> Lines:
    """Return lines that do something with the one of these maps whose turn it is."""
    lines: list[str] = []
    for number, name in enumerate(names):
        lines += [f"{'} else ' if number else ''}if ({turn} == {number}) {{", *lines_for(name)]
    return (*lines, "}")


def number_of_stack(options: ProgramOptions) -> Lines:
    """Return lines that set ``$number`` to that of the current stack, a new one if it is new."""
    return (
        f"$stack = kstack({options.stack_frames});",
        "$number = @number_of[$stack];",
        *block(
            "$number == 0",
            "$number = (@numbers[cpu] + 1) << 16 | cpu;",
            "@numbers[cpu] = $number >> 16;",
            "@number_of[$stack] = $number;",
            "@stack_of[$number] = $stack;",
            'printf("K %llu%s", $number, $stack);',
        ),
    )


def forget_waker(tid: str) -> Lines:
    """Return lines that delete an entry only if it is there: bpftrace reports what fails."""
    return block(f"@waker[{tid}].0 != 0", f"delete(@waker[{tid}]);")


def _waking(options: ProgramOptions) -> Probe:
    body = (
        *number_of_stack(options),
        "@waker[args->pid] = (nsecs, (uint64)$number, (uint64)cpu << 32 | tid, comm);",
    )
    comment = ("@waker: when; number of its stack; CPU << 32 | tid; name.",)
    return Probe(("tracepoint:sched:sched_waking",), body, ("@open[args->pid].0 != 0",), comment)


def print_by_turn(names: tuple[str, ...]) -> Probe:
    """Return the probe that prints and clears each of these maps when its turn is over."""
    now = f"nsecs >> {_TURN_SHIFT}"
    return Probe(
        (f"interval:ms:{_POLL_MS}",),
        (
            *block("@printed == 0", f"@printed = {now};"),
            *block(
                f"({now}) > @printed",
                f"$done = @printed & {_TURNS - 1};",
                *by_turn("$done", names, lambda name: (f"print(@{name});", f"clear(@{name});")),
                "@printed = @printed + 1;",
            ),
        ),
        (),
        ("A turn is over: print its map.",),
    )
