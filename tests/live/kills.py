"""Kill live recordings at random moments, and look for what is left: for ``scripts/kills``.

A trial starts a recording (here, over ssh, or with a script carried by hand), signals one or two of
its processes after a random time, and waits. Afterwards no process, file, lock or mount may be
left; if one is, the next recording or ``doctor --clean`` must remove it. A recording that was
written must open, and say whether it is complete.

It runs in a mount namespace of its own, without tracefs, so that each recorder mounts it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers.ssh_server import Server

from pvprof.collect.options import ProgramOptions
from pvprof.collect.recorder import Plan, recorder
from pvprof.errors import PvprofError
from pvprof.recording.open import open_recording

TOP = Path(__file__).parent.parent.parent
TRACEFS = "/sys/kernel/tracing"
ROUTES = ("local", "ssh", "standalone")
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WORKLOAD = ("sh", "-c", ": the-workload; for i in 1 2 3 4 5 6 7 8; do sleep 0.2; done; exit 0")
MARK = "PVPROF_KILLS_TRIAL"
PATIENCE_S = 15
"""How long a part of the recorder may take to remove what is left, on a machine under load."""
MAX_RUN_S = 90
MAX_WAIT_S = 3.0


@dataclass(frozen=True)
class Process:
    """A process of a trial."""

    pid: int
    parent: int
    words: str


def _is_shell(process: Process) -> bool:
    return process.words in ("sh -s", "sh rec.sh -q -o out.tar.gz")


VICTIMS: dict[str, Callable[[Process, dict[int, Process]], bool]] = {
    "pvprof": lambda one, _: " -m pvprof record" in one.words,
    "recorder": lambda one, all_: (
        _is_shell(one) and (one.parent not in all_ or not _is_shell(all_[one.parent]))
    ),
    "part of the recorder": lambda one, all_: (
        one.parent in all_ and _is_shell(all_[one.parent]) and "starter.sh" not in one.words
    ),
    "tracer": lambda one, _: one.words.startswith("bpftrace ") and " -o " in one.words,
    "workload": lambda one, _: "the-workload" in one.words and " -m pvprof" not in one.words,
    "ssh": lambda one, _: one.words.startswith("ssh "),
    "sshd": lambda one, _: one.words.startswith("sshd: "),
}
"""By name: whether a process of a trial (all of which are in the second argument) is such a one."""


@dataclass
class Trial:
    """What was done, and what was left.

    Attributes:
        seed: repeats the choices; when they happen is up to the machine.
        route: a name in ``ROUTES``.
        kills: SIGNAL and victim of each, in order, with seconds since the start.
        kept: "complete" or "incomplete", or "none" if no recording was written.
        cleaned: "at once", or the command that removed what was left.
        faults: what must not be.
    """

    seed: int
    route: str
    kills: list[tuple[str, str, float]]
    kept: str = "none"
    cleaned: str = "at once"
    faults: tuple[str, ...] = ()

    def row(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)


class Machine:
    """A directory with all that a trial may make, and the processes that it starts."""

    def __init__(self, top: Path, server: Server, seed: int) -> None:
        self.top, self._server = top, server
        self.home, self.tmp, self.lock = top / "home", top / "tmp", top / "lock"
        for place in (self.home, self.tmp):
            place.mkdir(parents=True)
        self.mark = f"{MARK}={os.getpid()}-{seed}"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "PVPROF_LOCK": str(self.lock),
            "PYTHONPATH": str(TOP),
            MARK: self.mark.partition("=")[2],
        }
        exports = [f"export {name}='{text}'" for name, text in self.env.items()]
        log_in = 'exec sh -c "exec $SSH_ORIGINAL_COMMAND"'
        server.log_in_with("\n".join([*exports, f"cd '{self.home}'", log_in]) + "\n")

    def pvprof(self, route: str, *words: str) -> list[str]:
        """Return a command of pvprof on this machine or through ssh; the first word is its name."""
        options = [
            word
            for item in self._server.options.items()
            for word in ("--ssh-option", "=".join(item))
        ]
        host = ("--host", "root@127.0.0.1", *options) if route == "ssh" else ()
        return [sys.executable, "-m", "pvprof", words[0], *host, *words[1:]]

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own; what it prints goes to a file."""
        with (self.top / "said").open("ab") as said:
            return subprocess.Popen(
                command,
                env=self.env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def processes(self) -> dict[int, Process]:
        """Return all processes that were started here, and the sshd that serves them, by number."""
        found: dict[int, Process] = {}
        daemons = _children_of(self._server.config)
        for place in Path("/proc").iterdir():
            if not place.name.isdigit() or int(place.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                is_ours = f"{self.mark}\0".encode() in (place / "environ").read_bytes()
                process = _process(int(place.name))
                if process.words and (is_ours or process.pid in daemons):
                    found[process.pid] = process
        return found

    def left(self) -> list[str]:
        """List the leftovers: processes, temporary files, locks, hidden files, mounts."""
        gone = [f"process {one.pid}: {one.words[:100]}" for one in self.processes().values()]
        gone = [text for text in gone if "sshd: " not in text]
        gone += [f"file {path}" for path in sorted(_paths_in(self.tmp))]
        gone += [f"lock {path}" for path in sorted(self.top.glob("lock*"))]
        names = {path.name for path in self.home.iterdir()} - {"out", "out.tar.gz", "rec.sh"}
        gone += [f"file {name}" for name in sorted(names) if not name.startswith("next")]
        return gone + [f"mount {TRACEFS}" for _ in range(os.path.ismount(TRACEFS))]

    def wait_for_nothing(self, patience_s: float = PATIENCE_S) -> list[str]:
        """Wait until nothing is left; return what is."""
        deadline = time.monotonic() + patience_s
        while (left := self.left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


def _paths_in(folder: Path) -> Iterator[str]:
    """Yield the files and directories in a folder, without those that vanish at that time."""
    for top, directories, files in os.walk(folder):
        yield from (f"{top}/{name}" for name in (*directories, *files))


def _process(pid: int) -> Process:
    place = Path("/proc") / str(pid)
    stat = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    words = (place / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
    return Process(pid, int(stat[1]), "" if stat[0] == "Z" else words.decode("utf-8", "replace"))


def _children_of(config: Path) -> set[int]:
    """Return the processes of an sshd that serve its connections."""
    servers: set[int] = set()
    parents: dict[int, int] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with contextlib.suppress(OSError):
                process = _process(int(place.name))
                parents[process.pid] = process.parent
                if str(config / "sshd_config") in process.words and "sshd" in process.words:
                    servers.add(process.pid)
    first = {pid for pid, parent in parents.items() if parent in servers}
    return first | {pid for pid, parent in parents.items() if parent in first}


def run_trial(top: Path, server: Server, seed: int, run_s: float) -> Trial:
    """Make one trial in a new directory.

    Args:
        top: the directory.
        server: serves the trials over ssh.
        seed: decides what is done.
        run_s: the time that an undisturbed run takes.
    """
    chance = random.Random(seed)
    machine = Machine(top, server, seed)
    route = chance.choice(ROUTES)
    trial = Trial(seed, route, [])
    begun_s = time.monotonic()
    running = machine.start(_command(machine, route, chance))
    has_begun = chance.random() < 0.6
    if has_begun:
        _wait_for_tracing(machine, running)
    for _ in range(1 + (chance.random() < 0.4)):
        wait_s = chance.uniform(0, run_s if not has_begun and not trial.kills else MAX_WAIT_S)
        _kill_one(machine, running, trial, chance, (begun_s, wait_s))
    faults = []
    try:
        running.wait(MAX_RUN_S)
    except subprocess.TimeoutExpired:
        faults.append(f"it does not end; {machine.left()}")
        for pid in machine.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.wait()
    left = machine.wait_for_nothing()
    if left:
        trial.cleaned = _clean(machine, route, chance)
        faults += [f"left: {one}" for one in machine.wait_for_nothing()]
    trial.kept, fault = _what_was_kept(machine)
    trial.faults = (*faults, *fault)
    return trial


def _command(machine: Machine, route: str, chance: random.Random) -> list[str]:
    mode = chance.choice(("offcpu", "events"))
    if route == "standalone":
        options = ProgramOptions(scope="tree", ends_with_workload=True)
        text = recorder(Plan(mode, options, WORKLOAD, has_symbols=False), is_carried=True)
        (machine.home / "rec.sh").write_text(text)
        return ["sh", "rec.sh", "-q", "-o", "out.tar.gz"]
    output = chance.choice(("out", "out.tar.gz"))
    return machine.pvprof(route, "record", mode, "--no-symbols", "-o", output, "--", *WORKLOAD)


def _wait_for_tracing(machine: Machine, running: subprocess.Popen[bytes]) -> None:
    """Wait for the begin of tracing, or the end: most of a short run is preparation."""
    while running.poll() is None:
        for raw in machine.tmp.glob("*/*/raw.out"):
            with contextlib.suppress(OSError):
                if b"#begin" in raw.read_bytes():
                    return
        time.sleep(0.05)


def _kill_one(
    machine: Machine,
    running: subprocess.Popen[bytes],
    trial: Trial,
    chance: random.Random,
    times_s: tuple[float, float],
) -> None:
    """Signal a process, if the run still goes on; `times_s`: when it began, how long to wait."""
    begun_s, wait_s = times_s
    number, wanted = chance.choice(SIGNALS), chance.choice([*VICTIMS, "recorder"])
    until_s = time.monotonic() + wait_s
    while time.monotonic() < until_s and running.poll() is None:
        time.sleep(0.01)
    found = machine.processes()
    names = [wanted, *chance.sample(list(VICTIMS), len(VICTIMS))]
    for name in names:
        fitting = [pid for pid, one in found.items() if VICTIMS[name](one, found)]
        if fitting:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(fitting), number)
            took_s = round(time.monotonic() - begun_s, 2)
            trial.kills.append((signal.Signals(number).name, name, took_s))
            return


def _clean(machine: Machine, route: str, chance: random.Random) -> str:
    """Do what removes what is left: record again, or run the doctor; return which it was."""
    route = "ssh" if route == "ssh" else "local"
    if chance.random() < 0.5:
        words: tuple[str, ...] = ("record", "--no-symbols", "-d", "0.3", "-o", "next")
        what = "the next recording"
    else:
        words = ("doctor", "--clean")
        what = "doctor --clean"
    machine.start(machine.pvprof(route, *words)).wait(MAX_RUN_S)
    return what


def _what_was_kept(machine: Machine) -> tuple[str, list[str]]:
    """Map the recording to how complete it is by its own account, and list its faults."""
    for name in ("out", "out.tar.gz"):
        path = machine.home / name
        if not path.exists():
            continue
        try:
            manifest = open_recording(str(path)).manifest
        except PvprofError as error:
            return "none", [f"{name} does not open: {error}"]
        if manifest.is_complete is None or (
            not manifest.is_complete and not manifest.incomplete_reason
        ):
            return "none", [f"{name} does not say whether it is complete"]
        if manifest.is_complete and not manifest.raw["end_marker"]:
            return "complete", [f"{name} says that it is complete, without an end"]
        command = [sys.executable, "-m", "pvprof", "report", str(path), "-k", "all"]
        done = subprocess.run(command, env=machine.env, capture_output=True, text=True, check=False)
        # What was cut off at once has nothing to show, which is an error of one line.
        is_error = done.returncode not in (0, 0 if manifest.is_complete else 1)
        wrong = [f"report: {done.stderr}"] if is_error or "Traceback" in done.stderr else []
        return "complete" if manifest.is_complete else "incomplete", wrong
    return "none", []


def unmount_tracefs() -> None:
    """Unmount tracefs, and debugfs, where the kernel mounts it by itself.

    This process is in a mount namespace of its own.
    """
    for place in (TRACEFS, "/sys/kernel/debug/tracing", "/sys/kernel/debug"):
        while os.path.ismount(place):
            subprocess.run(["umount", "-l", place], check=True)


def undisturbed_s(top: Path, server: Server) -> float:
    """Return the time that a run takes here without a kill.

    Raises:
        RuntimeError: it fails, or leaves something.
    """
    machine = Machine(top, server, 0)
    begun_s = time.monotonic()
    running = machine.start(_command(machine, "local", random.Random(0)))
    status = running.wait(MAX_RUN_S)
    took_s = time.monotonic() - begun_s
    left = machine.wait_for_nothing()
    if status or left or _what_was_kept(machine) != ("complete", []):
        said = (top / "said").read_text()
        raise RuntimeError(f"an undisturbed run: status {status}, left {left}: {said}")
    return took_s
