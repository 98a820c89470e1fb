"""What any bpftrace program prints of its maps, as text and as JSON, as each release spells it.

Sources: ``BPFtrace::get_stack``, ``Output`` and ``MapKey`` of bpftrace 0.8 to 0.26.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from helpers.foreign.meant import Meant

RELEASES = (8, 17, 23, 26)
"""The second numbers of releases between which the print of maps changed."""

Draw = Any
Stack = tuple[str, ...]  # names of functions, leaf first
Part = Any  # a stack, a name, a number, or a list of parts


@dataclass(frozen=True, slots=True)
class Shape:
    """How the text is printed.

    Attributes:
        release: one of `RELEASES`.
        mode: of the stacks of the kernel and of programs.
        has_debug_info: whether frames have the lines of their source.
        is_json: the format.
    """

    release: int
    mode: str
    has_debug_info: bool
    is_json: bool

    @property
    def indent(self) -> str:
        """Return the blanks before a frame of mode bpftrace in a key."""
        return {8: "", 17: " " * 4, 23: " " * 8, 26: "" if self.is_json else " " * 8}[self.release]


functions = st.text("abkrz_.09", min_size=1, max_size=9).map(lambda text: f"f{text}")
programs = st.sampled_from(
    ["cat", "a b", "(sd-pam)", ":-)", "kworker/0:1", "x]: 7", "[kthreadd]", 'q"\\n', "é", "^C"]
)
"""Names of processes."""
map_units = st.sampled_from(
    [
        *(("@", "samples", 1), ("@instances", "samples", 1), ("@ns", "ns", 1)),
        *(("@wait_us", "ns", 1_000), ("@off_ms", "ns", 1_000_000)),
    ]
)
"""Name of a map, unit, and factor of its values."""
LAYOUTS_OF_KEYS = ("k", "kc", "ck", "kuc", "nck", "k(cn)", "(kc)n", "c(n(kn))", "(ck)")
"""Parts of keys: stack of the kernel, of a program, command, number, and tuples of them."""


def _frame(shape: Shape, name: str, offset: int, is_kernel: bool) -> str:
    address = 0xFFFFFFFF81000000 + offset if is_kernel else 0x7F0012340000 + offset
    if shape.mode == "perf":
        module = "" if is_kernel else " (/usr/lib/lib (1).so)"
        return f"\t{address:x} {name}+{offset}{module}\n"
    source = f"@/src/a@b/x.c:{offset}" if shape.has_debug_info else ""
    return f"{shape.indent}{name}+{offset}{source}\n"


def _name(shape: Shape, name: str, is_kernel: bool) -> str:
    return name if is_kernel or shape.mode != "perf" else f"lib (1).so`{name}"


def _printed_stack(shape: Shape, frames: Sequence[tuple[str, int]], is_kernel: bool) -> str:
    if not frames and shape.release < 23:
        return ""
    return "\n" + "".join(_frame(shape, *frame, is_kernel) for frame in frames)


def _key_text(shape: Shape, parts: Sequence[Part]) -> str:
    """Return the text of a key: of its parts, which are texts but for tuples, which are lists."""
    between = ", " if not shape.is_json else ","

    def text_of(part: Part) -> str:
        if isinstance(part, str):
            return part
        if shape.is_json and shape.release == 23:
            return "[" + ",".join(_quoted(one) for one in part) + "]"
        return "(" + between.join(map(text_of, part)) + ")"

    def _quoted(part: Part) -> str:
        if not isinstance(part, str) or part.isdecimal():
            return text_of(part)
        return json.dumps(part, ensure_ascii=False)

    if shape.is_json and shape.release == 23:  # texts are escaped twice
        escaped = [
            json.dumps(part, ensure_ascii=False)[1:-1] if isinstance(part, str) else text_of(part)
            for part in parts
        ]
        return between.join(escaped)
    text = between.join(map(text_of, parts))
    return text.replace(" ", "") if shape.is_json and shape.release == 26 else text


def _parsed_layout(layout: str) -> list[Any]:
    """Return a layout of a key as nested lists of letters."""
    found: list[list[Any]] = [[]]
    for letter in layout:
        if letter == "(":
            found.append([])
        elif letter == ")":
            inner = found.pop()
            found[-1].append(inner)
        else:
            found[-1].append(letter)
    return found[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it is printed, its value, how often it was counted, and the stack it stands for."""

    key: str
    value: int
    times: int
    stack: str


