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

NO_PROCESS = "[no name]"
"""In front of the id of a process whose name is not known."""

UNIT_COMMENT = "# pvprof folded, unit: "
"""The first line of pvprof's folded stacks, up to the unit."""

DIFFERENTIAL_COMMENT = "# pvprof differential, unit: "
"""The first line of pvprof's folded stacks with two values, up to the unit."""

DELIMITER: Frame = "-"
"""The frame between user frames (towards the root) and kernel frames, as in bcc and FlameGraph."""

WAKER_DELIMITER: Frame = "--"
"""The frame between a waker's frames and the sleeper that it woke, as in bcc and FlameGraph."""

_ANNOTATION = re.compile(r"_\[[kwji]\]$")
_OFFSET = re.compile(r"\+0x[0-9a-fA-F]+$")
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e00ff]"
)
"""Controls; what is invisible; what reverses the direction of a text, so that one name looks like
another; and what no text of Unicode has."""


def clean_frame(text: str) -> Frame:
    r"""Return `text` as a frame that a folded line can hold.

    ``;`` becomes ``:``, as every collapser writes it; control characters become ``\x1b``; an empty
    text becomes ``-``.
    """
    return show_controls(text).replace(";", ":").strip() or "-"


def show_controls(text: str) -> str:
    r"""Return `text` with each character that is not seen spelled out: ``\x1b``, ``\u202e``.

    A name of a recording may hold any character. Every text from outside passes here before it
    reaches a terminal, a document or a picture; a byte that is no UTF-8 is spelled as a byte.
    """
    return text if text.isprintable() else UNSEEN.sub(_spelled, text)


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # Python's mark of a byte that is no UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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
