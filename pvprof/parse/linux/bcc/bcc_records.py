r"""One record of bcc's multi-line output: its stacks, its processes and its value.

::

    schedule                            offcputime, profile: the kernel's stack, leaf first,
    do_syscall_64
    --                                  with -d: the program's stack follows
    read
    -                sshd (1234)        the process and its thread
        56789

    waker:           cat 77             offwaketime: the waker's stacks, root first,
    main
    -                                   with -d
    vfs_write
    --               --                 and the sleeper's, leaf first
    schedule
    target:          sshd 1234
        56789

    target:          sshd               wakeuptime: a stack of the waker's, whose order
    ffffffff81c0ffee try_to_wake_up     depends on the release
    waker:           cat
        56789

  ip_output                             stackcount: two blanks before a frame
    --                                  with -d
  main
    cat [77]                            with -P
    56789

libbpf-tools' wakeuptime has tabs in the place of blanks. A name of a process may hold a newline.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pvprof.parse.linux.bcc.bcc_frames import bcc_frame, unquoted

_LABEL_WIDTH = 17
_LABELS = re.compile(rb"\s*(-|--|waker:|target:)( +)")
_WAKER_OF_LIBBPF = b"\t          waker: "  # aligned to the right
_PROCESS = re.compile(rb"(?s)(.*?) ?\((-?[0-9]{1,10})\)")
_OLD_PROCESS = re.compile(rb"(?s)(.*)()")
_NAME_AND_ID = re.compile(rb"(?s)(.*?) ?(-?[0-9]{1,10})")
_COUNTED = re.compile(rb"(?s)(?:    |\t)(\S.*) \[([0-9]{1,10})\]")
_KERNEL = b"kernel`"
_DELIMITERS = (b"-", b"--")


@dataclass(frozen=True, slots=True)
class BccRecord:
    """A record.

    Attributes:
        tool: "offcputime" (or profile, which prints the same), "offwaketime", "wakeuptime" or
            "stackcount".
        process: the process that waited or ran; of wakeuptime the one that was woken.
        kernel: raw frames of the first stack, leaf first. Without a delimiter those of the program
            follow in it.
        user: those behind the delimiter.
        waker: the waking process.
        waker_frames: its stacks, root first but of wakeuptime, a delimiter between them.
        number: the id that is printed with the process; -1 for none. It is the thread's where
            waits are measured, else the process's.
    """

    tool: str
    process: bytes
    kernel: tuple[bytes, ...] = ()
    user: tuple[bytes, ...] = ()
    waker: bytes = b""
    waker_frames: tuple[bytes, ...] = ()
    number: int = -1


def label_of(line: bytes) -> tuple[bytes, bytes] | None:
    """Return the label of a line and what is behind it, or None for a line without a label."""
    if b"  " not in line.lstrip() and line[:1] != b"\t":  # nearly all frames
        return None
    if line.startswith(_WAKER_OF_LIBBPF):
        return b"waker:", line.removeprefix(_WAKER_OF_LIBBPF)
    match = _LABELS.match(line)
    if match is None or len(match[1]) + len(match[2]) < _LABEL_WIDTH - 1:
        return None
    return match[1], line[match.start(1) + _LABEL_WIDTH :]


def read_record(lines: Sequence[bytes], is_counted: bool) -> BccRecord | None:
    """Return the record of the lines before a value, or None if they are not a whole one.

    Args:
        lines: none is empty.
        is_counted: the text is stackcount's, as its heading says: a record may have no process.
    """
    labels = [label_of(line) for line in lines]
    at = {label[0]: index for index, label in enumerate(labels) if label is not None}
    number = sum(label is not None for label in labels)
    last = labels[-1] if labels else None
    if last is None:
        return None if number else _counted(lines, is_counted)
    if number == 1 and last[0] == b"-":
        process = _PROCESS.fullmatch(last[1]) or _OLD_PROCESS.fullmatch(last[1])
        assert process is not None  # the second one matches anything
        kernel, user = _split(lines[:-1])
        name, digits = process.groups()
        return BccRecord("offcputime", unquoted(name), kernel, user, number=_id(digits))
    first = labels[0]
    if first is None or number != len(at):
        return None
    if number == 2 and (first[0], last[0]) == (b"target:", b"waker:"):
        frames = tuple(map(bcc_frame, lines[1:-1]))
        return BccRecord("wakeuptime", unquoted(first[1]), (), (), unquoted(last[1]), frames)
    between = at.get(b"--", at.get(b"-"))
    if number != 3 or between is None or (first[0], last[0]) != (b"waker:", b"target:"):
        return None
    (target, digits), (waker, _) = _name_and_id(last[1]), _name_and_id(first[1])
    frames = tuple(
        b"-" if line.strip() in _DELIMITERS else bcc_frame(line) for line in lines[1:between]
    )
    kernel, user = _split(lines[between + 1 : -1])
    return BccRecord("offwaketime", target, kernel, user, waker, frames, _id(digits))


def is_whole_record(lines: Sequence[bytes], is_counted: bool) -> bool:
    """Tell whether the lines before a value are a record."""
    return read_record(lines, is_counted) is not None


def _name_and_id(text: bytes) -> tuple[bytes, bytes]:
    match = _NAME_AND_ID.fullmatch(text)
    return (unquoted(match[1]), match[2]) if match else (unquoted(text), b"")


def _id(digits: bytes) -> int:
    """Return an id; -1 if there is none."""
    return max(int(digits), -1) if digits else -1


def _counted(lines: Sequence[bytes], is_counted: bool) -> BccRecord | None:
    """Return a record of stackcount: whose frames have two blanks before them."""
    match = _COUNTED.fullmatch(lines[-1]) if lines else None
    name, digits = match.groups() if match else (b"", b"")
    frames = lines[:-1] if match else lines
    has_frames = all(_is_counted_frame(line) for line in frames)
    if not has_frames or not (is_counted or (match and frames)):
        return None
    kernel, user = _split(frames)
    return BccRecord("stackcount", unquoted(name), kernel, user, number=_id(digits))


def _is_counted_frame(line: bytes) -> bool:
    is_indented = line.startswith(b"  ") and line[2:3] not in (b" ", b"\t")
    return is_indented or line.strip() in _DELIMITERS


def _split(lines: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the raw frames of the kernel and of the program: before and behind a delimiter.

    Without a delimiter the kernel's are those up to the last one with a name and an address of the
    kernel; if there is none, all may be of both.
    """
    frames = tuple(map(bcc_frame, lines))
    at = next((index for index, line in enumerate(lines) if line.strip() in _DELIMITERS), None)
    if at is not None:
        return frames[:at], frames[at + 1 :]
    kernel = [index for index, frame in enumerate(frames, 1) if frame.startswith(_KERNEL)]
    end = kernel[-1] if kernel else len(frames)
    return frames[:end], frames[end:]


def continues_name(before: bytes, is_counted: bool) -> bool:
    """Tell whether a line without blanks in front goes on with the name that a line ends in."""
    label = label_of(before)
    if label is not None:
        return label[0] == b"-" and _PROCESS.fullmatch(label[1]) is None
    is_process = before.startswith(b"    ") and not before.startswith(b"     ")
    return is_counted and is_process and not before.endswith(b"]")
