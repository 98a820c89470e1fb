"""What ``perf script`` prints, with any fields of ``-F``.

Source: ``process_event`` in tools/perf/builtin-script.c and ``sample__fprintf_callchain`` in
tools/perf/util/evsel_fprintf.c, Linux 3.13 to 6.18.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from helpers.foreign.meant import Meant

Draw = Any

ODD_NAMES = ("a 12 b", ":-1", "x] 1.2:", "(sd-pam)", "a: b", "12345")
"""Names of processes that only a number behind them ends."""
ODDER_NAMES = ("[k] 3/4", "a 1/2 [003]")
"""The same, if the number is a time: "a 1/2 12 cycles:" has a period without it."""
NAMES = ("dd", "cafe", "sh", "kworker/0:1-ev", "a b", "é", "f1234567", "java")
SYMBOLS: Mapping[str, str] = {
    "main": "main",
    "f(int (*)(int))": "f",
    "std::function<void (int)>::operator()(int) const": "std::function<void (int)>::operator()",
    "void run<decltype(auto) (*)(int)>(int)": "void run<decltype(auto) (*)(int)>",
    "A::B<char const*>::f(A const&)": "A::B<char const*>::f",
    "operator new(unsigned long)": "operator new",
    "main.(*T).Do": "main.(*T).Do",
    "_$LT$T$GT$::poll::h0123456789abcdef": "<T>::poll",
    "read": "read",
}
PLACES: Mapping[str, str] = {
    "/bin/a": "a",
    "/opt/My App/lib (1).so": "lib (1).so",
    "/tmp/x (deleted)": "x (deleted)",
    "/memfd:jit (deleted)": "memfd:jit (deleted)",
    "[vdso]": "[vdso]",
}
MACHINE_SYMBOLS: Mapping[str, str] = {
    "La/B;::f->La/C;::g": "a/B:::f;a/C:::g_[i]",
    "LazyCompile:*run /srv/a.js:3": "LazyCompile:*run /srv/a.js:3",
    "Interpreter": "Interpreter",
}
MACHINE_PLACES = ("/tmp/perf-4711.map", "/root/.debug/jit/jitted-4711-17.so")
KERNEL_PLACES: Mapping[str, str] = {
    "[kernel.kallsyms]": "kernel",
    "[ext4]": "ext4.ko",
    "/lib/modules/6.18.0/kernel/fs/xfs/xfs.ko.xz": "xfs.ko",
    "/usr/lib/debug/boot/vmlinux-6.18": "kernel",
}
EVENTS: Mapping[str, tuple[str, str]] = {
    "cycles:u": ("cycles", ""),
    "cpu/instructions/P": ("instructions", ""),
    "cpu-clock:pppH": ("samples", ""),
    "page-faults": ("page-faults", ""),
    "skb:kfree_skb": ("events", " skbaddr=0xffff protocol=2048 location: f+0x1 (x)"),
}
"""The unit that each event has if periods are printed, and its arguments."""
SOURCE_LINES = ("  x.c:3", "  My dir/x.c:31 (discriminator 2)", "  :0", "  libc.so.6[27b25]", "  ")
TAILS = (" insn: 89 c2", " ilen: 2 insn: 89 c2", " ABI:2    AX:0x7f00    BX:0x0 ")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of all records of a text.

    Attributes:
        ids: "", "tid" or "pid,tid".
        tail: the line behind each stack instead of an empty one.
    """

    comm: bool
    ids: str
    cpu: bool
    time_digits: int
    period: bool
    event: bool
    dso: bool
    symoff: bool
    is_stack: bool
    has_source_lines: bool
    tail: str

    @property
    def is_recognised(self) -> bool:
        """Tell whether such texts differ from those of all other tools."""
        has_head = bool(self.time_digits) or (self.event and bool(self.ids))
        return has_head and (self.event or self.dso)


@dataclass(frozen=True, slots=True)
class _Frame:
    line: str
    name: str
    is_kernel: bool


@st.composite
def _fields(draw: Draw) -> Fields:
    fields: Fields = draw(
        st.builds(
            Fields,
            comm=st.booleans(),
            ids=st.sampled_from(["", "tid", "pid,tid"]),
            cpu=st.booleans(),
            time_digits=st.sampled_from([0, 6, 9]),
            period=st.booleans(),
            event=st.booleans(),
            dso=st.booleans(),
            symoff=st.booleans(),
            is_stack=st.booleans(),
            has_source_lines=st.booleans(),
            tail=st.sampled_from(["", "", *TAILS]),
        ).filter(lambda fields: fields.is_recognised)
    )
    return fields


