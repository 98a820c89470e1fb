"""Programs that print their sums at intervals: two maps for each sum, used by turns.

bpftrace prints a map, and clears it, in user space, entry by entry: what a probe adds between the
two is lost. So a map is printed only when no probe adds to it any more::

    @phase  0 0 0 0 0 0 1 1 1 1 1 1 1 1 0 0 0 0      to which map of each pair the probes add
    @busy   0 0 0 0 0 0 1 1 2 2 3 0 0 0 1 1 2 3
                        ^   ^   ^
                        |   |   bpftrace has printed all: clear the maps, then @busy
                        |   50 ms later: print the maps of phase 0, a mark, and clear @asked
                        turn

The phase turns again only when ``@busy`` is 0. So a slow bpftrace makes an interval longer, and
loses nothing. And maps are cleared only when bpftrace itself has cleared ``@asked``, which comes
after all prints: a signal may make it forget the rest of what it was asked for. END then prints
these maps once more, after ``#unfinished``, see ``parse.intervals.turns``.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pvprof.collect.bpftrace.parts import Map, Parts
from pvprof.collect.bpftrace.syntax import Lines, Probe, block
from pvprof.recording.layout import TWIN

TURN_MAPS = ["phase", "busy", "asked", "turned"]

_SETTLED_NS = 50_000_000
"""A probe that has seen the old phase is done by then: it takes microseconds, not preempted."""

_SUM = re.compile(r"@(\w+)(\[.*\])? = ((?:stats|hist|count)\(.*\);)")


def by_turns(parts: Parts) -> Parts:
    """Return the parts of a program with a second map for each map of sums."""
    names = {result.name for result in parts.results}
    summed = {
        match[1]
        for probe in parts.probes
        for line in probe.body
        if (match := _SUM.fullmatch(line)) and match[1] in names
    }
    twins = (Map(one.name + TWIN, one.parts) for one in parts.results if one.name in summed)
    probes = tuple(replace(probe, body=_in_phases(probe, summed)) for probe in parts.probes)
    return replace(parts, probes=probes, results=(*parts.results, *twins))


def _in_phases(probe: Probe, summed: set[str]) -> Lines:
    body: list[str] = []
    for line in probe.body:
        match = _SUM.fullmatch(line)
        if match is None or match[1] not in summed:
            body.append(line)
            continue
        name, key, value = match.groups()
        twin = f"@{name}{TWIN}{key or ''} = {value}"
        body += ["if (@phase == 0) {", line, "} else {", twin, "}"]
    return tuple(body)


def turn(every_ns: int, parts: Parts, has_over: bool) -> Lines:
    """Return the lines that turn the phase, and print what was added up in the one before.

    Args:
        every_ns: how long a phase lasts.
        parts: of the program.
        has_over: whether ``@over`` tells that tracing is over: END prints the rest then.
    """
    is_on = " && @over == 0" if has_over else ""
    begin = block(
        f"@ready_now == 2 && @busy == 0 && nsecs - @turned >= {every_ns}{is_on}",
        "@phase = 1 - @phase;",
        "@turned = nsecs;",
        "@busy = 1;",
    )
    finish = block(
        f"@busy == 1 && nsecs - @turned >= {_SETTLED_NS}",
        "@busy = 2;",
        "@asked = 1;",
        "$turned = @turned;",
        *_of_old_phase(parts, "print"),
        r'printf("#snapshot %llu %s000\n", $turned, strftime("%s%f", $turned));',
        "clear(@asked);",
    )
    clear = block(
        "@busy == 2 && @asked == 0",
        "@busy = 3;",
        *_of_old_phase(parts, "clear"),
        "clear(@busy);",
    )
    return (*begin, *clear, *finish)


def unfinished_turn(parts: Parts) -> Lines:
    """Return the lines of END that print once more what bpftrace may not have printed."""
    repeat = block(
        "@asked != 0",
        r'printf("#unfinished %llu\n", @turned);',
        *_of_old_phase(parts, "print"),
        r'printf("#rest\n");',
    )
    return block("@busy >= 2", *repeat, *_of_old_phase(parts, "clear"))


def _of_old_phase(parts: Parts, action: str) -> Lines:
    """Return lines that do something with each map to which no probe adds now."""
    twins = [one.name for one in parts.results if one.name.endswith(TWIN)]
    first = (f"{action}(@{name.removesuffix(TWIN)});" for name in twins)
    second = (f"{action}(@{name});" for name in twins)
    return ("if (@phase == 1) {", *first, "} else {", *second, "}")
