"""Grow the real recordings into large inputs for the benchmarks.

Five shapes, each in the layout of the recording it grows from:

``few``
    the classic aggregate layout, a few hundred distinct stacks, counts drawn anew for each
    record, so that no two records need be equal byte for byte;
``many``
    the same layout with 300,000 distinct stacks: the leaf half of one real stack above the root
    half of another, so that names and depths stay those of a real kernel;
``events``
    one record for each blocking, real stacks and lock names, fresh times and threads;
``native``
    the same in pvprof's own grammar;
``path``
    the same with a wake-up in each wait, as ``pvprof record path`` prints it.

Same arguments, same bytes: the generator is seeded.
"""

from __future__ import annotations

import argparse
import gzip
import heapq
import random
from collections.abc import Iterator
from pathlib import Path

RECORDINGS = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "freebsd-13.2"
HEADER = (
    "CPU     ID                    FUNCTION:NAME\n  0  28241                         :tick-8s \n\n"
)
DISTINCT_STACKS = 300_000
SEED = 20200329


def read_text(name: str) -> str:
    path = RECORDINGS / name
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def classic_stacks() -> list[list[str]]:
    """Return the stacks of the classic recording, leaf first, each line as it stands."""
    stacks = []
    for paragraph in read_text("oncpu-default.out").split("\n\n")[1:]:
        lines = paragraph.strip("\n").split("\n")
        if len(lines) > 1:
            stacks.append(lines[:-1])
    return stacks


def grow_few(size: int) -> Iterator[str]:
    """Yield records of the few hundred stacks of the real recording."""
    rng = random.Random(SEED)
    stacks = ["\n" + "\n".join(lines) + "\n" for lines in classic_stacks()]
    return _grow_classic(stacks, size, rng)


def grow_many(size: int) -> Iterator[str]:
    """Yield records of ``DISTINCT_STACKS`` stacks spliced from real ones."""
    rng = random.Random(SEED)
    real = [stack for stack in classic_stacks() if len(stack) >= 4]
    spliced: dict[str, None] = {}
    while len(spliced) < DISTINCT_STACKS:
        leaf, root = rng.choice(real), rng.choice(real)
        middle = rng.choice(real)
        cut = rng.randint(1, len(middle) - 1)
        lines = leaf[: rng.randint(1, len(leaf))] + middle[:cut] + root[rng.randint(0, 2) :]
        spliced["\n" + "\n".join(lines) + "\n"] = None
    return _grow_classic(list(spliced), size, rng)


def _grow_classic(stacks: list[str], size: int, rng: random.Random) -> Iterator[str]:
    yield HEADER
    written = len(HEADER)
    while True:
        for stack in rng.sample(stacks, len(stacks)):
            record = f"{stack}{rng.randint(1, 9999):>17}\n"
            written += len(record)
            if written > size:
                return
            yield record


def grow_events(size: int) -> Iterator[str]:
    """Yield event records with the real stacks and names, and fresh times and threads."""
    rng = random.Random(SEED)
    body = read_text("events.out.gz")
    begin, rest = body.split("\n", 1)
    records = [record.split("\n", 1) for record in ("\n" + rest).split("\nE ")[1:]]
    clock = int(begin.split()[1])
    yield begin + "\n"
    written = len(begin) + 1
    while True:
        head, stack = rng.choice(records)
        fields = head.split(" ", 5)
        if fields[5].startswith("Z"):
            continue
        stack = stack.split("\n\nZ ")[0].rstrip("\n")
        clock += rng.randint(1, 30_000)
        wait_ns = rng.randint(2_000, 90_000_000)
        tid = 100_000 + rng.randint(0, 400)
        record = f"E {clock} {wait_ns} {fields[2]} {tid} {rng.randint(0, 7)} {fields[5]}\n{stack}\n"
        written += len(record)
        if written > size:
            break
        yield record
    yield f"\nZ {clock} {clock + 1795372000000000000}\n"