@st.composite
def _frame(draw: Draw, fields: Fields, is_kernel: bool) -> _Frame:
    if is_kernel:
        place, module = draw(st.sampled_from(sorted(KERNEL_PLACES.items())))
        symbol = draw(st.text("abkrz_9", min_size=1, max_size=9).map(lambda text: f"f{text}"))
        name = f"{module if fields.dso else 'kernel'}`{symbol}"
        address = draw(st.integers(0xFFFFFFFF81000000, 0xFFFFFFFFC1000000))
    elif fields.dso and draw(st.booleans()):
        symbol, name = draw(st.sampled_from(sorted(MACHINE_SYMBOLS.items())))
        place, address = draw(st.sampled_from(MACHINE_PLACES)), draw(st.integers(1 << 24, 1 << 46))
    else:
        symbol, function = draw(st.sampled_from(sorted(SYMBOLS.items())))
        place, module = draw(st.sampled_from(sorted(PLACES.items())))
        name = f"{module}`{function}" if fields.dso else function
        address = draw(st.integers(1 << 24, 1 << 46))
    text = f"{address:16x} {symbol}"
    text += f"+{draw(st.integers(0, 0xFFFF)):#x}" if fields.symoff else ""
    return _Frame(text + (f" ({place})" if fields.dso else ""), name, is_kernel)


@st.composite
def _record(draw: Draw, fields: Fields, events: tuple[str, ...]) -> tuple[str, str, str, int]:
    """Return a record, its unit, its stack as ``pvprof fold -k all`` prints it, and its weight."""
    event = draw(st.sampled_from(events))
    unit, arguments = EVENTS[event]
    is_sample = unit != "events"
    period = draw(st.integers(1, 1 << 63))
    odd = (*ODD_NAMES, *(ODDER_NAMES if fields.time_digits else ())) if fields.ids else ()
    comm = draw(st.sampled_from((*NAMES, *odd)))
    kernel = draw(st.lists(_frame(fields, is_kernel=True), max_size=3))
    user = draw(st.lists(_frame(fields, is_kernel=False), max_size=0 if kernel else 3))
    user += draw(st.lists(_frame(fields, is_kernel=False), max_size=3))
    frames = [*kernel, *user]
    frames = frames if fields.is_stack else frames[:1]
    text = _head(draw, fields, comm, period) + (f"{event}: " if fields.event else "")
    text += arguments if fields.event else ""
    if fields.is_stack:
        text += "\n" + "".join(f"\t{frame.line}\n{_source(draw, fields)}" for frame in frames)
        text += f"{fields.tail}\n"
    else:
        text += f" {frames[0].line}\n" if frames else "\n"
    names = [frame.name for frame in frames]
    edge = sum(frame.is_kernel for frame in frames)
    names[edge:edge] = ["-"] if 0 < edge < len(frames) else []
    folded = [comm] if fields.comm else []
    folded += names[::-1] or ["[no stack]"]
    if fields.event and not is_sample:
        folded.append(event)
    if not fields.event or (is_sample and not fields.period):
        unit = "samples"
    return text, unit, ";".join(folded), period if unit not in ("samples", "events") else 1


def _head(draw: Draw, fields: Fields, comm: str, period: int) -> str:
    tid = draw(st.integers(1, 4_194_304))
    text = (f"{comm} " if fields.is_stack else f"{comm:>16} ") if fields.comm else ""
    text += {"": "", "tid": f"{tid:7d} ", "pid,tid": f"{tid:7d}/{tid:<7d} "}[fields.ids]
    text += f"[{draw(st.integers(0, 511)):03d}] " if fields.cpu else ""
    if fields.time_digits:
        fraction = draw(st.integers(0, 10**fields.time_digits - 1))
        seconds = draw(st.integers(0, 9_999_999))
        text += f"{seconds:5d}.{fraction:0{fields.time_digits}d}: "
    return text + (f"{period:10d} " if fields.period else "")


def _source(draw: Draw, fields: Fields) -> str:
    return draw(st.sampled_from(SOURCE_LINES)) + "\n" if fields.has_source_lines else ""


@st.composite
def perf_texts(draw: Draw) -> Meant:
    """Return a text with one choice of fields, of up to three events of different units."""
    fields = draw(_fields())
    events = tuple(
        draw(st.lists(st.sampled_from(sorted(EVENTS)), min_size=1, max_size=3, unique=True))
    )
    events = events if fields.event and fields.period else events[:1]
    if not fields.event and EVENTS[events[0]][0] == "events":
        events = ("cpu-clock:pppH",)  # the arguments of a tracepoint say nothing without its name
    records = draw(st.lists(_record(fields, events), min_size=1, max_size=5))
    stacks: dict[str, Counter[str]] = {}
    for _, unit, stack, weight in records:
        stacks.setdefault(unit, Counter())[stack] += weight
    text = "".join(record[0] for record in records)
    return Meant(text.encode(), "perf", {unit: dict(sums) for unit, sums in stacks.items()})
