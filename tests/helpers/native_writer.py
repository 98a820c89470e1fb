"""Prints pvprof's own grammar byte for byte as the D programs do, independent of the parser."""

from __future__ import annotations

from collections.abc import Sequence

Lines = list[bytes]
"""The text of one record, cut where dtrace may print a message in between."""

BEGIN = b"#begin 1000 1795372027596348298\n"
END = b"#end 9000 1795372027596356298\n"
ADVERSARIAL = (
    b"",
    b" ",
    b"vm inactive pagequeue ",
    b"\n",
    b"\r\n",
    b"\n= 5 5\n#end 1 1\n",
    b"\n> turnstile name=1:x\n= 5 5\n",
    b"\n.\nR 5 1 0\nS 5 1 1 0 sleepq 0 0 name=1:x exec=1:y\n\n.\n",
    b"x exec=2:sh",
    b"=99:",
    b"a=b",
    b"\xff\xfe",
    b"\ndtrace: 3 drops on CPU 1\n",
    b"#pvprof 2 x",
    b"W 1 2 3 4",
    b"a;b`c",
)


def header(mode: str = "offcpu", unit: str = "ns", variant: str = "stock") -> bytes:
    return f"#pvprof 1 {mode} {variant} {unit} 0.1.0\n".encode()


def fields(some: dict[str, bytes]) -> bytes:
    return b"".join(b" %b=%d:%b" % (key.encode(), len(text), text) for key, text in some.items())


def printa_stack(frames: Sequence[bytes]) -> Lines:
    """Print a stack as ``%k`` does: after a newline, one frame per line without indentation."""
    return [b"%b\n" % frame for frame in frames]


def action_stack(frames: Sequence[bytes]) -> Lines:
    """Print a stack as ``stack()`` does: a newline, frames after 14 blanks, a newline."""
    return [b"\n", *(b"%14s%b\n" % (b"", frame) for frame in frames), b"\n"]


def record(
    event: str,
    some: dict[str, bytes],
    kernel: Sequence[bytes],
    values: Sequence[int],
    user: Sequence[bytes] = (),
) -> Lines:
    lines = [b"> " + event.encode() + fields(some) + b"\n", *printa_stack(kernel)]
    if user:
        lines += [*([b"-\n"] if kernel else []), *printa_stack(user)]
    return [*lines, b"= " + b" ".join(b"%d" % value for value in values) + b"\n"]


def histogram(event: str, some: dict[str, bytes], rows: Sequence[tuple[int, int]]) -> Lines:
    head = b"%16s  ------------- Distribution ------------- count    \n" % b"value"
    total = sum(count for _, count in rows) or 1
    body = [
        b"%16d |%-40s %-9d\n" % (bound, b"@" * (40 * count // total), count)
        for bound, count in rows
    ]
    return [b"? " + event.encode() + fields(some) + b"\n", b"\n", head, *body, b"\n", b".\n"]


def sleep(
    numbers: tuple[int, int, int, int],
    event: str,
    lock: tuple[int, int],
    some: dict[str, bytes],
    frames: Sequence[bytes],
) -> Lines:
    """Print an ``S`` record: `numbers` are time, tid, pid, cpu; `lock` is object and owner."""
    head = b"S %d %d %d %d %b %x %d" % (*numbers, event.encode(), *lock)
    return [head + fields(some) + b"\n", *action_stack(frames), b".\n"]


def run_again(time: int, tid: int, cpu: int, wait: int | None = None) -> Lines:
    tail = b"" if wait is None else b" %d" % wait
    return [b"R %d %d %d%b\n" % (time, tid, cpu, tail)]


def wake(
    numbers: tuple[int, int, int, int], some: dict[str, bytes], frames: Sequence[bytes]
) -> Lines:
    """Print a ``W`` record: `numbers` are time, sleeper, waker, cpu."""
    head = b"W %d %d %d %d" % numbers
    return [head + fields(some) + b"\n", *action_stack(frames), b".\n"]


def text_of(records: Sequence[Lines], mode: str = "offcpu", unit: str = "ns") -> bytes:
    """Print a whole recording."""
    body = b"".join(line for lines in records for line in lines)
    return header(mode, unit) + BEGIN + body + END
