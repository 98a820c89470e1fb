"""Run a recorder on the stand-in, and check what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pvprof.collect.options import ProgramOptions
from pvprof.collect.recorder import Plan, recorder
from pvprof.recording.layout import Recording
from pvprof.recording.open import open_recording

BIN = Path(__file__).parent / "bin"
SHELLS = ("dash", "busybox")
LONG_S = 60
"""Longer than anything takes that works."""


def wait_until(is_met: Callable[[], object], what: str, patience_s: float = LONG_S) -> None:
    """Wait until a condition holds; fail the test if it does not."""
    deadline = time.monotonic() + patience_s
    while not is_met():
        if time.monotonic() > deadline:
            pytest.fail(f"timeout: {what}")
        time.sleep(0.01)


def plan_for(
    mode: str = "offcpu", *words: str, options: dict[str, Any] | None = None, **more: Any
) -> Plan:
    """Return the plan of a workload's run as `pvprof record MODE -- WORDS` has it.

    Without words the run takes half a second. The kernel's symbols are left out: they would take
    most of a run's time here.
    """
    ends: dict[str, Any] = (
        {"scope": "tree", "ends_with_workload": True} if words else {"duration_ns": 500_000_000}
    )
    more = {"has_symbols": False, **more}
    return Plan(mode, ProgramOptions(**{**ends, **(options or {})}), words, **more)


@dataclass
class Outcome:
    """How a recorder ended.

    Attributes:
        status: its exit status, negative for a signal.
        said: its stderr, without lines of progress and state.
        archive: the file with its stdout.
        left: what it left behind: processes, temporary files, a lock.
    """

    status: int
    said: str
    archive: Path
    left: list[str]

    @property
    def recording(self) -> Recording:
        return open_recording(str(self.archive))

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(self.recording.manifest.raw)

    @property
    def members(self) -> list[str]:
        with tarfile.open(self.archive) as archive:
            return [Path(name).name for name in archive.getnames()]

    def member(self, name: str) -> bytes:
        """Return the bytes of a file in the archive."""
        with tarfile.open(self.archive) as archive:
            (found,) = (one for one in archive.getmembers() if Path(one.name).name == name)
            file = archive.extractfile(found)
            assert file
            return file.read()

    def incomplete_reason(self) -> str:
        """Return the reason of an incomplete recording; check that it is one, and opens."""
        manifest = self.manifest
        assert manifest["complete"] is False
        assert [problem.kind for problem in self.recording.problems] == ["incomplete"]
        return str(manifest["incomplete_reason"])


@dataclass
class StandIn:
    """A machine that looks like a FreeBSD host to the recorder.

    Attributes:
        top: a directory of its own.
        shell: dash or busybox.
    """

    top: Path
    shell: str = "dash"
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started: list[Running] = []
        self.state, self.tmp, self.home = (self.top / name for name in ("state", "tmp", "home"))
        self.lock = self.top / "recorder.lock"
        own = self.top / "bin"
        for place in (self.state, self.tmp, self.home, own):
            place.mkdir()
        found = shutil.which(self.shell)
        assert found, f"{self.shell} is missing: scripts/setup dev"
        (own / "sh").symlink_to(found)
        self.env = {
            "PATH": f"{own}:{BIN}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.tmp),
            "PVPROF_LOCK": str(self.lock),
            "PVPROF_FAKE": str(self.state),
            "PVPROF_FAKE_PYTHON": sys.executable,
        }
        told = subprocess.run(
            ["sh", "-c", "uname"],
            env=self.env | {"PVPROF_FAKE": "/"},
            capture_output=True,
            check=False,
        )
        assert told.stdout == b"", (
            "this busybox does not look in PATH: install busybox, not -static"
        )
        self.set(system="FreeBSD\n", uid="0\n", jailed="0\n", loaded="")
        self.dtrace()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        for pid, _command in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for running in self._started:
            running.end()

    def set(self, **facts: str | None) -> None:
        """Set facts of the machine; None removes one."""
        for name, text in facts.items():
            place = self.state / name.replace("_", "-")
            if text is None:
                place.unlink(missing_ok=True)
            else:
                place.write_text(text)

    def dtrace(self, **settings: Any) -> None:
        """Set how dtrace behaves: see `fake_dtrace`."""
        (self.state / "dtrace.json").write_text(json.dumps(settings))

    def start(
        self, text: str, *words: str, carried: bool = False, prefix: tuple[str, ...] = ()
    ) -> Running:
        """Start a recorder as `sh -s` with a pipe as stdin, or from a file if it is carried.

        `prefix` comes before that command.
        """
        script = self.top / "rec.sh"
        script.write_bytes(text.encode("utf-8", "surrogateescape"))
        command = ["sh", str(script), *words] if carried else ["sh", "-s"]
        running = Running(self, [*prefix, *command], has_stdin=not carried)
        if not carried:
            running.say(script.read_bytes())
        return running

    def run(self, plan: Plan) -> Outcome:
        """Run a recorder to its end."""
        return self.start(recorder(plan)).wait()

    def join(self, running: Running) -> int:
        """Register a recorder, to end it later; return its number."""
        self._started.append(running)
        return len(self._started)

    def processes(self) -> list[tuple[int, str]]:
        """Return pid and command of the processes that were started here, and of their children."""
        mark = f"PVPROF_FAKE={self.state}\0".encode()
        found = []
        for place in Path("/proc").iterdir():
            if not place.name.isdigit() or int(place.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if mark in (place / "environ").read_bytes():
                    command = (place / "cmdline").read_bytes().replace(b"\0", b" ")
                    found.append((int(place.name), command.decode("utf-8", "replace")))
        return found

    def pid_of(self, part: str) -> int:
        """Return the process whose command contains a text; wait for it."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [pid for pid, command in self.processes() if part in command]
            return bool(found)

        wait_until(look, f"a process {part}")
        return found[0]

    def left(self, expected: Sequence[str] = (), patience_s: float = 10) -> list[str]:
        """Return processes, files and locks that a recorder left.

        Killed processes take a moment to end, so this waits until only the `expected` are left.
        """
        deadline = time.monotonic() + patience_s
        while True:
            found = [f"process {pid}: {command}" for pid, command in self.processes()]
            # rglob fails if a directory is removed while it runs; os.walk does not
            for top, directories, files in os.walk(self.tmp):
                found += [f"file {Path(top) / name}" for name in (*directories, *files)]
            found += [f"lock {self.lock}"] if self.lock.exists() else []
            if found == list(expected) or time.monotonic() > deadline:
                return found
            time.sleep(0.02)


