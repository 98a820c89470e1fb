"""What bcc's klockstat prints, and the histograms of runqlat and others.

Sources: the tools in Python and libbpf-tools of bcc 0.12 to 0.37.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from helpers.foreign.bcc import functions, programs
from helpers.foreign.meant import Meant

Draw = Any

UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s ": 10**9, "m ": 60 * 10**9, "h ": 3600 * 10**9}


@st.composite
def klockstat_texts(draw: Draw) -> Meant:
    """Return tables of waits and holds, as the tool in Python or that of libbpf-tools prints them.

    The name of a wait is its lock, or its caller.
    """
    is_libbpf = draw(st.booleans())
    width, word = (37, "Wait") if is_libbpf else (40, "Spin")
    heads = {kind: _heading(kind, width, is_libbpf) for kind in (word, "Hold")}
    stacks: Counter[str] = Counter()
    text = ["Tracing lock events... Hit Ctrl-C to end.\n", heads[word]]
    for number in range(draw(st.integers(1, 4))):
        frames = [f"{name}{number}" for name in draw(st.lists(functions, min_size=1, max_size=3))]
        rows, value_ns = draw(_time(is_libbpf))
        count = draw(st.integers(0, 9999))
        caller = f"{frames[0]}+{draw(st.integers(0, 999)):#x}"
        text.append(f"{caller:>{width}} {rows:>10} {count:>8} {rows:>10} {rows:>12}\n")
        text += [f"{frame + '+0x1':>{width}}\n" for frame in frames[1:]]
        lock = ""
        if is_libbpf and draw(st.booleans()):
            lock = draw(functions)
            holder = draw(programs)
            text.append(f"{'':30}Max PID 7, COMM {holder}, Lock {lock} (0xffff8881)\n")
        stacks[";".join([*reversed(frames), lock or frames[0]])] += value_ns
    text.append(heads["Hold"])
    text.append(f"{'held+0x1':>{width}} {'7':>10} {3:>8} {'9':>10} {'21':>12}\n")
    return Meant("".join(text).encode(), "klockstat", {"ns": dict(stacks)})


def _heading(kind: str, width: int, is_libbpf: bool) -> str:
    if is_libbpf:
        return f"\n{'Caller':>{width}}  Avg {kind}    Count   Max {kind}   Total {kind}\n"
    cells = [f"Avg {kind}", f"{'Count':>6}", f"Max {kind.lower()}", f"Total {kind.lower()}"]
    return f"\n{'Caller':>{width}} {cells[0]:>10} {cells[1]} {cells[2]:>10} {cells[3]:>10}\n"


@st.composite
def _time(draw: Draw, has_units: bool) -> tuple[str, int]:
    """Return a time as it is printed, and in nanoseconds."""
    if not has_units:
        value = draw(st.integers(0, 1 << 50))
        return str(value), value
    unit = draw(st.sampled_from(sorted(UNITS_NS)))
    tenths = draw(st.integers(10, 99999))
    if unit == "ns":
        return f"{tenths} ns", tenths
    return f"{tenths // 10}.{tenths % 10} {unit}", tenths * UNITS_NS[unit] // 10


@dataclass(frozen=True, slots=True)
class MeantHistograms:
    """A text of histograms, and what it means.

    Attributes:
        text: as the tool prints it.
        sizes: for each section, for each lower bound in ns, the number of values.
    """

    text: bytes
    sizes: dict[str, dict[int, int]]


@st.composite
def histogram_texts(draw: Draw) -> MeantHistograms:
    """Return histograms to base 2, of one or several sections, printed once or twice."""
    label, scale = draw(st.sampled_from([("usecs", 10**3), ("msecs", 10**6), ("nsecs", 1)]))
    sections = draw(st.lists(programs, min_size=1, max_size=3, unique=True))
    sizes: dict[str, Counter[int]] = {section: Counter() for section in sections}
    text = ["Tracing run queue latency... Hit Ctrl-C to end.\n"]
    for _ in range(draw(st.integers(1, 2))):
        for section in sections:
            text.append(f"\npid = 77 {section}\n     {label:19} : count    distribution\n")
            for power in range(draw(st.integers(1, 5))):
                low, size = (1 << power) if power else 0, draw(st.integers(0, 1 << 30))
                stars = "*" * draw(st.integers(0, 40))
                high = (2 << power) - 1
                text.append(f"{low:10} -> {high:<10} : {size:<8} |{stars:40}|\n")
                sizes[section][low * scale] += size
    return MeantHistograms("".join(text).encode(), {name: dict(one) for name, one in sizes.items()})
