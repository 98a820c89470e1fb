"""Spread the parsing of one large text over the cores.

Owns where a text may be cut and how shares travel between processes. Small texts are read in this
process, at no cost; results never depend on the number of shares.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import mmap
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, NoReturn, Protocol

from pvprof.errors import PvprofError
from pvprof.model.profile import weights_of
from pvprof.parse.result import ParseResult

Buffer = Any
"""``bytes`` or ``mmap.mmap``: what has ``find`` and slices to ``bytes``."""

MIN_SHARE_BYTES = 24_000_000
"""A second process costs some 0.1 s to start and to hear from; smaller shares do not earn that."""

_PIPE_BYTES = 1 << 20

Share = tuple[int, int]
"""First byte and the byte behind the last."""


class Boundary(Protocol):
    """What finds where a new record begins: a compiled pattern, or more than one."""

    def search(self, data: Buffer, start: int, end: int, /) -> re.Match[bytes] | None:
        """Return the first match between `start` and `end`; it ends where the record begins."""


def core_count() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def shares(data: Buffer, boundary: Boundary, size: int, most: int) -> list[Share]:
    """Return at most `most` shares of the first `size` bytes, cut where `boundary` ends.

    The pattern's match must end where a new record begins, whatever came before it.
    """
    wanted = max(1, min(most, size // MIN_SHARE_BYTES))
    cuts = [0]
    for number in range(1, wanted):
        match = boundary.search(data, max(size * number // wanted, cuts[-1]), size)
        if match is None:
            break
        cuts.append(match.end())
    cuts.append(size)
    return list(pairwise(cuts))


def let_go(data: Buffer, share: Share) -> None:
    """Let the system take back the memory of a part of a mapped file; it may still be read again.

    Else a text of a gigabyte would count as a gigabyte of this process by the time it is read.
    """
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on every system
        first, last = -(-share[0] // mmap.PAGESIZE), share[1] // mmap.PAGESIZE
        if last > first:
            length = (last - first) * mmap.PAGESIZE
            data.madvise(mmap.MADV_DONTNEED, first * mmap.PAGESIZE, length)


def run_shares(parts: list[Share], work: Callable[[Share], ParseResult]) -> ParseResult:
    """Return the merged results of `work` on each share, in their order.

    The last share is worked on here, each other one in a child process, which inherits the text.

    Raises:
        PvprofError: a child process ended without a result.
    """
    if len(parts) == 1:
        return work(parts[0])
    children = [_Child(work, part) for part in parts[:-1]]
    try:
        own = work(parts[-1])
        merged = children[0].result()
        for child in children[1:]:
            merged.merge(child.result())
    finally:
        for child in children:
            child.end()
    merged.merge(own)
    return merged


class _Child:
    """A process that works on one share and sends back what it found, through a pipe."""

    def __init__(self, work: Callable[[Share], ParseResult], part: Share) -> None:
        reading, writing = os.pipe()
        _widen(writing)
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _work_and_exit(work, part, writing)
        os.close(writing)
        self._pipe = os.fdopen(reading, "rb")
        self._is_running = True

    def result(self) -> ParseResult:
        """Wait for the child and return its result.

        Raises:
            PvprofError: the one that the child met, or that it ended without a result.
        """
        message = self._pipe.read()
        if self.end() != 0:
            raise PvprofError(
                "a worker process ended unexpectedly",
                "was it killed for want of memory? try --jobs 1",
            )
        return unpack(message)

    def end(self) -> int:
        """Stop the child if it still runs; return its exit status, 0 if it was asked before."""
        if not self._is_running:
            return 0
        self._is_running = False
        self._pipe.close()  # a child that still writes is ended by that
        return os.waitpid(self._pid, 0)[1]


def _widen(pipe: int) -> None:
    """Make a pipe as wide as the system lets it be: fewer switches between the processes."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _work_and_exit(work: Callable[[Share], ParseResult], part: Share, pipe: int) -> NoReturn:
    """Work in the child; leave without the parent's clean-up, which is not the child's."""
    status = 1
    try:
        try:
            message = pack(work(part))
        except PvprofError as error:
            message = pickle.dumps(error)
        with os.fdopen(pipe, "wb", buffering=0) as file:
            view = memoryview(message)
            while view:
                view = view[file.write(view) :]
        status = 0
    finally:
        os._exit(status)


def pack(parsed: ParseResult) -> bytes:
    """Return a result as bytes: all stacks as one text, since that is the quickest to send."""
    columns = []
    for (unit, has_counts), profile in parsed.profiles.items():
        for key, stacks in profile.groups.items():
            weights = list(zip(*stacks.values(), strict=True))
            text = "\n".join(stacks).encode()
            columns.append((unit, has_counts, key, text, marshal.dumps(weights)))
    return pickle.dumps((replace(parsed, profiles={}), columns), protocol=5)


def unpack(message: bytes) -> ParseResult:
    """Return what `pack` was given.

    Raises:
        PvprofError: the one that the child met.
    """
    content = pickle.loads(message)
    if isinstance(content, PvprofError):
        raise content
    parsed, columns = content
    assert isinstance(parsed, ParseResult)
    for unit, has_counts, key, text, weights in columns:
        rows = zip(*marshal.loads(weights), strict=True)
        stacks = zip(text.decode().split("\n"), weights_of(rows), strict=True)
        parsed.profile(unit, has_counts).groups[key] = dict(stacks)
    return parsed
