"""Folded stacks as many tools write them: numbers, blanks, comments and names of all kinds.

Sources: the collapsers of FlameGraph and inferno, py-spy's format ``raw``, bcc's option ``-f``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from helpers.foreign.meant import Meant

Draw = Any

frames = st.sampled_from(
    [
        *(
            "main",
            "work",
            "[unknown]",
            "operator new",
            "f(int, char const*)",
            "kworker/0:1",
            "new 3",
        ),
        *("<module> (app.py:1)", "std::function<void (int)>::operator()", "é ü", "#1", "a  b", ""),
        *(
            "sched lock 4",
            "[libc.so.6]",
            "-",
            "0x7f00",
            "1e3",
            "La/B;::f".replace(";", ":"),
            "x\ty",
        ),
    ]
)
"""Names of frames. Some end in a number, which belongs to the name."""
stacks = st.lists(frames, min_size=2, max_size=4).map(tuple)
integers = st.integers(0, 10**15).map(str)
numbers = integers | st.sampled_from(
    ["0.4", "0.25", "1e-05", "2.5e3", ".5", "3.", "1E+2", "0.1", "007", "99999999999999999999.5"]
)
"""Numbers as programs print them."""
_gaps = st.sampled_from([" ", " ", "  ", "\t", " \t "])
_ends = st.sampled_from(["", "", " ", "\t"])
_others = st.sampled_from(["", "# 17 stacks in 30", "#", "#!comment 3", "   "])
"""Lines that mean nothing."""


@dataclass(frozen=True, slots=True)
class TwoSides:
    """A differential file, and what each of its columns means: for each stack its value."""

    text: bytes
    base: Mapping[str, int]
    new: Mapping[str, int]


def _text_of(stack: tuple[str, ...]) -> str:
    """Return a stack as pvprof shows it."""
    return ";".join(name.strip().replace("\t", "\\x09") or "-" for name in stack)


def rounded(sums: Mapping[str, Fraction]) -> dict[str, int]:
    """Return sums as integers, halves to the even one; what becomes 0 is not shown."""
    values = {stack: round(value) for stack, value in sums.items()}
    return {stack: value for stack, value in values.items() if value}


@st.composite
def folded_files(draw: Draw) -> Meant:
    """Make a file with one number in each line."""
    sums: Counter[str] = Counter()
    lines = ["main;work 7"]  # it does not end in two numbers, so no line is of a difference
    exact: dict[str, Fraction] = {"main;work": Fraction(7)}
    known = draw(st.lists(stacks, min_size=1, max_size=3))  # few, so that some come again
    rows = draw(st.lists(st.tuples(st.sampled_from(known), numbers), max_size=10))
    for stack, number in rows:
        lines.append(f"{';'.join(stack)}{draw(_gaps)}{number}{draw(_ends)}")
        exact[_text_of(stack)] = exact.get(_text_of(stack), Fraction()) + Fraction(number)
    for number in draw(st.lists(numbers, max_size=len(rows) // 2)):
        lines.append(f"{draw(_ends)}{number}")
        exact["[no stack]"] = exact.get("[no stack]", Fraction()) + Fraction(number)
    lines += draw(st.lists(_others, max_size=3))
    order = draw(st.permutations(lines))
    sums.update(rounded(exact))
    return Meant("".join(f"{line}\n" for line in order).encode(), "folded", {"samples": sums})


@st.composite
def differential_files(draw: Draw) -> TwoSides:
    """Make a file with two numbers in each line, each stack once."""
    known = draw(st.lists(stacks, min_size=1, max_size=8, unique_by=_text_of))
    lines = ["first;stack 1 2"]  # the first numbers differ
    base, new = {"first;stack": Fraction(1)}, {"first;stack": Fraction(2)}
    for index, stack in enumerate(known):
        name = (*stack, f"leaf{index}")
        pair = ("2" if not index else draw(numbers)), draw(numbers)
        lines.append(f"{';'.join(name)}{draw(_gaps)}{pair[0]}{draw(_gaps)}{pair[1]}{draw(_ends)}")
        base[_text_of(name)], new[_text_of(name)] = map(Fraction, pair)
    order = draw(st.permutations(lines))
    return TwoSides("".join(f"{line}\n" for line in order).encode(), rounded(base), rounded(new))
