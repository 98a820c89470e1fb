"""Processes that try inputs, each with a limit on time and memory.

A worker that dies (a limit of the kernel's, a crash of the interpreter) leaves the number of its
input in shared memory; another one goes on behind it.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from fuzz.targets import targets
from fuzz.trial import is_written, judge, limit_memory, trial_of

BATCH = 50
"""Inputs that a worker tries before it asks for more."""

MAX_BATCHES = 40
"""Of a worker: caches fill, and memory falls into pieces, so the limit would be a smaller one."""

MAX_WAIT_S = 300
"""An input that takes this long by the clock is stuck, however little processor time it takes."""

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs of one target: those with numbers from `begin` to `end`."""

    target: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """One failure: its kind, and the input."""

    kind: str
    target: str
    number: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of some inputs: how many were tried, and the failures."""

    target: str
    count: int
    found: tuple[Found, ...]


class _Worker:
    """One process, and what it is doing."""

    def __init__(self, run_seed: int, write_every: int = 1) -> None:
        self._run_seed = run_seed
        self._write_every = write_every
        self.number: Any = FORK.Value("q", -1)
        self.started: Any = FORK.Value("d", 0.0)
        self.connection, inside = FORK.Pipe()
        self.process: BaseProcess = FORK.Process(target=self._work, args=(inside,))
        self.process.start()
        inside.close()
        self.batch: Batch | None = None
        self.found: list[Found] = []
        self.given = 0

    @property
    def is_usable(self) -> bool:
        return self.given < MAX_BATCHES and self.process.is_alive()

    def give(self, batch: Batch) -> None:
        self.batch = batch
        self.found = []
        self.given += 1
        self.number.value, self.started.value = batch.begin, time.monotonic()
        self.connection.send(batch)

    def _work(self, inside: Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
        self.connection.close()
        limit_memory()
        with tempfile.TemporaryDirectory(prefix="pvprof-fuzz-") as place:
            while True:
                try:
                    batch = inside.recv()
                except EOFError:
                    return
                self._try(batch, Path(place), inside)
                inside.send(None)

    def _try(self, batch: Batch, folder: Path, inside: Connection) -> None:
        """Try a batch, and send each failure at once: the next input may end the process."""
        for number in range(batch.begin, batch.end):
            self.number.value, self.started.value = number, time.monotonic()
            kinds = judge(
                trial_of(batch.target, self._run_seed, number),
                folder,
                is_written=is_written(batch.target, number, self._write_every),
            )
            for kind in kinds:
                inside.send(Found(kind, batch.target, number))

    def result(self) -> tuple[Tried, Batch | None] | None:
        """Return the result of the batch, and the rest of it if the process died.

        None if it goes on.
        """
        assert self.batch is not None
        batch = self.batch
        try:
            found: Found | None = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            number = self.number.value
            kind = f"{batch.target}: {_death(self.process.exitcode)}"
            rest = Batch(batch.target, number + 1, batch.end)
            self.found.append(Found(kind, batch.target, number))
            self.batch = None
            tried = Tried(batch.target, number + 1 - batch.begin, tuple(self.found))
            return tried, rest if rest.begin < rest.end else None
        if found is not None:
            self.found.append(found)
            return None
        self.batch = None
        return Tried(batch.target, batch.end - batch.begin, tuple(self.found)), None

    def end_if_stuck(self) -> None:
        if self.batch is not None and time.monotonic() - self.started.value > MAX_WAIT_S:
            self.process.kill()

    def close(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def _death(code: int | None) -> str:
    if code == -signal.SIGVTALRM:
        return "late: in code that looks for no signals"
    if code == -signal.SIGKILL:
        return "late: waits for something"
    return f"the process died: {code}"


def try_all(
    batches: Iterator[Batch], run_seed: int, jobs: int, write_every: int = 1
) -> Iterator[Tried]:
    """Yield what came of each batch, in any order; writes the result of one in `write_every`."""
    for target in targets().values():
        target.seeds()  # once, before the workers are forked
    workers = [_Worker(run_seed, write_every) for _ in range(jobs)]
    left: list[Batch] = []
    try:
        for worker in workers:
            _give_next(worker, left, batches)
        while busy := [worker for worker in workers if worker.batch is not None]:
            for worker in _ready(busy):
                result = worker.result()
                if result is None:
                    continue
                tried, rest = result
                yield tried
                left += [rest] if rest is not None else []
                if not worker.is_usable:
                    workers.remove(worker)
                    worker.close()
                    worker = _Worker(run_seed, write_every)  # noqa: PLW2901 (the one in its place)
                    workers.append(worker)
                _give_next(worker, left, batches)
    finally:
        for worker in workers:
            worker.close()


def _ready(busy: Sequence[_Worker]) -> list[_Worker]:
    ready = wait([worker.connection for worker in busy], timeout=5)
    for worker in busy:
        worker.end_if_stuck()
    return [worker for worker in busy if worker.connection in ready]


def _give_next(worker: _Worker, left: list[Batch], batches: Iterator[Batch]) -> None:
    batch = left.pop() if left else next(batches, None)
    if batch is not None:
        worker.give(batch)
