"""Spread the parsing of one large text over the cores.

Owns where a text may be cut and how shares travel between processes. Small texts are read in this
process, at no cost; results never depend on the number of shares.
"""

from __future__ import annotations

import marshal
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pvprof.errors import PvprofError
from pvprof.model import Key, Profile, Weight
from pvprof.parse.parsed import Parsed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Buffer = Any
"""``bytes`` or ``mmap.mmap``: what has ``find`` and slices to ``bytes``."""

MIN_SHARE_BYTES = 24_000_000
"""A second process costs some 0.1 s to start and to hear from; smaller shares do not earn that."""

Share = tuple[int, int]
"""First byte and the byte behind the last."""


def core_count() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def shares(data: Buffer, boundary: re.Pattern[bytes], size: int, most: int) -> list[Share]:
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


def run_shares(parts: list[Share], work: Callable[[Share], Parsed]) -> Parsed:
    """Return the merged results of `work` on each share, in their order.

    The last share is worked on here, each other one in a child process, which inherits the text.

    Raises:
        PvprofError: a child process ended without a result.
    """
    if len(parts) == 1:
        return work(parts[0])
    import multiprocessing  # noqa: PLC0415 (small input must not pay for it)

    context = multiprocessing.get_context("fork")
    children = []
    for part in parts[:-1]:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_work_in_child, args=(sender, work, part), daemon=True)
        child.start()
        sender.close()
        children.append((child, receiver))
    own = work(parts[-1])
    merged: Parsed | None = None
    for child, receiver in children:
        result = _receive(receiver)
        child.join()
        if merged is None:
            merged = result
        else:
            merged.merge(result)
    assert merged is not None
    merged.merge(own)
    return merged


def _receive(receiver: Connection) -> Parsed:
    try:
        message = receiver.recv_bytes()
    except (EOFError, OSError) as error:
        raise PvprofError(
            "a worker process ended unexpectedly", "was it killed for want of memory? try --jobs 1"
        ) from error
    finally:
        receiver.close()
    result = unpack(message)
    if isinstance(result, Exception):
        raise result
    return result


def _work_in_child(sender: Connection, work: Callable[[Share], Parsed], part: Share) -> None:
    try:
        message = pack(work(part))
    except PvprofError as error:
        message = pickle.dumps((error, b""))
    sender.send_bytes(message)
    sender.close()


def pack(parsed: Parsed) -> bytes:
    """Return a result as bytes: stacks by `marshal`, which is quick with shared strings."""
    columns = [
        (unit, has_counts, [(tuple(key), *_columns(stacks)) for key, stacks in part.groups.items()])
        for (unit, has_counts), part in parsed.profiles.items()
    ]
    return pickle.dumps((replace(parsed, profiles={}), marshal.dumps(columns)), protocol=5)


def _columns(stacks: dict[Any, Weight]) -> tuple[list[Any], list[int], list[int], list[int]]:
    values, counts, records = map(list, zip(*stacks.values(), strict=True))
    return list(stacks), values, counts, records


def unpack(message: bytes) -> Parsed | PvprofError:
    """Return what `pack` was given, or the error that the child met."""
    parsed, columns = pickle.loads(message)
    if isinstance(parsed, PvprofError):
        return parsed
    assert isinstance(parsed, Parsed)
    for unit, has_counts, groups in marshal.loads(columns):
        profile = Profile(unit, has_counts)
        for key, stacks, values, counts, records in groups:
            weights = map(Weight, values, counts, records)
            profile.groups[Key(*key)] = dict(zip(stacks, weights, strict=True))
        parsed.profiles[unit, has_counts] = profile
    return parsed
