"""Writes recordings of two sides, like those of ``pvprof record``, with known values."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.native_writer import Lines, header, record

Waits = Mapping[str, tuple[int, int]]
"""Wait in ns and count of each lock."""

STACKS = {
    "vm object": ("kernel`turnstile_wait+0x1", "kernel`vm_fault+0x2", "kernel`trap+0x3"),
    "pmap pv list": ("kernel`turnstile_wait+0x1", "kernel`pmap_enter+0x9", "kernel`trap+0x3"),
    "tmpfs": ("kernel`sleeplk+0x1", "kernel`tmpfs_open+0x2", "kernel`amd64_syscall+0x3"),
}
KERNEL = {"ident": "GENERIC", "release": "13.2-RELEASE", "version": "stock"}


def _wobble(run: int) -> int:
    """Return the deviation of a run; successive runs show no drift."""
    return (0, 3, 1, 4, 2)[run % 5]


def manifest(run: int, label: str, **facts: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "pvprof": "0.1.0",
        "mode": "offcpu",
        "program": "offcpu",
        "scope": "tree",
        "label": label,
        "run": run,
        "host": "build13",
        "ncpu": 8,
        "model": "a CPU",
        "kernel": {**KERNEL, "version": label},
        "workload": ["make", "-j8"],
        "exit_status": 0,
        "real_s": 100 + _wobble(run) / 10,
        "user_s": 600 + _wobble(run),
        "sys_s": 200 + _wobble(run) / 4,
        "duration_ns": 100_000_000_000,
        "complete": True,
    } | facts


Stacks = Mapping[str, tuple[str, ...]]
"""The frames of each lock, leaf first."""


def stacks_through(*machinery: str) -> Stacks:
    """Return the stacks of a kernel in which these functions wait for `pmap pv list`."""
    callers = STACKS["pmap pv list"][1:]
    return {**STACKS, "pmap pv list": (*machinery, *callers)}


RWLOCK = stacks_through("kernel`turnstile_wait+0x1", "kernel`__rw_wlock_hard+0x7")
OBM = stacks_through("kernel`turnstile_wait+0x1", "kernel`obm_lock_sleep+0x5")


def records_of(waits: Waits, stacks: Stacks = STACKS) -> list[Lines]:
    return [
        record(
            "turnstile",
            {"name": name.encode(), "exec": b"cc"},
            [frame.encode() for frame in stacks.get(name, ("kernel`mtx_lock+0x1", "kernel`f+0x2"))],
            [value, count],
        )
        for name, (value, count) in waits.items()
    ]


def raw(records: Sequence[Lines], run: int, *, mode: str = "offcpu", unit: str = "ns") -> bytes:
    """Return the text of a recording. Its clocks depend on `run`: no two runs begin together."""
    begin = 10**9 * (run + 1)
    wall = 1_795_372_027_596_348_298 + begin
    body = b"".join(line for lines in records for line in lines)
    return b"%b#begin %d %d\n%b#end %d %d\n" % (
        header(mode, unit),
        begin,
        wall,
        body,
        begin + 10**11,
        wall + 10**11,
    )


def write_recording(place: Path, output: bytes, facts: Mapping[str, Any] | None) -> Path:
    place.mkdir(parents=True)
    (place / "raw.out").write_bytes(output)
    if facts is not None:
        (place / "manifest.json").write_text(json.dumps(facts))
    return place


def write_side(
    place: Path,
    label: str,
    runs: Sequence[Waits],
    first: int = 1,
    stacks: Stacks = STACKS,
    **facts: Any,
) -> list[Path]:
    """Write one recording for each run below `place`; return their paths."""
    return [
        write_recording(
            place / f"{label}{number}.pvprof",
            raw(records_of(waits, stacks), number + (1000 if label == "patched" else 0)),
            manifest(number, label, **facts),
        )
        for number, waits in enumerate(runs, first)
    ]


def noisy(factor: float, runs: int, seed: int, null: int = 360_000_000) -> list[Waits]:
    """Return runs in which one lock waits `factor` times as long, and the others as before."""
    chance = random.Random(seed)

    def some(value: float) -> int:
        return int(value * chance.gauss(1, 0.03))

    return [
        {
            "pmap pv list": (some(900_000_000 * factor), 500),
            "vm object": (some(null), 210),
            "tmpfs": (some(201_000_000), 31),
        }
        for _ in range(runs)
    ]