def sleep_bodies() -> list[str]:
    """Return the ends of ``S`` records, from the process on, of all waits of the real recording."""
    rest = read_text("events.out.gz").split("\n", 1)[1]
    bodies = []
    for record in ("\n" + rest).split("\nE ")[1:]:
        head, stack = record.split("\n", 1)
        # start wait pid tid cpu execname letter object owner name
        fields = head.split(" ", 9)
        event = "turnstile" if fields[6] == "t" else "sleepq"
        name, execname = fields[9], fields[5]
        stack = stack.split("\n\nZ ")[0].strip("\n")
        bodies.append(
            f" {fields[2]} 3 {event} {fields[7]} {fields[8]} name={len(name)}:{name}"
            f" exec={len(execname)}:{execname}\n\n{stack}\n\n.\n"
        )
    return bodies


def grow_native(size: int) -> Iterator[str]:
    """Yield the same events in pvprof's own grammar: a record to sleep, one to run again."""
    rng = random.Random(SEED)
    bodies = sleep_bodies()
    yield "#pvprof 1 events stock ns 0.1.0 frames=32\n#begin 1000 1795372027596348298\n"
    clock, written = 1000, 100
    free = list(range(100_000, 105_000))
    asleep: list[tuple[int, int]] = []  # when it runs again, its number
    while written < size:
        clock += rng.randint(1, 30_000)
        while asleep and (asleep[0][0] <= clock or not free):
            end, tid = heapq.heappop(asleep)
            free.append(tid)
            clock = max(clock, end)
            yield f"R {end} {tid} 3\n"
        tid = free.pop(rng.randrange(len(free)))
        record = f"S {clock} {tid}{rng.choice(bodies)}"
        written += len(record) + 30
        yield record
        heapq.heappush(asleep, (clock + rng.randint(2_000, 90_000_000), tid))
    for end, tid in sorted(asleep):
        yield f"R {end} {tid} 3\n"
        clock = end
    yield f"#end {clock + 1} {clock + 1795372027596347298}\n"


def grow_path(size: int) -> Iterator[str]:
    """Yield waits of 200 threads in pvprof's own grammar, each with the wake-up that ended it.

    The waker is a thread that runs at that time.
    """
    rng = random.Random(SEED)
    bodies = sleep_bodies()
    stacks = ["\n" + body.split("\n", 1)[1] for body in bodies]
    yield "#pvprof 2 path stock ns 0.1.0 frames=32\n#begin 1000 1795372027596348298\n"
    clock, written = 1000, 100
    free = list(range(100_000, 100_200))
    events: list[tuple[int, int, int]] = []  # wake-ups and returns: time, when it returns, thread
    while written < size:
        clock += rng.randint(1, 30_000)
        while events and (events[0][0] <= clock or len(free) < 2):
            time, end, tid = heapq.heappop(events)
            clock = max(clock, time)
            if time < end:
                record = f"W {time} {tid} {rng.choice(free)} 3 exec=4:make{rng.choice(stacks)}"
                written += len(record)
                yield record
                heapq.heappush(events, (end, end, tid))
            else:
                free.append(tid)
                yield f"R {end} {tid} 3\n"
        tid = free.pop(rng.randrange(len(free)))
        record = f"S {clock} {tid}{rng.choice(bodies)}"
        written += len(record) + 30
        yield record
        woken = clock + rng.randint(2_000, 3_000_000)
        heapq.heappush(events, (woken, woken + rng.randint(1, 100_000), tid))
    yield f"#end {clock + 1} {clock + 1795372027596347298}\n"


SHAPES = {
    "few": grow_few,
    "many": grow_many,
    "events": grow_events,
    "native": grow_native,
    "path": grow_path,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=200)
    args = parser.parse_args()
    with args.output.open("w") as out:
        out.writelines(SHAPES[args.shape](args.megabytes * 1_000_000))


if __name__ == "__main__":
    main()
