"""What dtrace and ``printa`` print of stacks and rows, as strategies of hypothesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from helpers.foreign.meant import Meant

HEADER = "CPU     ID                    FUNCTION:NAME\n"
_TICK = "  0  29891                         :tick-3s \n"

_KERNEL = st.sampled_from(
    ["kernel`lock_delay", "kernel`vm_fault", "zfs.ko`arc_read", "kernel`0xffffffff8070bddb",
     "kernel`std::f<a, b>::g", "kernel`$d.1", "if_em.ko`em_txeof"]
)  # fmt: skip
_USER = st.sampled_from(
    ["libc.so.7`_read", "sh`main", "libc++.so.1`std::vector<int>::push_back", "ld-elf.so.1`0x2eadd"]
)
_NAME = st.sampled_from(
    ["sh", "make", "123", "rand_harvestq", "a b", "make[2]", "(bsdtar)", "été", "x" * 60, "f+0x1"]
)
_VALUE = st.integers(1, 1 << 62)
_PID = st.integers(0, 99_999)
_OFFSET = st.one_of(st.just(""), st.integers(1, 1 << 20).map(lambda offset: f"+{offset:#x}"))


@dataclass(frozen=True, slots=True)
class _Stack:
    """The frames of one side, leaf first, as they are printed, and their names."""

    printed: tuple[str, ...]
    names: tuple[str, ...]

    def text(self, indent: int) -> str:
        """Return the lines, after the end of the line above."""
        return "\n" + "".join(f"{'':{indent}}{frame}\n" for frame in self.printed)


@st.composite
def _stacks(draw: st.DrawFn, frames: st.SearchStrategy[str], min_size: int = 0) -> _Stack:
    names = tuple(draw(st.lists(frames, min_size=min_size, max_size=4)))
    printed = tuple(
        name if "`0x" in name else name + draw(_OFFSET)  # an address has no offset
        for name in names
    )
    return _Stack(printed, names)


def _folded(keys: list[str], *stacks: _Stack) -> str:
    """Return the folded stack of a key and stacks, the kernel's first."""
    sides = [";".join(reversed(stack.names)) for stack in reversed(stacks) if stack.names]
    frames = ";-;".join(sides) or "[no stack]"
    return f"{'|'.join(keys)};{frames}" if keys else frames


Record = tuple[str, str]
"""The text of a record up to its value, and its folded stack."""

Form = Callable[[st.DrawFn], Record]


def _printed_by_dtrace(draw: st.DrawFn, shape: str) -> Record:
    """Return a record of dtrace's own print: a letter of `shape` is a member of the key."""
    text, keys, stacks = "", [], []
    for member in shape:
        if member == "s":
            name = draw(_NAME)
            text += f"  {name:<50}"
            keys.append(name)
        elif member == "d":
            number = draw(_PID)
            text += f" {number:8d}"
            keys.append(str(number))
        else:
            stack = draw(_stacks(_KERNEL if member == "k" else _USER))
            text += stack.text(14)
            stacks.append(stack)
    return text, _folded(keys, *stacks)


def _rows_of_functions(draw: st.DrawFn, has_key: bool) -> Record:
    stack = draw(_stacks(_KERNEL.filter(lambda name: " " not in name), 1))
    function = _Stack(stack.printed[:1], stack.names[:1])
    keys = [draw(_NAME)] if has_key else []
    text = "".join(f"  {member:<50}" for member in (*keys, *function.names))
    return text, _folded(keys, function)


@st.composite
def own_print(draw: st.DrawFn) -> Meant:
    """Make dtrace's own print of one aggregation."""
    shape = draw(st.sampled_from(["k", "u", "ku", "sk", "ks", "dsk", "kd", "sks", "kus", "suk"]))
    shape = "sku" if shape == "suk" else shape
    # A text without any frame is rows, whose numbers are of another unit.
    records = [_printed_by_dtrace(draw, shape) for _ in range(draw(st.integers(1, 6)))]
    records.append(("\n              kernel`f\n", "kernel`f"))
    values = [draw(_VALUE) for _ in records]
    lines = [f"{text} {value:16d}\n" for (text, _), value in zip(records, values, strict=True)]
    return _meant(HEADER + _TICK + "\n" + "".join(lines), "classic", "samples", records, values)


@st.composite
def rows(draw: st.DrawFn) -> Meant:
    """Make rows of keys and functions, with ``-q``."""
    has_key = draw(st.booleans())
    records = [_rows_of_functions(draw, has_key) for _ in range(draw(st.integers(1, 6)))]
    values = [draw(_VALUE) for _ in records]
    lines = [f"{text} {value:16d}\n" for (text, _), value in zip(records, values, strict=True)]
    return _meant("\n" + "".join(lines), "rows", "events", records, values)


PRINTA = {
    "%k%@d\\n": "{kernel}{value}\n",
    "%s%k%@d\\n\\n": "{name}{kernel}{value}\n\n",
    "%20s %k %@8d\\n": "{name:>20} {kernel} {value:8d}\n",
    "\\n%s%k%@d\\n": "\n{name}{kernel}{value}\n",
    "%k%s %@d\\n\\n": "{kernel}{name} {value}\n\n",
    "%k%k%s %@d\\n\\n": "{kernel}{user}{name} {value}\n\n",
    "%k%k%@d\\n": "{kernel}{user}{value}\n",
}
"""Formats of printa, and what they make of a key and its value."""


@st.composite
def printa(draw: st.DrawFn) -> Meant:
    """Make what ``printa`` prints with `PRINTA`."""
    form = draw(st.sampled_from(sorted(PRINTA.values())))
    records, values, text = [], [], ""
    for _ in range(draw(st.integers(1, 6))):
        kernel, user = draw(_stacks(_KERNEL, 1)), draw(_stacks(_USER))
        name = draw(_NAME.filter(lambda name: not name.isdigit()))
        value = draw(_VALUE)
        text += form.format(name=name, kernel=kernel.text(0), user=user.text(0), value=value)
        keys = [name] if "{name" in form else []
        sides = (kernel, user) if "{user}" in form else (kernel,)
        records.append(("", _folded(keys, *sides)))
        values.append(value)
    return _meant(text, "keyed", "samples", records, values)


@st.composite
def single_stacks(draw: st.DrawFn) -> Meant:
    """Make what ``stack()`` and ``ustack()`` print as actions, with dtrace's header."""
    has_user, printed = draw(st.booleans()), draw(st.sampled_from(["", "size {}", "{}", "{} sh"]))
    records, text = [], HEADER
    for _ in range(draw(st.integers(2, 6))):
        kernel, user = draw(_stacks(_KERNEL, 1)), draw(_stacks(_USER))
        row = f"  {draw(st.integers(0, 99))}  10441                     malloc:entry "
        text += row + printed.format(draw(_PID)) + kernel.text(14)
        text += (user.text(14) if has_user else "") + "\n"
        records.append(("", _folded([], *((kernel, user) if has_user else (kernel,)))))
    return _meant(text + _TICK + "\n", "single-stacks", "events", records, [1] * len(records))


def _meant(text: str, layout: str, unit: str, records: list[Record], values: list[int]) -> Meant:
    stacks: Counter[str] = Counter()
    for (_, stack), value in zip(records, values, strict=True):
        stacks[stack] += value
    return Meant(text.encode(), layout, {unit: stacks})
