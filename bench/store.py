"""A store of many recordings: how fast they are added, how long questions take, how large it is.

    python bench/store.py [--sizes 200 2000 20000] [--place DIR] [--figures FILE]

The recordings are made from the real ones: 2,000 stacks each, from a pool of 10,000 whose frames
are those of real kernels; 50 hosts, 20 kernels (one a day), two runs of each. All numbers are of
whole processes. `--figures` puts them into a file beside those of other sizes; `store_growth.py`
draws all of them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measuring import Cost, Program, measure
from store_growth import Growth

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
PVPROF = (sys.executable, "-m", "pvprof")
HOSTS, KERNELS, STACKS, POOL = 50, 20, 2_000, 10_000
FIRST_DAY = datetime(2026, 11, 1, 3, tzinfo=UTC)

TOP_CLASSES = """
select ident, lock_class, sum(value) as ns
from samples join keys using (key_id) join recordings using (recording_id)
where role in ('sum', 'single')
group by ident, lock_class
qualify row_number() over (partition by ident order by sum(value) desc) <= 20
order by ident, ns desc
"""


def pool() -> Sequence[str]:
    """Return records without values that are spliced from the lines of real recordings."""
    rng = random.Random(21)
    waits = [one for side in ("stock", "patched") for one in records(f"{side}-offcpu")]
    samples = [one for side in ("stock", "patched") for one in records(f"{side}-oncpu")]
    roots = [lines for _, lines in samples if len(lines) > 6]
    texts: dict[str, None] = {}
    while len(texts) < POOL:
        head, leaf = rng.choice(waits)
        root, middle = rng.choice(roots), rng.choice(roots)
        cut = rng.randint(1, len(middle) - 1)
        lines = [*leaf[: rng.randint(3, 8)], *middle[:cut], *root[-rng.randint(2, 6) :]][:32]
        texts[f"> {head}\n" + "\n".join(lines) + "\n"] = None
    return list(texts)


def records(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the head and the lines, leaf first, of the records of a real recording.

    Lines that only symbols would name are left out.
    """
    path = FIXTURES / "freebsd-15.1" / f"{name}.pvprof" / "raw.out.gz"
    for record in gzip.decompress(path.read_bytes()).decode().split("\n> ")[1:]:
        head, *lines = record.split("\n")
        named = [line for line in lines if line.startswith("kernel`") and "`0x" not in line]
        yield head, named


def facts(number: int) -> dict[str, object]:
    """Return the manifest of a recording: two runs of each kernel on each host."""
    kernel, place = divmod(number % (HOSTS * KERNELS * 2), HOSTS * 2)
    begin = FIRST_DAY + timedelta(
        days=kernel + number // (HOSTS * KERNELS * 2) * KERNELS, minutes=place
    )
    wall_ns = int(begin.timestamp()) * 10**9 + number
    ident = f"K{kernel:02}"
    return {
        "schema": 1,
        "pvprof": "0.1.0",
        "mode": "offcpu",
        "program": "offcpu",
        "scope": "system",
        "run": 1 + place % 2,
        "host": f"host{place // 2:02}",
        "tracer": "dtrace",
        "ncpu": 32,
        "kernel": {
            "system": "FreeBSD",
            "release": "15.1-STABLE",
            "ident": ident,
            "version": f"FreeBSD 15.1-STABLE n2835{kernel:02}-{kernel * 7919:012x} {ident}",
        },
        "workload": ["make", "-j32", "buildkernel"],
        "options": {},
        "complete": True,
        "drops": 0,
        "begin": {"monotonic_ns": 0, "wall_ns": wall_ns},
        "end": {"monotonic_ns": 20 * 10**9, "wall_ns": wall_ns + 20 * 10**9},
        "duration_ns": 20 * 10**9,
    }


def weights(number: int) -> Iterator[tuple[int, int, int]]:
    """Yield (row of the pool, wait in ns, count) of a recording."""
    rng = random.Random(number)
    for row in rng.sample(range(POOL), STACKS):
        count = max(1, int(rng.lognormvariate(1.5, 1.5)))
        yield row, int(count * math.exp(rng.gauss(13, 1.5))), count


def write_recording(place: Path, number: int, texts: Sequence[str]) -> int:
    """Write a recording as files; return the size of its output packed with gzip."""
    directory = place / f"r{number:05}.pvprof"
    directory.mkdir()
    manifest = facts(number)
    lines = ["#pvprof 2 offcpu stock ns 0.1.0 frames=32\n", "#begin 0 1795783449256626249\n"]
    for row, wait_ns, count in weights(number):
        lines.append(f"{texts[row]}= {wait_ns} {count}\n")
    lines.append("#end 20000000000 1795783469256626249\n")
    packed = gzip.compress("".join(lines).encode(), 6, mtime=0)
    (directory / "raw.out.gz").write_bytes(packed)
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return len(packed)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def questions(store: Path) -> list[Program]:
    """Return the questions that are measured."""
    one_kernel = ("--store", str(store), "--where", "ident = K01")
    return [
        Program("top 20 classes by kernel", (*PVPROF, "store", "sql", str(store), TOP_CLASSES)),
        Program("flame graph of a kernel", (*PVPROF, "flamegraph", "-q", *one_kernel, "-o", "-")),
        Program("report of a kernel", (*PVPROF, "report", "-q", *one_kernel)),
        Program(
            "list of a kernel", (*PVPROF, "store", "list", str(store), "--where", "ident = K01")
        ),
        Program("report of everything", (*PVPROF, "report", "-q", "--store", str(store))),
    ]


def shown(name: str, cost: Cost, more: str = "") -> None:
    print(
        f"| {name} | {cost.median_real_s:.2f} s | {cost.median_cpu_s:.2f} s"
        f" | {cost.peak_bytes / 1e6:,.0f} MB |{more}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 2_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--place", type=Path)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    growth = Growth.read(options.figures) if options.figures else Growth()
    texts = pool()
    with tempfile.TemporaryDirectory(dir=options.place) as temporary:
        for size in options.sizes:
            place = Path(temporary) / str(size)
            place.mkdir()
            store = place / "store"
            print(f"\n{size:,} recordings\n\n| | time | CPU | memory |\n|---|---:|---:|---:|")
            files = place / "files"
            files.mkdir()
            packed = sum(write_recording(files, number, texts) for number in range(size))
            added = shlex.join((*PVPROF, "store", "add", "-q", str(store), str(files)))
            words = ("sh", "-c", f"rm -rf {shlex.quote(str(store))} && exec {added}")
            cost = measure([Program("add", words)], 1)["add"]
            shown("add", cost, f" {size / cost.median_real_s:.0f} a second")
            growth.note(size, "add all", time_s=cost.median_real_s)
            growth.note(size, "texts, packed with gzip", mb=packed / 1e6)
            print(
                f"\n{packed / 1e6:,.1f} MB of packed texts, store {size_of(store) / packed:.3f}\n"
            )
            for name, cost in measure(questions(store), options.runs).items():
                shown(name, cost)
                growth.note(size, name, time_s=cost.median_real_s)
            growth.note(size, "store", mb=size_of(store) / 1e6)
            print(
                f"\n{size_of(store) / 1e6:,.1f} MB in {sum(1 for _ in store.glob('*/*/*'))} groups",
                flush=True,
            )
            shutil.rmtree(place)
    if options.figures:
        growth.write(options.figures)


if __name__ == "__main__":
    main()