@st.composite
def _entries(draw: Draw, shape: Shape, layout: str) -> list[Entry]:
    """Return entries with different keys, ordered by their values."""
    found: dict[str, Entry] = {}
    values = sorted(draw(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=5)))
    for value in values:
        frames = st.lists(st.tuples(functions, st.integers(0, 9999)), max_size=4)
        kernel, user = draw(frames), draw(frames)
        command = draw(programs)
        if "(" in layout and command in (":-)", "x]: 7"):
            command = "cat"  # in a tuple its bracket might be that of the tuple
        letters = {
            "k": _printed_stack(shape, kernel, is_kernel=True),
            "u": _printed_stack(shape, user, is_kernel=False),
            "c": command,
            "n": str(draw(st.integers(0, 99))),
        }

        def filled(part: Any, letters: dict[str, str] = letters) -> Any:
            return [filled(one) for one in part] if isinstance(part, list) else letters[part]

        key = _key_text(shape, filled(_parsed_layout(layout)))
        shown = command.replace(" ", "") if shape.is_json and shape.release == 26 else command
        kernel_names = [_name(shape, name, True) for name, _ in kernel if "k" in layout]
        user_names = [_name(shape, name, False) for name, _ in user if "u" in layout]
        delimiter = ["-"] if kernel_names and user_names else []
        leaf_first = [*kernel_names, *delimiter, *user_names]
        stack = ";".join(reversed(leaf_first)) or "[no stack]"
        folded = f"{shown};{stack}" if "c" in layout else stack
        found.setdefault(key, Entry(key, value, draw(st.integers(0, 99)), folded))
    return list(found.values())


def _json_entry(shape: Shape, entry: Entry, has_times: bool) -> str:
    """Return an entry of a JSON object; bytes above 127 are spelled as bpftrace spells them."""
    key = json.dumps(entry.key, ensure_ascii=False)
    key = "".join(
        c if ord(c) < 128 else "".join(f"\\uffffff{b:02x}" for b in c.encode()) for c in key
    )
    number = str(entry.value)
    if shape.release == 26 and float(entry.value) != entry.value:
        number = f'"{number}"'
    if has_times:
        number = f'{{"count": {entry.times}, "average": 0, "total": {number}}}'
    return f"{key}: {number}"


def _text_entry(shape: Shape, name: str, entry: Entry, has_times: bool) -> str:
    number = str(entry.value)
    if has_times and shape.release < 26:
        number = f"count {entry.times}, average 0, total {number}"
    elif has_times:
        number = f"{{ .count = {entry.times}, .average = 0, .total = {number} }}"
    return f"{name}[{entry.key}]: {number}\n"


NOISE = {
    False: (
        "Attaching 3 probes...\n",
        "Tracing... Hit Ctrl-C to end.\n",
        "^C\n",
        "\n",
        "@h[cat]: \n[4K, 8K)        2 |@@@@      |\n[8K, 16K)       2 |@@@@      |\n\n",
        "@total: 77\n",
        "@last[7]: swapper/0\n",
    ),
    True: (
        '{"type": "attached_probes", "data": {"probes": 3}}\n',
        '{"type": "printf", "data": "Tracing...\\n"}\n',
        "\n",
        '{"type": "hist", "data": {"@h": {"cat": [{"min": 1, "max": 1, "count": 3}]}}}\n',
        '{"type": "map", "data": {"@last": {"7": "swapper/0"}}}\n',
    ),
}
"""What else is printed, by whether it is JSON."""


@st.composite
def bpftrace_maps(draw: Draw) -> Meant:
    """Return a text with one map that has stacks, and others."""
    is_json = draw(st.booleans())
    modes = ["bpftrace"] if is_json else ["bpftrace", "perf"]
    shape = Shape(
        draw(st.sampled_from(RELEASES[1:] if is_json else RELEASES)),
        draw(st.sampled_from(modes)),
        draw(st.booleans()),
        is_json,
    )
    name, unit, factor = draw(map_units)
    layout = draw(st.sampled_from(LAYOUTS_OF_KEYS))
    has_times = draw(st.booleans())
    entries = draw(_entries(shape, layout))
    if is_json:
        inner = ", ".join(_json_entry(shape, entry, has_times) for entry in entries)
        kind = "stats" if has_times else "map"
        body = f'{{"type": "{kind}", "data": {{"{name}": {{{inner}}}}}}}\n'
    else:
        body = "".join(_text_entry(shape, name, entry, has_times) for entry in entries)
        if draw(st.booleans()):
            body = "^C" + body
    noise = st.lists(st.sampled_from(NOISE[is_json]), max_size=3).map("".join)
    text = draw(noise) + body + draw(noise)
    stacks: Counter[str] = Counter()
    for entry in entries:
        leaf = entry.stack.rpartition(";")[2]
        stack = f"{entry.stack};{leaf}" if unit == "ns" else entry.stack
        stacks[stack] += entry.value * factor
    layout_name = "bpftrace-json" if is_json else "bpftrace-map"
    return Meant(text.encode(), layout_name, {unit: dict(stacks)})
