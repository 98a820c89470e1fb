"""Frames and stacks: text in folded form, root first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NewType

Frame = str

Stack = NewType("Stack", str)
"""Frames joined by ``;``, root first: the folded form.

One string, not a tuple of frames: it is hashed once, and several times as fast to compare and to
send between processes. `frames_of` and `stack_of` convert.
"""

NO_STACK = Stack("[no stack]")
"""The stack of a record whose ``stack()`` was empty, so that its weight stays visible."""

LOST_FRAMES: Frame = "[frames lost]"
"""The leaf of a stack whose innermost frames the tracer left out: who called is not known."""

UNIT_COMMENT = "# pvprof folded, unit: "
"""The first line of pvprof's folded stacks, up to the unit."""

DIFFERENTIAL_COMMENT = "# pvprof differential, unit: "
"""The first line of pvprof's folded stacks with two values, up to the unit."""

DELIMITER: Frame = "-"
"""The frame between user frames (towards the root) and kernel frames, as in bcc and FlameGraph."""

WAKER_DELIMITER: Frame = "--"
"""The frame between a waker's frames and the sleeper that it woke, as in bcc and FlameGraph."""

# Among them those that reverse the direction of a text, with which a name could look like another.
_ANNOTATION = re.compile(r"_\[[kwji]\]$")
_OFFSET = re.compile(r"\+0x[0-9a-fA-F]+$")
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean_frame(text: str) -> Frame:
    r"""Return `text` as a frame that a folded line can hold.

    ``;`` becomes ``:``, as every collapser writes it; control characters become ``\x1b``; an empty
    text becomes ``-``.
    """
    return show_controls(text).replace(";", ":").strip() or "-"


def show_controls(text: str) -> str:
    r"""Return `text` with control characters spelled out, ``\x1b``: a name may hold any."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def names_of(frame: Frame) -> tuple[str, str, str]:
    """Return the names that a user may give to a frame.

    Whole; without the annotation of other tools and the offset; and also without the module::

        kernel`vm_fault_[k]   kernel`vm_fault   vm_fault
    """
    bare = _OFFSET.sub("", _ANNOTATION.sub("", frame))
    return frame, bare, bare.partition("`")[2] or bare


def stack_of(frames: Iterable[Frame]) -> Stack:
    """Return the stack of frames that are given root first; `NO_STACK` if there are none."""
    return Stack(";".join(frames)) or NO_STACK


def frames_of(stack: Stack) -> list[Frame]:
    """Return the frames of a stack, root first."""
    return stack.split(";")
