"""bpftrace programs that take samples: ``oncpu``."""

from __future__ import annotations

from pvprof.collect.bpftrace.parts import BpftraceFilter, Map, Parts
from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.collect.bpftrace.user_code import announce, with_announcements
from pvprof.collect.options import MAX_FRAMES, ProgramOptions

_MAX_TABLES_MB = 192


def oncpu(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    """Return the parts of a program that samples stacks on any machine."""
    return _samples(threads, options)


def oncpu_amd64(threads: BpftraceFilter, options: ProgramOptions) -> Parts:
    """Return the parts of a program that also knows which samples lost a stack.

    The lowest bits of the code segment are 3 in user code. Only so can a sample of user code, which
    has no kernel stack, be distinguished from one whose kernel stack was lost.
    """
    return _samples(threads, options, (("privilege", 'reg("cs") & 3'),), ("@samples = count();",))


def _samples(
    threads: BpftraceFilter,
    options: ProgramOptions,
    state: tuple[tuple[str, str], ...] = (),
    counts: Lines = (),
) -> Parts:
    """Return the parts of a program that samples stacks.

    Args:
        threads: that count.
        options: of the program.
        state: (name, expression) of more parts of the keys.
        counts: lines that count each sample once more.
    """
    maps = []
    choice: Lines = ()
    depths = _user_depths(options.stack_frames) if options.user_stack else (0,)
    for number, depth in enumerate(depths):
        user = (("user_stack", f"ustack({depth})"), ("pid", "pid")) if depth else ()
        key = (("stack", f"kstack({options.stack_frames})"), *user, *state, ("exec", "comm"))
        maps.append(Map(f"on_cpu_{number}" if number else "on_cpu", tuple(part for part, _ in key)))
        line = f"@{maps[-1].name}[{', '.join(value for _, value in key)}] = count();"
        chosen = block(f"(pid & {len(depths) - 1}) == {number}", line)
        choice = (*choice, *chosen) if len(depths) > 1 else (line,)
    announcing = announce() if options.user_stack else ()
    sample = Probe(
        (f"profile:hz:{options.rate_hz}",), (*counts, *choice, *announcing), threads.current()
    )
    parts = Parts((sample,), (*(Map("samples", ()) for _ in counts), *maps))
    return with_announcements(parts) if options.user_stack else parts


def _user_depths(stack_frames: int) -> tuple[int, ...]:
    """Return the depths of the user stacks in the maps of a program.

    bpftrace makes one table of stacks for each depth, in which a stack has one place, by its hash:
    four tables lose a quarter of what one does. The kernel's stacks have one more. A table takes
    1 MB of the kernel's memory for each frame of its depth.
    """
    count = next(one for one in (4, 2, 1) if one * stack_frames <= _MAX_TABLES_MB or one == 1)
    first = min(stack_frames + 1, MAX_FRAMES - count + 1)
    return tuple(range(first, first + count))
