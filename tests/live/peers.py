"""Other tools that measure waits, run on one load at the same time as pvprof.

`measure` runs them all and returns what each says of the load's processes. Not among them, on a
kernel without kprobes: bcc's tools in Python, and klockstat, which hang on kernel functions. perf
of Debian has no ``perf lock contention -b``; that without ``-b`` reads the same tracepoints.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pvprof.collect.options import ProgramOptions
from pvprof.collect.recorder import Plan, recorder
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.open import open_recording

LOAD = Path(__file__).parent / "peers_load.py"


def program(name: str) -> str:
    """Return the program's name: Debian 13 calls those of libbpf-tools NAME-libbpf."""
    return name if shutil.which(name) or not shutil.which(f"{name}-libbpf") else f"{name}-libbpf"


PROGRAMS = ("perf", program("offcputime"), program("runqlat"))
COMMANDS = {
    # Without the events of BPF programs that are loaded, of which timehist dies.
    "sched": "perf record -q --no-bpf-event -a -m 4096 -o sched.data"
    " -e sched:sched_switch -e sched:sched_waking",
    "lock": "perf lock record -q --no-bpf-event -a -o lock.data",
    "offcputime": f"{program('offcputime')} --state 1 --stack-storage-size 16384",
    "runqlat": f"{program('runqlat')} -P",
}
MODES = {
    "offcpu": ProgramOptions(by_process=True),
    "runq": ProgramOptions(),
    "locks": ProgramOptions(by_process=True),
}
SCALES_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}


@dataclass(frozen=True, slots=True)
class Told:
    """What one tool says, by process name.

    Attributes:
        ns: the sum of the waits.
        count: their number; empty if the tool does not say it.
    """

    ns: Counter[str] = field(default_factory=Counter)
    count: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, ns: int, count: int = 1) -> None:
        """Add waits of a process."""
        self.ns[name] += ns
        self.count[name] += count


def measure(place: Path) -> dict[str, Told]:
    """Return the results of each tool for the same run of the load, by the name of the tool."""
    commands = dict(COMMANDS)
    for mode, options in MODES.items():
        (place / f"{mode}.sh").write_text(recorder(Plan(mode, options), is_carried=True))
        commands[mode] = f"sh {mode}.sh -o {mode}.tar.gz"
    running = {name: start(name, command, place) for name, command in commands.items()}
    for mode in MODES:
        wait_for_text(place / f"{mode}.err", "recording with")
    for name in COMMANDS:
        wait_until_attached(running[name])
    load = subprocess.run(
        [sys.executable, str(LOAD)], capture_output=True, text=True, check=True, timeout=60
    )
    for process in running.values():
        process.send_signal(signal.SIGINT)
    for process in running.values():
        process.wait(60)
    names = {pid: name for name, pid, _ in ends_of(load.stdout)}
    return {
        "timehist": timehist(place),
        "timehist, delays": timehist_delays(place),
        "lock contention": contention(place),
        "offcputime": offcputime(place / "offcputime.out", names),
        "runqlat": runqlat(place / "runqlat.out", names),
        "schedstat": schedstat(load.stdout),
        **{mode: recorded(place / f"{mode}.tar.gz") for mode in MODES},
        "offcpu, interruptible": recorded(place / "offcpu.tar.gz", "off-cpu"),
    }


def start(name: str, command: str, place: Path) -> subprocess.Popen[bytes]:
    """Start a tool whose output goes to NAME.out, its messages to NAME.err."""
    with (place / f"{name}.out").open("wb") as out, (place / f"{name}.err").open("wb") as err:
        environment = {**os.environ, "PVPROF_LOCK": str(place / f"{name}.lock")}
        return subprocess.Popen(command.split(), cwd=place, stdout=out, stderr=err, env=environment)


def wait_for_text(path: Path, text: str) -> None:
    for _ in range(300):
        if text in path.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path.name} has no {text!r}: {path.read_text()}")


def wait_until_attached(process: subprocess.Popen[bytes]) -> None:
    """Wait until a tool has opened its events, and for a second no more: it does not tell it."""
    opened = since = 0.0
    end = time.monotonic() + 60
    while not opened or time.monotonic() < since + 1:
        assert process.poll() is None, process.args
        assert time.monotonic() < end, process.args
        now = count_of_events(process.pid)
        if now != opened:
            opened, since = now, time.monotonic()
        time.sleep(0.1)


