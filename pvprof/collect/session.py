"""One run of the recorder on a target: from its text to a recording on disk.

Owns the protocol with the recorder: its lines on stderr, the words that stop it, the archive that
comes back, and what to do if it does not. It prints nothing; a `Listener` hears all messages.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pvprof.collect.arrival import receive, settle
from pvprof.collect.streams import Heeder, ProcessOutput, TerminalSettings, Writer
from pvprof.collect.target import Target
from pvprof.errors import DroppedError, TargetError
from pvprof.recording.layout import RAW
from pvprof.recording.manifest import Manifest

_PROGRESS = re.compile(r"progress: (\d{1,18}) (\d{1,18}) (\d{1,18})")
_COST = re.compile(r"cost: (\d{1,15})")
_PIECE_BYTES = 1 << 14  # if the connection is cut, at most this much of its data is lost
_PATIENCE_S = 20
_MAX_LINE_BYTES = 1 << 16
_MAX_FINDINGS_BYTES = 1 << 20
_LAST_WORDS_S = 2
"""Of a shell that has ended; a process that it left behind may hold its stderr open."""

_SSH_FAILED = 255
_SILENCE_S = 15
"""A recorder that is tracing says something each second."""


@dataclass(slots=True)
class Listener:
    """Functions that are called during a run.

    Attributes:
        state: with what the recorder does now.
        progress: with seconds since tracing began, bytes recorded, records dropped so far.
        message: with a note of the recorder, or with a line of another program (ssh) on stderr.
        cost: of a live view: with the CPU time of the tracer so far, in ms.
    """

    state: Callable[[str], None] = field(default=lambda _text: None)
    progress: Callable[[int, int, int], None] = field(default=lambda _s, _bytes, _drops: None)
    message: Callable[[str], None] = field(default=lambda _text: None)
    cost: Callable[[int], None] = field(default=lambda _ms: None)


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
    with Session(target, text, Listener()) as session:
        output = session.stdout.read(_MAX_FINDINGS_BYTES).decode("utf-8", "replace")
        session.stdout.close()
    session.check()
    rows = [(line + "\t\t\t").split("\t")[:4] for line in output.splitlines() if "\t" in line]
    return [Finding(*row) for row in rows]


def _record_into(part: Path, target: Target, text: str, listener: Listener) -> Manifest:
    with Session(target, text, listener) as session:
        lost = receive(session.stdout, part)
        if lost:
            session.stdout.close()  # nothing else is read of what it sends: let it not wait
    return manifest_of(session, part, lost)


def manifest_of(session: Session, part: Path, lost: str) -> Manifest:
    """Return the manifest of what a recorder sent; it reports what is missing.

    Args:
        session: it has ended.
        part: the directory with the files that came.
        lost: why what it sent ended early, or empty.

    Raises:
        TargetError: the target could not record, or was lost before it sent anything.
        DroppedError: the user dropped the recording.
        OSError: the manifest cannot be written.
    """
    target, listener = session.target, session.listener
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


class Session:
    """A running recorder: started on entry, certainly ended on exit.

    Attributes:
        target, listener: as given.
        stdout: the archive, or the findings of a doctor. It ends when the shell, or ssh, ends.
        status: exit status of its shell, or of ssh.
        is_stopping: whether a signal has asked for the end.
        is_dropped: whether the user has dropped the recording.
        last_words: the last line on stderr that was not the recorder's.
    """

    def __init__(self, target: Target, text: str, listener: Listener) -> None:
        self.target = target
        self._text = text.encode("utf-8", "surrogateescape")
        self.listener = listener
        self._errors: list[str] = []
        self._hints: list[str] = []
        self._is_heard = False
        self._is_tracing = False
        self._last_heard_s = time.monotonic()
        self.is_stopping = False
        self.is_dropped = False
        self.status = 0
        self.last_words = ""

    def __enter__(self) -> Session:
        self._terminal = TerminalSettings()
        self._process = self.target.start()
        self.stdout: IO[bytes] = io.BufferedReader(ProcessOutput(self._process, self._note_silence))
        self._writer = Writer(self._process)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self._heeder = Heeder(self._interrupted)
        self._handlers = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN  # nohup
        }
        self._writer.write(self._text)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.listener = Listener()  # the user hears of the exception instead
            self._writer.close()
            with contextlib.suppress(OSError, ValueError):
                while self.stdout.read(_PIECE_BYTES):
                    pass
        try:
            self.status = self._process.wait(None if kind is None else _PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.status = self._process.wait()
        self._writer.end()
        self._reader.join(_LAST_WORDS_S)
        self.stdout.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._heeder.end()

    def ask_for_end(self) -> None:
        """End tracing and keep the recording, as SIGTERM does."""
        self._interrupted(signal.SIGTERM)

    def drop(self) -> None:
        """Have the recorder end at once, and drop what was recorded; if asked again, give it up."""
        is_again = self.is_dropped
        self.is_stopping = self.is_dropped = True
        self.listener = Listener()  # that nothing is left is what the user expects
        if self._is_heard and not is_again:
            self._writer.close()
        else:
            self._process.kill()

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
            reason = self.last_words or self._how_ended()
            raise TargetError(f"lost {self.target.name}: {reason}")

    def _how_ended(self) -> str:
        """Return in words how the shell, or ssh, ended."""
        if self.status < 0:
            program = "ssh" if self.target.host else "the shell"
            return f"{program} was killed by signal {-self.status}"
        if self.target.host and self.status == _SSH_FAILED:
            return "the shell there was killed, or ssh failed"
        return f"the shell ended with status {self.status}"

    def _interrupted(self, number: int) -> None:
        """Ask for an end: the first signal keeps the recording, Ctrl-C after it drops it.

        SIGTERM may come twice: timeout(1) sends it to its child and to the child's group.
        """
        if not self.is_stopping and not self._is_heard:
            # A shell that is still reading its program would take words for a part of it, and ssh
            # may be asking for a passphrase.
            self.is_stopping = self.is_dropped = True
            self._process.kill()
            self._process.wait()
            self._terminal.restore()
        elif not self.is_stopping:
            self.is_stopping = True
            self.listener.state("stopping; Ctrl-C again drops the recording")
            self._writer.write(b"stop\n")
        elif number == signal.SIGINT and not self.is_dropped:
            self.is_dropped = True
            self.listener.state("dropping the recording")
            self._writer.close()
        elif number == signal.SIGINT:
            self._process.kill()

    def _note_silence(self) -> None:
        """Tell the user if nothing comes from a recorder that is tracing."""
        silence_s = int(time.monotonic() - self._last_heard_s)
        if not self._is_tracing or silence_s < _SILENCE_S:
            return
        self.listener.state(f"nothing heard for {silence_s} s")
        if silence_s == _SILENCE_S:
            self.listener.message(f"nothing heard from {self.target.name} for {silence_s} s")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in _lines(stderr):
                self._hear(line)

    def _hear(self, line: str) -> None:
        message = line.removeprefix("pvprof: ")
        self._is_heard = self._is_heard or message != line
        self._last_heard_s = time.monotonic()
        kind, _, text = message.partition(": ")
        progress = _PROGRESS.fullmatch(message)
        if message == line:
            self.last_words = line or self.last_words
            self.listener.message(line)
        elif progress:
            self._is_tracing = True
            seconds, size, drops = map(int, progress.groups())
            self.listener.progress(seconds, size, drops)
        elif cost := _COST.fullmatch(message):
            self.listener.cost(int(cost[1]))
        elif kind == "error":
            self._errors.append(text)
        elif kind == "hint":
            self._hints.append(text)
        elif kind == "state":
            self._is_tracing = False
            self.listener.state(text)
        else:
            self.listener.message(text)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    while line := stream.readline(_MAX_LINE_BYTES):
        yield line.decode("utf-8", "replace").rstrip("\r\n")