class Running:
    """A running recorder, or pvprof itself."""

    def __init__(
        self,
        machine: StandIn,
        command: list[str],
        *,
        has_stdin: bool,
        terminal: dict[str, int] | None = None,
    ) -> None:
        """Start a command; `terminal` has open files to use as ``stdout`` or ``stderr``."""
        self._machine = machine
        number = machine.join(self)
        self.archive = machine.top / f"sent-{number}.tar.gz"
        self._errors = machine.top / f"stderr-{number}.txt"
        with self.archive.open("wb") as stdout, self._errors.open("wb") as stderr:
            streams: dict[str, Any] = {"stdout": stdout, "stderr": stderr, **(terminal or {})}
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
                env=machine.env,
                cwd=machine.home,
                start_new_session=True,
                **streams,
            )

    def say(self, words: bytes) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(words)
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Close its stdin, as a cut connection does."""
        assert self.process.stdin
        self.process.stdin.close()

    @property
    def said(self) -> str:
        return self._errors.read_text("utf-8", "replace")

    def until(self, text: str) -> Running:
        """Wait until its stderr contains a text."""
        wait_until(
            lambda: text in self.said or self.process.poll() is not None, f"{text!r} in {self.said}"
        )
        assert text in self.said
        return self

    def wait(self, left: Sequence[str] = ()) -> Outcome:
        """Wait for its end, and until only `left` is left behind."""
        try:
            status = self.process.wait(LONG_S)
        except subprocess.TimeoutExpired:
            tree = "\n".join(map(str, self._machine.processes()))
            pytest.fail(f"the recorder does not end; it said:\n{self.said}\n{tree}")
        self.end()
        said = [line for line in self.said.splitlines() if not line.startswith(_CHATTER)]
        return Outcome(status, "\n".join(said), self.archive, self._machine.left(left))

    def end(self) -> None:
        """Close its stdin and wait for its end."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self.process.wait(LONG_S)


_CHATTER = ("pvprof: progress: ", "pvprof: state: ")
