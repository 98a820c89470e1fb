"""Run a recorder whose output arrives while it traces, interval by interval.

Owns the protocol of that output: pieces of SIZE, a newline, and that many bytes; a SIZE of 0 at the
end; then the archive, as of every recorder, but without the output. What the bytes mean is left to
who watches.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pvprof.collect.arrival import receive
from pvprof.collect.session import Listener, Session, manifest_of
from pvprof.collect.target import Target
from pvprof.errors import TargetError
from pvprof.recording.layout import RAW
from pvprof.recording.manifest import Manifest

_SIZE = re.compile(rb"([0-9]{1,12})\n")
_MAX_LINE_BYTES = 16
_PIECE_BYTES = 1 << 16
_MAX_WAITING = 256  # pieces: a slow viewer keeps the target's sender waiting, and no tracer
_PATIENCE_S = 20


class LiveRun:
    """A recorder at work, for who watches it.

    Attributes:
        wake_fd: can be read as soon as there is something to take; for select(2).
        lost: why what the target sent ended early, or empty.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_MAX_WAITING)
        self._is_left = threading.Event()
        self.lost = ""
        self.wake_fd, self._writing = os.pipe()
        for number in (self.wake_fd, self._writing):
            os.set_blocking(number, False)

    def take(self) -> Iterator[bytes]:
        """Yield what came since the last call; never wait."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wake_fd, _PIECE_BYTES):
                pass
        with contextlib.suppress(queue.Empty):
            while (piece := self._pieces.get_nowait()) is not None:
                yield piece
            self._is_left.set()

    @property
    def is_over(self) -> bool:
        """Tell whether all output was taken, and tracing has ended."""
        return self._is_left.is_set()

    @property
    def is_stopping(self) -> bool:
        """Tell whether the user has asked for the end."""
        return self._session.is_stopping

    def stop(self) -> None:
        """End tracing; the rest of the output comes, and a recording is kept."""
        if not self._session.is_stopping:
            self._session.ask_for_end()

    def drop(self) -> None:
        """End at once; nothing is kept."""
        self._session.drop()

    def give(self, piece: bytes | None) -> None:
        """Hand a piece over; None after the last one. It waits while the viewer is far behind."""
        while not self._is_left.is_set():
            with contextlib.suppress(queue.Full):
                self._pieces.put(piece, timeout=1)
                break
        with contextlib.suppress(OSError):
            os.write(self._writing, b"!")  # noqa: TID251 (to this process itself)

    def leave(self) -> None:
        """Take nothing any more."""
        self._is_left.set()

    def close(self) -> None:
        """Close what it has open."""
        os.close(self.wake_fd)
        os.close(self._writing)


def watch(
    target: Target,
    text: str,
    directory: Path | None,
    listener: Listener,
    show: Callable[[LiveRun], None],
) -> Manifest | None:
    """Run a live recorder while `show` takes its output; return the manifest of what was kept.

    Args:
        target: where it runs.
        text: of the recorder.
        directory: a new one for the recording; None keeps nothing.
        listener: hears how it goes.
        show: takes the output until it is over, or returns earlier, which drops everything.

    Raises:
        TargetError: the target could not record, or was lost.
        DroppedError: the user dropped the recording that was to be kept.
        OSError: the recording cannot be written.
    """
    if directory is None:
        session, run = _run(target, text, None, listener, show)
        if run.lost and not session.is_dropped:
            session.check()
            raise TargetError(f"lost {target.name}: {run.lost}")
        return None
    part = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        session, run = _run(target, text, part, listener, show)
        manifest = manifest_of(session, part, run.lost)
        part.rename(directory)
        return manifest
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(
    target: Target,
    text: str,
    part: Path | None,
    listener: Listener,
    show: Callable[[LiveRun], None],
) -> tuple[Session, LiveRun]:
    """Return the session, which has ended, and the run, which says what was lost."""
    failures: list[OSError] = []
    with Session(target, text, listener) as session:
        run = LiveRun(session)
        thread = threading.Thread(target=_receive, args=(session, run, part, failures), daemon=True)
        thread.start()
        try:
            show(run)
        finally:
            # Without a directory, the archive behind the output is not wanted.
            if not run.is_over or (part is None and not run.lost):
                session.drop()
            run.leave()
            if session.is_dropped:
                thread.join(_PATIENCE_S)
                if thread.is_alive():
                    session.drop()
            thread.join()
            run.close()
    if failures:
        raise failures[0]
    return session, run


def _receive(session: Session, run: LiveRun, part: Path | None, failures: list[OSError]) -> None:
    """Hand over the output, and unpack the archive behind it."""
    try:
        run.lost = _hand_over(session.stdout, run, part)
        run.give(None)
        if part is not None and not run.lost:
            run.lost = receive(session.stdout, part)
    except OSError as error:
        failures.append(error)
        session.drop()
    finally:
        run.give(None)
        with contextlib.suppress(OSError, ValueError):
            while session.stdout.read(_PIECE_BYTES):
                pass


def _hand_over(stream: IO[bytes], run: LiveRun, part: Path | None) -> str:
    """Hand over all output, and keep it in `part`; return why it ended early, or an empty text."""
    with contextlib.ExitStack() as stack:
        file: IO[bytes] | None = None
        while True:
            match = _SIZE.fullmatch(stream.readline(_MAX_LINE_BYTES))
            if match is None:
                return "the output ends early"
            if part is not None and file is None:  # not before something was traced
                file = stack.enter_context((part / RAW).open("wb"))
            left = int(match[1])
            if left == 0:
                return ""
            while left:
                piece = stream.read(min(left, _PIECE_BYTES))
                if not piece:
                    return "the output ends early"
                left -= len(piece)
                if file is not None:
                    file.write(piece)
                    file.flush()
                run.give(piece)
