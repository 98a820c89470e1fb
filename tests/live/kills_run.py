"""Kill recordings of this kernel at random moments, and print what was left of them.

Needs Linux, root, bpftrace, sshd and unshare. A trial records with pvprof here, through an sshd on
loopback, or with a script that is carried by hand. It sends KILL, TERM, INT or HUP to one or two of
pvprof, the recorder's shell, its parts, the tracer, the workload, ssh and sshd. It checks that
afterwards, or after the next recording or `pvprof doctor --clean`, no process, mount, lock or file
is left, and that each recording that was written opens and says whether it is complete. The table
is the one in docs/reliability.md. Exits with 1 if a trial failed.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from helpers.live import reason_against
from helpers.ssh_server import ssh_server
from kills import TOP, VICTIMS, run_trial, undisturbed_s, unmount_tracefs

COLUMNS = ("complete", "incomplete", "none", "at once", "the next recording", "doctor --clean")


def main(words: Sequence[str]) -> int:
    """Run what the options say; return the exit status."""
    parser = argparse.ArgumentParser("scripts/kills", description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first trial; others follow it")
    parser.add_argument("--jobs", type=int, default=2, help="trials at the same time")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if reason := reason_against():
        parser.error(reason)
    if options.worker:
        _work(options.seed, options.trials)
        return 0
    rows = []
    for row in in_namespaces(options.seed, options.trials, options.jobs):
        rows.append(row)
        print(f"{len(rows)}: {describe(row)}", file=sys.stderr)
    print(table(rows))
    return int(any(row["faults"] for row in rows))


def in_namespaces(seed: int, trials: int, jobs: int) -> Iterator[dict[str, Any]]:
    """Run trials in mount namespaces of their own; yield each as JSON has it."""
    workers = []
    for job in range(jobs):
        share = trials // jobs + (job < trials % jobs)
        options = ["--worker", "--seed", str(seed), "--trials", str(share)]
        seed += share
        command = ["unshare", "--mount", str(TOP / "scripts/kills"), *options]
        workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    for worker in workers:
        with worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                yield json.loads(line)
        if worker.returncode:
            raise RuntimeError(f"a worker failed with status {worker.returncode}")


def _work(seed: int, trials: int) -> None:
    """Run trials, and print each as one line of JSON."""
    for number in (signal.SIGINT, signal.SIGHUP):  # nohup, or a shell's &, may have them ignored
        signal.signal(number, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="pvprof-kills.") as work:
        unmount_tracefs()
        config = Path(work) / "sshd"
        config.mkdir()
        with ssh_server(config) as server:
            run_s = undisturbed_s(Path(work) / "undisturbed", server)
            for one in range(seed, seed + trials):
                trial = run_trial(Path(work) / str(one), server, one, run_s)
                print(json.dumps(trial.row()), flush=True)


def describe(row: dict[str, Any]) -> str:
    """Return a trial in one line."""
    kills = ", ".join(f"{name} to {victim} at {at_s} s" for name, victim, at_s in row["kills"])
    faults = "".join(f"\n    FAULT: {fault}" for fault in row["faults"])
    head = f"seed {row['seed']}: {row['route']}, {kills or 'nothing to kill'}"
    return f"{head}: {row['kept']}, clean {row['cleaned']}{faults}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: a row for each first victim and for each route, and one for all."""
    groups = [(f"{name} killed first", _with_victim(rows, name)) for name in VICTIMS]
    groups += [(route, [row for row in rows if row["route"] == route]) for route in _routes(rows)]
    lines = [
        f"| trials | number | {' | '.join(COLUMNS)} | failed |",
        f"|---|{'---:|' * (len(COLUMNS) + 2)}",
    ]
    for title, found in [*groups, ("all", list(rows))]:
        if found:
            counts = Counter([row["kept"] for row in found] + [row["cleaned"] for row in found])
            failed = sum(bool(row["faults"]) for row in found)
            numbers = [len(found), *(counts[name] for name in COLUMNS), failed]
            lines.append(f"| {title} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def _with_victim(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["kills"] and row["kills"][0][1] == name]


def _routes(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({row["route"] for row in rows})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
