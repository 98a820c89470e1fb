"""The user stacks of bpftrace's maps: from addresses to frames, and what could not be named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.model.problems import Problem
from pvprof.parse.text.frames import UNKNOWN_FRAME
from pvprof.parse.text.user_code import UserCode

PROCESS_MARK = re.compile(rb"(?s)#process ([0-9]{1,10}) ([0-9]{1,10}) (.*)")
"""Matches the announcement of a process: its id, its parent's, its name."""

_ADDRESS = re.compile(rb"(?:0x)?([0-9a-f]{1,16})")
_OFFSET = re.compile(r"\+0x[0-9a-f]+$")
_MAX_GENERATIONS = 4


@dataclass(frozen=True, slots=True)
class _Relative:
    parent: int
    name: bytes


class UserFrames:
    """Names the frames of user stacks by the code of their processes.

    Frames that bpftrace has named itself, as in recordings of older versions, stay as they are.
    Frames without a name that follow each other in one file are one frame, unless offsets are kept:
    addresses in them would keep stacks apart that are equal but for them.

    Args:
        code: of the recording; None if it has none.
        keep_offsets: keep a frame for each address.
    """

    def __init__(self, code: UserCode | None, keep_offsets: bool) -> None:
        self._code = code
        self._keep_offsets = keep_offsets
        self._relatives: dict[int, _Relative] = {}
        self._missed: dict[int, int] = {}
        self._unnamed: set[str] = set()
        self._total = 0

    def add_process(self, match: re.Match[bytes]) -> None:
        """Note a process that the program announced: a match of `PROCESS_MARK`."""
        process, parent, name = match.groups()
        self._relatives[int(process)] = _Relative(int(parent), name)

    def name(self, process: int, frames: list[bytes], weight: int) -> list[bytes]:
        """Return the frames of a stack, leaf first, with their names."""
        self._total += weight
        addresses = [_ADDRESS.fullmatch(frame) for frame in frames]
        if self._code is None or not addresses or None in addresses:
            return frames
        owner = self._owner(process)
        if owner is None:
            self._missed[process] = self._missed.get(process, 0) + weight
            return [UNKNOWN_FRAME.encode()]
        numbers = [int(match.group(1), 16) for match in addresses if match is not None]
        named = self._code.frames(owner, numbers)
        return [frame.encode("utf-8", "surrogateescape") for frame in self._shortened(named)]

    def _owner(self, process: int) -> int | None:
        """Return the process whose memory maps fit: a process that forks passes its own on."""
        assert self._code is not None
        for _ in range(_MAX_GENERATIONS):
            if self._code.knows(process):
                return process
            child = self._relatives.get(process)
            parent = self._relatives.get(child.parent) if child else None
            if child is None or parent is None or parent.name != child.name:
                return None
            process = child.parent
        return None

    def _shortened(self, frames: list[str]) -> Iterator[str]:
        previous = ""
        for frame in frames:
            shown = frame
            if frame.startswith("["):
                self._unnamed.add(frame)
                shown = frame if self._keep_offsets else _OFFSET.sub("", frame)
                if shown == previous:
                    continue
            previous = shown
            yield shown

    def unnamed_frames(self) -> set[str]:
        """Return the frames without a name, with their offsets."""
        return self._unnamed - {UNKNOWN_FRAME}

    def problems(self, file: str) -> Iterator[Problem]:
        """Yield a note on processes whose memory maps could not be saved."""
        if self._missed:
            missed = sum(self._missed.values())
            share = f"{missed / self._total:.1%} of what has user stacks"
            text = (
                "processes ended before their memory maps were saved: their user frames are"
                f" {UNKNOWN_FRAME} ({share})"
            )
            count = len(self._missed)
            yield Problem("missed-processes", text, file, count=count, severity="note")
