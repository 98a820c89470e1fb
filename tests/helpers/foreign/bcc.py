"""What bcc's offcputime, profile, offwaketime, wakeuptime and stackcount print without ``-f``.

Sources: the tools in Python and libbpf-tools of bcc 0.4 to 0.37.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from helpers.foreign.meant import Meant

Draw = Any

functions = st.text("abkrz_.09", min_size=1, max_size=9).map(lambda text: f"f{text}")
programs = st.sampled_from(
    ["cat", "a b", "(sd-pam)", ":-)", "kworker/0:1", "x (1)", "- y", "é", "waker:", "[x]"]
)
"""Names of processes."""
HEADINGS = {
    "offcputime": "Tracing off-CPU time (us) of all threads by user + kernel stack for 2 secs.\n",
    "profile": "Sampling at 49 Hertz of PID [7] by user stack on CPU#1... Hit Ctrl-C to end.\n",
    "offwaketime": "Tracing blocked time (us) by kernel off-CPU and waker stack for 2 secs.\n",
    "wakeuptime": "Tracing blocked time (us) by kernel stack... Hit Ctrl-C to end.\n",
    "stackcount": 'Tracing 12 functions for "ip_*"... Hit Ctrl-C to end.\n',
}
UNITS = {"profile": ("samples", 1), "stackcount": ("events", 1)}
STYLES = ("plain", "offset", "module", "old", "libbpf", "bytes")
"""How frames are printed."""


@dataclass(frozen=True, slots=True)
class PrintedFrame:
    """A frame as it is printed, and its name."""

    text: str
    name: str


@st.composite
def _frame(draw: Draw, style: str, is_kernel: bool) -> PrintedFrame:
    name, offset = draw(functions), draw(st.integers(0, 0xFFFF))
    address = (0xFFFFFFFF81000000 if is_kernel else 0x7F0012340000) + offset
    module = "kernel" if is_kernel else "lib.so"
    if style == "offset":
        return PrintedFrame(f"{name}+{offset:#x}", name)
    if style == "module":
        return PrintedFrame(f"{name}+{offset:#x} [{module}]", f"{module}`{name}")
    if style == "old":
        return PrintedFrame(f"{address:016x} {name}", f"kernel`{name}" if is_kernel else name)
    if style == "libbpf" and is_kernel:
        return PrintedFrame(f"#3  {address:#x} {name}+{offset:#x}", f"kernel`{name}")
    if style == "libbpf":
        text = f"#13 {address:#018x} {name}+{offset:#x} (lib.so+{offset:#x})"
        return PrintedFrame(text, f"lib.so`{name}")
    return PrintedFrame(f"b'{name}'" if style == "bytes" else name, name)


@st.composite
def _stacks(draw: Draw, style: str, indent: str, delimiter: str) -> tuple[list[str], list[str]]:
    """Return the lines of the two stacks of a record, and the names, both leaf first."""
    kernel = draw(st.lists(_frame(style, is_kernel=True), max_size=3))
    user = draw(st.lists(_frame(style, is_kernel=False), max_size=3))
    has_delimiter = bool(kernel and user) and draw(st.booleans())
    is_told = has_delimiter or (kernel and user and "kernel`" in kernel[-1].name)
    between = [f"    {delimiter}"] if has_delimiter else []
    lines = [indent + one.text for one in kernel], [indent + one.text for one in user]
    names = [*(one.name for one in kernel), *(["-"] if is_told else []), *(u.name for u in user)]
    return [*lines[0], *between, *lines[1]], names


@st.composite
def _record(draw: Draw, tool: str, style: str) -> tuple[str, str, int]:
    """Return a record, its stack as ``pvprof fold -k all`` prints it, and its number."""
    name, pid, value = draw(programs), draw(st.integers(0, 99999)), draw(st.integers(0, 1 << 40))
    if tool == "stackcount":
        lines, names = draw(_stacks(style, "  ", "--"))
        has_process = bool(lines) and draw(st.booleans())
        lines = [*lines, *([f"    {name} [{pid}]"] if has_process else []), f"    {value}"]
        frames = [name, *reversed(names or ["[no stack]"])] if has_process else names[::-1]
        return "\n".join(lines) + "\n\n", ";".join(frames or ["[no stack]"]), value
    if tool == "wakeuptime":
        kernel = draw(st.lists(_frame("old", is_kernel=True), max_size=3))
        lines = [f"    {'target:':16} {draw(programs)}", *(f"    {one.text}" for one in kernel)]
        lines += ["    ffffffff81000001 kthread+0x1", f"    {'waker:':16} {name}"]
        return "\n".join([*lines, f"        {value}\n\n"]), name, value
    lines, names = draw(_stacks(style, "    ", "-" if tool == "offwaketime" else "--"))
    frames = [name, *reversed(names or ["[no stack]"])]
    if tool == "offwaketime":
        waker, _ = draw(_stacks(style, "    ", "-"))
        lines = [
            *(f"    {'waker:':16} {draw(programs)} {pid}", *waker, f"    {'--':16} --", *lines),
            *(f"    {'target:':16} {name} {pid}", f"        {value}"),
        ]
    else:
        lines += [f"    {'-':16} {name} ({pid})", f"        {value}"]
    return "\n".join(lines) + "\n\n", ";".join(frames), value


@st.composite
def bcc_texts(draw: Draw) -> Meant:
    """Return a text of one tool, with its heading.

    The stacks of wakeuptime have the name of the process only: of the rest see ``test_bcc``.
    """
    tool = draw(st.sampled_from(sorted(HEADINGS)))
    style = draw(st.sampled_from(STYLES))
    unit, factor = UNITS.get(tool, ("ns", 1000))
    records = draw(st.lists(_record(tool, style), min_size=1, max_size=4))
    end = draw(st.sampled_from(["", "Detaching...\n"]))
    text = HEADINGS[tool] + "\n" + "".join(text for text, _, _ in records) + end
    stacks: Counter[str] = Counter()
    for _, stack, value in records:
        stacks[stack] += value * factor
    return Meant(text.encode(), "bcc", {unit: dict(stacks)})
