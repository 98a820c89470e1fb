"""Where the agent delivers its recordings: a folder, a store, a server of Pyroscope.

A receiver takes all of some recordings, or says why it did not. A store and a server are reached
by pvprof's own commands, in a process of their own: the agent stays as small as it is.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pvprof.errors import InputError
from pvprof.fleet.children import Signals, pvprof_command, run_child
from pvprof.recording.open import open_recording

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+", re.ASCII)


class Receiver(Protocol):
    """Takes recordings."""

    def deliver(self, paths: Sequence[Path], signals: Signals) -> str:
        """Take recordings; return why some were not taken, or an empty text."""
        ...


@dataclass(frozen=True, slots=True)
class CommandReceiver:
    """A command of pvprof that takes recordings: ``store add STORE``, ``push URL``.

    Attributes:
        words: of the command; the recordings come after them.
    """

    words: tuple[str, ...]

    def deliver(self, paths: Sequence[Path], signals: Signals) -> str:
        """Run the command."""
        ended = run_child(pvprof_command(*self.words, *map(str, paths)), signals)
        return "" if ended.status == 0 else ended.said or f"exit status {ended.status}"


@dataclass(frozen=True, slots=True)
class FolderReceiver:
    """A folder, which may be another machine's: ``FOLDER/HOST/DAY/NAME``.

    Attributes:
        folder: must exist, so that a file system that is not mounted gets nothing.
    """

    folder: Path

    def deliver(self, paths: Sequence[Path], signals: Signals) -> str:
        """Copy recordings; each appears whole."""
        for path in paths:
            try:
                self._copy(path)
            except InputError as error:
                return error.message
            except OSError as error:
                return f"{error.filename or self.folder}: {error.strerror}"
            if signals.is_ending:
                break
        return ""

    def _copy(self, path: Path) -> None:
        manifest = open_recording(str(path)).manifest
        host = _NOT_IN_A_NAME.sub("-", manifest.host).strip(".-") or "unknown"
        if not self.folder.is_dir():
            raise FileNotFoundError(2, "no such folder", str(self.folder))
        place = self.folder / host / f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}"
        place.mkdir(parents=True, exist_ok=True)
        part = place / f".{path.name}.part"
        try:
            with path.open("rb") as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            part.rename(place / path.name)
        finally:
            part.unlink(missing_ok=True)
