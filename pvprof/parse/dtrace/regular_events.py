"""Whole pieces of single waits as columns, if each record has the long form of an ``E`` line.

Owns the form, and the columns. It refuses a piece with anything else in it (a message, a wake-up, a
name with an odd number in its place): ``event_records`` then reads it record by record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pvprof.parse.line_cache import FallBackError
from pvprof.parse.native.halves import narrow
from pvprof.parse.text.line_fields import ROW_BYTES, LineFields

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Ints

MECHANISMS = {b"t": "turnstile", b"s": "sleepq"}
"""Mechanisms by the letter in a record; there may be none."""

MAX_WAIT_NS = 366 * 24 * 3600 * 1_000_000_000
"""A year: a longer wait is a damaged record."""

# Positions of the words of an E line after the letter.
_START, _WAIT, _PID, _TID, _CPU, _EXECNAME, _MECHANISM, _OBJECT, _OWNER, _NAME = range(10)
_OTHER, _BODY, _HEAD = range(3)
_KIND = np.zeros(256, dtype=np.uint8)
_KIND[[ord(" "), ord("\n")]] = _BODY
_KIND[ord("E")] = _HEAD


@dataclass(frozen=True, slots=True, eq=False)
class RegularEvents:
    """The records of a piece.

    Attributes:
        columns: of numbers, by their names in `WaitTable`, as narrow as their values allow.
        identities: the distinct letters of mechanisms, names of processes, and names.
        identity: of each record, an index in `identities`.
        bodies: the text below each head, up to the newline before the next head.
    """

    columns: dict[str, npt.NDArray[Any]]
    identities: list[tuple[bytes, bytes, bytes]]
    identity: Ints
    bodies: list[bytes]


def regular_events(piece: bytes) -> RegularEvents:
    """Return the records of a piece of whole records.

    Raises:
        FallBackError: one is not regular.
    """
    if not piece.endswith(b"\n") or b"\0" in piece:
        raise FallBackError
    text = np.frombuffer(piece, dtype=np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    kind = _KIND.take(text.take(starts))
    heads = np.flatnonzero(kind == _HEAD)
    if kind[0] != _HEAD or (kind == _OTHER).any():
        raise FallBackError
    fields = LineFields(piece + bytes(ROW_BYTES), starts[heads], ends[heads], _NAME + 1)
    columns = {
        "start_ns": fields.decimals(_START),
        "wait_ns": fields.decimals(_WAIT),
        "pid": narrow(fields.decimals(_PID)),
        "tid": narrow(fields.decimals(_TID)),
        "cpu": narrow(fields.decimals(_CPU)),
        "owner_tid": narrow(fields.decimals(_OWNER)),
        "object_address": fields.addresses(_OBJECT),
    }
    first, identity = fields.distinct([_MECHANISM, _EXECNAME, _NAME], with_rest=True)
    identities = [
        (
            fields.text(_MECHANISM, line),
            fields.text(_EXECNAME, line),
            fields.text(_NAME, line, with_rest=True),
        )
        for line in first.tolist()
    ]
    if not MECHANISMS.keys() >= {mechanism for mechanism, _, _ in identities} - {b""}:
        raise FallBackError
    if int(columns["wait_ns"].max()) > MAX_WAIT_NS:
        raise FallBackError
    begins = (ends[heads] + 1).tolist()
    # The newline before the next head is that head's; the last body has all that is left.
    stops = [*(starts[heads[1:]] - 1).tolist(), len(piece)]
    bodies = [piece[begin:stop] for begin, stop in zip(begins, stops, strict=True)]
    return RegularEvents(columns, identities, identity, bodies)
