"""How time and memory grow with the size of the input, for inputs that are large in one way each.

    python bench/scale.py [--steps 3] [--only NAME ...]

Each case is run at several sizes, each twice as large as the one before, as a whole process. The
table has CPU time and the peak of resident memory of the largest process, and the exponent of the
growth of CPU time between the two largest sizes: 1 is linear, 2 quadratic; n log n is 1.1. The time
of starting is subtracted first. Cases of a fixed input (bombs) have one size, and must be refused.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import math
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PVPROF = [sys.executable, "-m", "pvprof"]
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """Something that grows.

    Attributes:
        name: as the table shows it.
        unit: what the size counts.
        size: the smallest; 0 for a fixed input, which must be refused.
        make: writes the input of a size into a directory and returns pvprof's arguments.
    """

    name: str
    unit: str
    size: int
    make: Callable[[Path, int], list[str]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    cpu_s: float
    peak_mb: float
    status: int


def deep_stacks(place: Path, size: int) -> list[str]:
    frames = ";".join(f"function_{number}" for number in range(size))
    (place / "x.folded").write_text(f"{frames} 5\n{frames};leaf 7\n")
    return ["report", "x.folded", "-o", "x.svg", "-o", "x.html"]


def lock_names(command: list[str]) -> Callable[[Path, int], list[str]]:
    def make(place: Path, size: int) -> list[str]:
        with (place / "x.out").open("w") as file:
            for number in range(size):
                file.write(f"\nlock {number}|make\nkernel`sleep\nkernel`f{number % 99}\n5 1\n")
        return command

    return make


def stacks(place: Path, size: int) -> list[str]:
    with (place / "x.folded").open("w") as file:
        file.writelines(
            f"main;part{number % 977};leaf{number} {number}\n" for number in range(size)
        )
    return ["report", "x.folded", "-o", "x.svg"]


def recordings(command: str) -> Callable[[Path, int], list[str]]:
    def make(place: Path, size: int) -> list[str]:
        names = []
        for number in range(size):
            directory = place / f"r{number}.pvprof"
            directory.mkdir()
            text = "".join(
                f"\nlock {row}|make\nkernel`sleep\nkernel`f\n{number * 7 % 97 + row + 9} 1\n"
                for row in range(50)
            )
            (directory / "raw.out").write_text(text)
            label = "old" if number % 2 else "new"
            manifest = {"schema": 1, "mode": "offcpu", "label": label, "duration_ns": 10**9}
            (directory / "manifest.json").write_text(json.dumps(manifest))
            names.append(directory.name)
        return [command, *names]

    return make


def two_sides_of_names(place: Path, size: int) -> list[str]:
    for name, value in (("old", 5), ("new", 7)):
        with (place / f"{name}.out").open("w") as file:
            for number in range(size):
                file.write(
                    f"\nlock {number}|make\nkernel`sleep\nkernel`f\n{value + number % 3} 1\n"
                )
    return ["compare", "--top", "0", "old.out", "--vs", "new.out"]


def one_line(pack: bool) -> Callable[[Path, int], list[str]]:
    def make(place: Path, _size: int) -> list[str]:
        path = place / ("x.folded.gz" if pack else "x.folded")
        with gzip.open(path, "wb", 1) if pack else path.open("wb") as file:
            for _ in range(1024):
                file.write(b"kernel`f" * (MB // 8))
        return ["report", path.name]

    return make


def gzip_bomb(place: Path, _size: int) -> list[str]:
    packer = zlib.compressobj(9, wbits=31)
    with (place / "x.out.gz").open("wb") as file:
        for _ in range(4096):
            file.write(packer.compress(b"\n" * MB))
        file.write(packer.flush())
    return ["report", "x.out.gz"]


def program_bomb(program: str, suffix: str) -> Callable[[Path, int], list[str]]:
    def make(place: Path, _size: int) -> list[str]:
        command = f"yes '' | head -c {1 << 30} | {program} -c > x.out.{suffix}"
        subprocess.run(["sh", "-c", command], cwd=place, check=True)
        return ["report", f"x.out.{suffix}"]

    return make


def sparse_archive(place: Path, _size: int) -> list[str]:
    with (place / "raw.out").open("wb") as file:
        file.truncate(100 << 30)
    subprocess.run(["tar", "-Szcf", "x.tar.gz", "raw.out"], cwd=place, check=True)
    (place / "raw.out").unlink()
    return ["report", "x.tar.gz"]


def sparse_file(place: Path, _size: int) -> list[str]:
    with (place / "x.out").open("wb") as file:
        file.truncate(100 << 30)
    return ["report", "x.out"]


def archive_bomb(place: Path, _size: int) -> list[str]:
    with (place / "x.tar.gz").open("wb") as file:
        packer = zlib.compressobj(9, wbits=31)
        header = tarfile.TarInfo("x/raw.out")
        header.size = 4 << 30
        file.write(packer.compress(header.tobuf()))
        for _ in range(4096):
            file.write(packer.compress(b"\n" * MB))
        file.write(packer.flush())
    return ["report", "x.tar.gz"]


def companion_bomb(place: Path, _size: int) -> list[str]:
    directory = place / "x.pvprof"
    directory.mkdir()
    (directory / "raw.out").write_text("kernel`f\n\nlock\n5\n" * 3)
    packer = zlib.compressobj(9, wbits=31)
    with (directory / "symbols.nm.gz").open("wb") as file:
        for _ in range(4096):
            file.write(packer.compress(b"\n" * MB))
        file.write(packer.flush())
    return ["report", "x.pvprof"]


def page_bomb(place: Path, _size: int) -> list[str]:
    import base64  # noqa: PLC0415 (for this case only)

    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(60):
            file.write(b"null," * (MB // 5))
    data = base64.b64encode(packed.getvalue()).decode()
    page = f'<!DOCTYPE html><script type="application/gzip" id="pvprof-data">{data}</script></html>'
    (place / "x.html").write_text(page)
    return ["report", "x.html"]


def json_of_lists(place: Path, _size: int) -> list[str]:
    head = '{"shared": {"frames": []}, "profiles": [{"samples": ['
    (place / "x.json").write_text(head + "[]," * (33 * MB) + "[]]}]}")
    return ["report", "x.json"]


CASES = (
    Case("stack of many frames: report, SVG, page", "frames", 2_500, deep_stacks),
    Case(
        "names of locks: fold",
        "names",
        250_000,
        lock_names(["fold", "--max-size", "200M", "x.out"]),
    ),
    Case("names of locks: report", "names", 50_000, lock_names(["report", "x.out"])),
    Case("names: flame graph", "names", 25_000, lock_names(["flamegraph", "x.out", "-o", "x.svg"])),
    Case("different stacks: report, SVG", "stacks", 100_000, stacks),
    Case("recordings of one report", "recordings", 125, recordings("report")),
    Case("recordings of a comparison", "recordings", 50, recordings("compare")),
    Case("names: compare --top 0", "names", 25_000, two_sides_of_names),
    Case("1 GB in one line", "", 0, one_line(pack=False)),
    Case("1 GB in one line, gzip", "", 0, one_line(pack=True)),
    Case("gzip: 4 GB of blank lines", "", 0, gzip_bomb),
    Case("bzip2: 1 GB of blank lines", "", 0, program_bomb("bzip2", "bz2")),
    Case("xz: 1 GB of blank lines", "", 0, program_bomb("xz -0", "xz")),
    Case("zstd: 1 GB of blank lines", "", 0, program_bomb("zstd -q", "zst")),
    Case("sparse archive, 100 GB", "", 0, sparse_archive),
    Case("sparse file, 100 GB", "", 0, sparse_file),
    Case("tar.gz: 4 GB in raw.out", "", 0, archive_bomb),
    Case("symbols.nm.gz of 4 GB (left out)", "", 0, companion_bomb),
    Case("page: 12 million nulls in its data", "", 0, page_bomb),
    Case("speedscope: 33 million lists", "", 0, json_of_lists),
)


def cost_of(arguments: list[str], place: Path) -> Cost:
    """Run pvprof in a directory and return what it took."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:  # a process of its own, so that only its children count
        with open(os.devnull, "wb") as nothing:
            done = subprocess.run(
                [*PVPROF, *arguments], cwd=place, stdout=nothing, stderr=nothing, check=False
            )
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cost = [used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode]
        os.write(writing, json.dumps(cost).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        cost = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return Cost(*cost)


def measure(case: Case, steps: int, starting_s: float) -> None:
    times = []
    for step in range(steps if case.size else 1):
        size = case.size << step
        with tempfile.TemporaryDirectory(prefix="pvprof-scale-") as place:
            arguments = case.make(Path(place), size)
            cost = cost_of(arguments, Path(place))
        times.append(max(cost.cpu_s - starting_s, 1e-3))
        growth = f"{math.log2(times[-1] / times[-2]):.2f}" if step else ""
        if case.size and cost.status:
            growth = f"exit {cost.status}"
        if not case.size:
            growth = "refused" if cost.status == 1 else f"exit {cost.status}"
        shown = f"{size:,} {case.unit}" if case.size else ""
        print(
            f"| {case.name} | {shown} | {cost.cpu_s:.1f} s | {cost.peak_mb:,.0f} MB | {growth} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=3, help="sizes of each case")
    parser.add_argument("--only", nargs="*", default=[""], help="words in the names of cases")
    arguments = parser.parse_args()
    print("| case | size | CPU | peak | growth |\n|---|---|---|---|---|")
    starting_s = cost_of(["report", "-h"], Path.cwd()).cpu_s
    for case in CASES:
        if any(word in case.name for word in arguments.only):
            measure(case, arguments.steps, starting_s)


if __name__ == "__main__":
    main()
