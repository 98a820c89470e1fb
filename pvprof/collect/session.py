"""One run of the recorder on a target: from its text to a recording on disk.

Owns the talk with the recorder: what it says on stderr, the words that stop it, the archive that
comes back, and what to do when it does not. It never prints: whoever listens is told.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pvprof.collect.target import Target
from pvprof.errors import DroppedError, TargetError
from pvprof.recording.layout import MANIFEST, MEMBERS
from pvprof.recording.manifest import SCHEMA, Manifest, read_manifest

_PROGRESS = re.compile(r"progress: (\d+) (\d+) (\d+)")
_PIECE_BYTES = 1 << 14  # of a connection that is cut, what came before the last piece is kept
_PATIENCE_S = 20


@dataclass(slots=True)
class Listener:
    """What is told while a run goes on; each may be replaced.

    Attributes:
        state: what the recorder does now.
        progress: seconds since tracing began, bytes recorded, records dropped so far.
        message: a note of the recorder's, or a line of somebody else's (ssh) on stderr.
    """

    state: Callable[[str], None] = field(default=lambda _text: None)
    progress: Callable[[int, int, int], None] = field(default=lambda _s, _bytes, _drops: None)
    message: Callable[[str], None] = field(default=lambda _text: None)


def record(target: Target, text: str, place: Path, listener: Listener) -> Manifest:
    """Run a recorder and make the directory `place` of what it sends; return its manifest.

    What was lost on the way leaves a recording that is marked incomplete, if any data came.
    The first Ctrl-C ends tracing and keeps the recording, the second drops it.

    Raises:
        TargetError: the target could not record, or was lost before it sent anything.
        DroppedError: the user dropped the recording.
        OSError: `place` cannot be written.
    """
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        manifest = _record_into(part, target, text, listener)
        part.chmod(0o755)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def examine(target: Target, text: str) -> list[tuple[str, str, str, str]]:
    """Run a doctor and return its findings: (ok, bad or note; what; detail; what to do).

    Raises:
        TargetError: the target cannot be reached.
    """
    with _Session(target, text, Listener()) as session:
        output = session.stdout.read().decode("utf-8", "replace")
    session.check()
    rows = [(line + "\t\t\t").split("\t")[:4] for line in output.splitlines() if "\t" in line]
    return [(state, what, detail, hint) for state, what, detail, hint in rows]


def _record_into(part: Path, target: Target, text: str, listener: Listener) -> Manifest:
    with _Session(target, text, listener) as session:
        lost = _receive(session.stdout, part)
    if session.wishes > 1 and session.status:
        raise DroppedError("dropped: nothing was kept")
    if not (part / "raw.out").is_file():
        session.check()
        hint = "its login shell must print nothing on stdout" if target.host and lost else ""
        raise TargetError(f"{target.name} sent no recording: {lost or 'an empty archive'}", hint)
    if lost or session.status:
        reason = f"lost on the way from {target.name}: {lost or session.last_words}"
        listener.message(f"incomplete: {reason}")
        _mark_incomplete(part / MANIFEST, reason)
    return read_manifest(_text(part / MANIFEST), str(part))


def _receive(stream: IO[bytes], part: Path) -> str:
    """Unpack the members of a recording into `part`; return what ended the stream early, if so.

    Raises:
        OSError: a file cannot be written.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                source = archive.extractfile(member) if name in MEMBERS else None
                if source is None:
                    continue
                with (part / name).open("wb") as file:
                    while piece := source.read(_PIECE_BYTES):
                        file.write(piece)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        return f"the archive ends early ({error})"
    return ""


def _mark_incomplete(place: Path, reason: str) -> None:
    manifest: dict[str, Any] = {"schema": SCHEMA}
    with contextlib.suppress(OSError, ValueError):
        manifest = json.loads(_text(place))
    manifest |= {"complete": False, "incomplete_reason": reason}
    place.write_text(json.dumps(manifest, indent=0) + "\n", "utf-8", "surrogateescape")


def _text(place: Path) -> str:
    return place.read_text("utf-8", "surrogateescape")


class _Session:
    """A recorder at work: started on entry, gone on exit, whatever happens between.

    Attributes:
        stdout: what it sends.
        status: how its shell, or ssh, ended.
        wishes: how often the user wished for an end.
        last_words: the last line on stderr that was no note of the recorder's.
    """

    def __init__(self, target: Target, text: str, listener: Listener) -> None:
        self._target = target
        self._text = text.encode("utf-8", "surrogateescape")
        self._listener = listener
        self._errors: list[str] = []
        self._hints: list[str] = []
        self.wishes = 0
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
        self._handlers = {
            number: signal.signal(number, self._interrupted)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        self._say(self._text)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._listener = Listener()  # what failed is told already
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

    def check(self) -> None:
        """Raise what the recorder said went wrong.

        Raises:
            TargetError: it said so, or it ended with no word.
            DroppedError: it was told to drop everything.
        """
        if self._errors:
            raise TargetError(self._errors[0], (self._hints or [""])[0])
        if self.wishes and self.status:
            raise DroppedError("dropped: nothing was kept")
        if self.status:
            told = self.last_words or f"the shell ended with status {self.status}"
            raise TargetError(f"lost {self._target.name}: {told}")

    def _interrupted(self, number: int, _frame: object) -> None:
        """Ask for an end: the first Ctrl-C keeps the recording, anything else drops it."""
        self.wishes += 1
        if number == signal.SIGINT and self.wishes == 1:
            self._listener.state("stopping; Ctrl-C again drops the recording")
            self._say(b"stop\n")
        elif self.wishes < 3:
            self._listener.state("dropping the recording")
            self._hang_up()
        else:
            self._process.kill()

    def _say(self, words: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):  # it is gone: wait() tells how
            self._stdin.write(words)
            self._stdin.flush()

    def _hang_up(self) -> None:
        """Close the recorder's stdin: it drops everything and goes."""
        with contextlib.suppress(OSError):
            self._stdin.close()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in _lines(stderr):
                self._hear(line)

    def _hear(self, line: str) -> None:
        said = line.removeprefix("pvprof: ")
        kind, _, text = said.partition(": ")
        progress = _PROGRESS.fullmatch(said)
        if said == line:
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


def _lines(stream: IO[bytes]) -> Iterator[str]:
    for line in stream:
        yield line.decode("utf-8", "replace").rstrip("\r\n")