def count_of_events(pid: int) -> int:
    """Return the number of events and BPF links that a process has open."""
    targets = []
    for file in (Path("/proc") / str(pid) / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(file))
    return sum(target in ("anon_inode:[perf_event]", "anon_inode:bpf_link") for target in targets)


def recorded(path: Path, mechanism: str = "") -> Told:
    """Return the part of a recording for each process, or for one mechanism of it."""
    told = Told()
    for profile in read_recording(open_recording(str(path)), ReadOptions()).profiles.values():
        for key, _, weight in profile:
            if mechanism in ("", key.mechanism):
                told.add(key.execname, weight.value, weight.count or 0)
    return told


_SWITCH = re.compile(
    r"\s*[0-9.]+\s+\[\d+\]\s+(.+?)\[(\d+)(?:/\d+)?\]\s+([0-9.]+)\s+([0-9.]+)\s+[0-9.]+\s+(\S)"
)


def switches(place: Path) -> list[re.Match[str]]:
    """Return a match for each switch: name, tid, ms off the CPU before, delay, state after."""
    command = ["perf", "sched", "timehist", "-i", "sched.data", "--state"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    return [match for line in done.stdout.splitlines() if (match := _SWITCH.match(line))]


def timehist(place: Path) -> Told:
    """Return waits by ``perf sched timehist``: times off the CPU, but not of runnable threads."""
    told, states = Told(), dict[str, str]()
    for switch in switches(place):
        name, tid, wait_ms, _, state = switch.groups()
        if states.get(tid, "R") != "R":
            told.add(name, ns_from(wait_ms, "ms"))
        states[tid] = state
    return told


def timehist_delays(place: Path) -> Told:
    """Return waits for a CPU by ``perf sched timehist``, of woken and of preempted threads."""
    told, states = Told(), dict[str, str]()
    for switch in switches(place):
        name, tid, wait_ms, delay_ms, state = switch.groups()
        told.add(name, ns_from(wait_ms if states.get(tid) == "R" else delay_ms, "ms"))
        states[tid] = state
    return told


def contention(place: Path) -> Told:
    told = Told()
    command = ["perf", "lock", "contention", "-i", "lock.data", "-t"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    for line in (done.stdout + done.stderr).splitlines():
        match = re.match(r"\s*(\d+)\s+([0-9.]+) (\w+)\s.*\s\d+\s+(\S.*)", line)
        if match:
            count, number, unit, name = match.groups()
            told.add(name.strip(), ns_from(number, unit), int(count))
    return told


def offcputime(path: Path, names: dict[str, str]) -> Told:
    """Return the waits that offcputime of libbpf-tools prints: stacks, and below each its sum.

    It knows a process by its first name, so `names` has those of the load by number.
    """
    told = Told()
    text = path.read_text(errors="replace")
    for pid, us in re.findall(r"\n    -\s+\S.* \((\d+)\)\n\s+(\d+)\n", text):
        told.add(names.get(pid, ""), ns_from(us, "us"), 0)
    return told


def runqlat(path: Path, names: dict[str, str]) -> Told:
    """Return the number of waits for a CPU, and the least time that they can have taken."""
    told, name = Told(), ""
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"pid = (\d+) ", line):
            name = names.get(match.group(1), "")
        elif match := re.match(r"\s*(\d+) -> \d+\s*: (\d+)", line):
            told.add(name, ns_from(match.group(1), "us") * int(match.group(2)), int(match.group(2)))
    return told


def ends_of(text: str) -> list[tuple[str, str, str]]:
    """Return (name, pid, ns without a CPU) of the processes of the load, as it prints them."""
    return re.findall(r"(?m)^(z\w+) (\d+) (\d+)$", text)


def schedstat(text: str) -> Told:
    told = Told()
    for name, _, ns in ends_of(text):
        told.add(name, int(ns), 0)
    return told


def ns_from(number: str, unit: str) -> int:
    return round(float(number) * SCALES_NS[unit])
