"""One run of the recorder on a target: from its text to a recording on disk.

Owns the protocol with the recorder: its lines on stderr, the words that stop it, the archive that
comes back, and what to do if it does not. It prints nothing; a `Listener` hears all messages.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pvprof.collect.arrival import receive, settle
from pvprof.collect.target import Target
from pvprof.errors import DroppedError, TargetError
from pvprof.recording.layout import RAW
from pvprof.recording.manifest import Manifest

_PROGRESS = re.compile(r"progress: (\d{1,18}) (\d{1,18}) (\d{1,18})")
_PIECE_BYTES = 1 << 14  # if the connection is cut, at most this much of its data is lost
_PATIENCE_S = 20
_MAX_LINE_BYTES = 1 << 16
_MAX_FINDINGS_BYTES = 1 << 20


@dataclass(slots=True)
class Listener:
    """Functions that are called during a run.

    Attributes:
        state: with what the recorder does now.
        progress: with seconds since tracing began, bytes recorded, records dropped so far.
        message: with a note of the recorder, or with a line of another program (ssh) on stderr.
    """

    state: Callable[[str], None] = field(default=lambda _text: None)
    progress: Callable[[int, int, int], None] = field(default=lambda _s, _bytes, _drops: None)
    message: Callable[[str], None] = field(default=lambda _text: None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a doctor says of one subject.

    Attributes:
        state: ok, bad or note.
        subject: root, space, tools, a program, ...
        detail: what was seen.
        hint: what to do, or empty.
    """

    state: str
    subject: str
    detail: str
    hint: str


def record(target: Target, text: str, directory: Path, listener: Listener) -> Manifest:
    """Run a recorder, write what it sends to a new directory, and return the manifest.

    If the connection is lost after some data came, the recording is marked as incomplete.
    The first Ctrl-C, SIGTERM or SIGHUP ends tracing and keeps the recording; Ctrl-C after it drops
    the recording.

    Raises:
        TargetError: the target could not record, or was lost before it sent anything.
        DroppedError: the user dropped the recording.
        OSError: the directory cannot be written.
    """
    part = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        manifest = _record_into(part, target, text, listener)
        part.rename(directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def examine(target: Target, text: str) -> list[Finding]:
    """Run a doctor and return its findings.

    Raises:
        TargetError: the target cannot be reached.
    """
    with _Session(target, text, Listener()) as session:
        output = session.stdout.read(_MAX_FINDINGS_BYTES).decode("utf-8", "replace")
        session.stdout.close()
    session.check()
    rows = [(line + "\t\t\t").split("\t")[:4] for line in output.splitlines() if "\t" in line]
    return [Finding(*row) for row in rows]


def _record_into(part: Path, target: Target, text: str, listener: Listener) -> Manifest:
    with _Session(target, text, listener) as session:
        lost = receive(session.stdout, part)
        if lost:
            session.stdout.close()  # nothing else is read of what it sends: let it not wait
    if session.is_dropped and session.status:
        raise DroppedError("dropped: nothing was kept")
    if not (part / RAW).is_file():
        session.check()
        hint = "its login shell must print nothing on stdout" if target.host and lost else ""
        raise TargetError(f"{target.name} sent no recording: {lost or 'an empty archive'}", hint)
    reason = f"lost on the way from {target.name}: {lost or session.last_words}"
    manifest, missing = settle(part, reason if lost or session.status else "")
    if missing:
        listener.message(f"incomplete: {missing}")
    return manifest


class _Session:
    """A running recorder: started on entry, certainly ended on exit.

    Attributes:
        stdout: the archive, or the findings of a doctor.
        status: exit status of its shell, or of ssh.
        is_stopping: whether a signal has asked for the end.
        is_dropped: whether the user has dropped the recording.
        last_words: the last line on stderr that was not the recorder's.
    """

    def __init__(self, target: Target, text: str, listener: Listener) -> None:
        self._target = target
        self._text = text.encode("utf-8", "surrogateescape")
        self._listener = listener
        self._errors: list[str] = []
        self._hints: list[str] = []
        self.is_stopping = False
        self.is_dropped = False
        self.status = 0
        self.last_words = ""

    def __enter__(self) -> _Session:
        self._process = self._target.start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] = self._process.stdout
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self._heeder = _Heeder(self._interrupted)
        self._handlers = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN  # nohup
        }
        self._send(self._text)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._listener = Listener()  # the user hears of the exception instead
            self._hang_up()
            with contextlib.suppress(OSError, ValueError):
                while self.stdout.read(_PIECE_BYTES):
                    pass
        try:
            self.status = self._process.wait(None if kind is None else _PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.status = self._process.wait()
        self._hang_up()
        self._reader.join(_PATIENCE_S)
        self.stdout.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._heeder.end()

    def check(self) -> None:
        """Raise the error that the recorder reported.

        Raises:
            TargetError: it reported one, or ended without a message.
            DroppedError: the user dropped the recording.
        """
        if self._errors:
            raise TargetError(self._errors[0], (self._hints or [""])[0])
        if self.is_stopping and self.status:
            raise DroppedError("dropped: nothing was kept")
        if self.status:
            reason = self.last_words or f"the shell ended with status {self.status}"
            raise TargetError(f"lost {self._target.name}: {reason}")

    def _interrupted(self, number: int) -> None:
        """Ask for an end: the first signal keeps the recording, Ctrl-C after it drops it.

        SIGTERM may come twice: timeout(1) sends it to its child and to the child's group.
        """
        if not self.is_stopping:
            self.is_stopping = True
            self._listener.state("stopping; Ctrl-C again drops the recording")
            self._send(b"stop\n")
        elif number == signal.SIGINT and not self.is_dropped:
            self.is_dropped = True
            self._listener.state("dropping the recording")
            self._hang_up()
        elif number == signal.SIGINT:
            self._process.kill()

    def _send(self, words: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended: wait() returns how
            self._stdin.write(words)
            self._stdin.flush()

    def _hang_up(self) -> None:
        """Close the recorder's stdin: it drops the recording and ends."""
        with contextlib.suppress(OSError):
            self._stdin.close()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in _lines(stderr):
                self._hear(line)

    def _hear(self, line: str) -> None:
        message = line.removeprefix("pvprof: ")
        kind, _, text = message.partition(": ")
        progress = _PROGRESS.fullmatch(message)
        if message == line:
            self.last_words = line or self.last_words
            self._listener.message(line)
        elif progress:
            seconds, size, drops = map(int, progress.groups())
            self._listener.progress(seconds, size, drops)
        elif kind == "error":
            self._errors.append(text)
        elif kind == "hint":
            self._hints.append(text)
        elif kind == "state":
            self._listener.state(text)
        else:
            self._listener.message(text)


class _Heeder:
    """A thread that calls a function with each signal.

    Python calls handlers in the main thread, between two steps of its own: of two signals that come
    at once, it may forget one while the main thread waits for data.
    """

    def __init__(self, heed: Callable[[int], None]) -> None:
        reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = signal.set_wakeup_fd(self._writing)
        self._thread = threading.Thread(target=self._run, args=(reading, heed), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, after all signals that came were heeded."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writing)
        self._thread.join(_PATIENCE_S)

    @staticmethod
    def _run(reading: int, heed: Callable[[int], None]) -> None:
        with open(reading, "rb", buffering=0) as numbers:
            while number := numbers.read(1):
                heed(number[0])


def _lines(stream: IO[bytes]) -> Iterator[str]:
    while line := stream.readline(_MAX_LINE_BYTES):
        yield line.decode("utf-8", "replace").rstrip("\r\n")
