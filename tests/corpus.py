"""Write what every command prints for every bundled recording, to compare two versions of pvprof.

A change that must not change behaviour is checked like this::

    .venv/bin/python tests/corpus.py /tmp/before
    ... the change ...
    .venv/bin/python tests/corpus.py /tmp/after
    diff -r /tmp/before /tmp/after

Each case gets a directory with ``stdout``, ``stderr``, ``exit`` and the files that the command
wrote. ``--also DIR`` adds the recordings in a directory of your own.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import random
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from click.testing import CliRunner

FIXTURES = Path("tests/fixtures")
BSD = FIXTURES / "freebsd-13.2"
LINUX = FIXTURES / "linux"
SYMBOLS = BSD / "kernel-symbols.nm.gz"

REPORT_FILES = (
    *("r.md", "r.csv", "r.json", "r.folded", "r.svg", "r.txt", "r.html", "r.speedscope.json"),
)
MODES = ("offcpu", "events", "oncpu", "locks", "wakeup", "runq")
LOCK_DETAILS = ("spin", "overlap", "objects", "owners", "wakers", "stacks")
COMMANDS = (
    *("record", "doctor", "import", "report", "locks", "fold", "flamegraph", "heatmap"),
    *("compare", "stats", "script", "patch"),
)

Case = tuple[str, tuple[str, ...]]
"""The case's name and the command line; ``{out}`` in it is the case's directory."""


def recordings(also: Sequence[Path]) -> list[Path]:
    """Return the recordings, bundled ones first."""
    found = [path for path in sorted(BSD.iterdir()) if re.search(r"\.out(\.gz)?$", path.name)]
    found += sorted(LINUX.glob("bpftrace/*.tar.gz"))
    found += [LINUX / "bpftrace-map.txt", LINUX / "perf-script.txt.gz"]
    for directory in also:
        found += sorted(directory.iterdir())
    return found


def recording_cases(path: Path) -> Iterator[Case]:
    """Yield the cases of one recording."""
    name, rec = path.name.replace(".", "-"), str(path)

    def case(title: str, *words: str) -> Case:
        return f"{name}/{title}", words

    yield case("report", "report", rec)
    for file in REPORT_FILES:
        yield case(f"report-{file}", "report", rec, "-o", f"{{out}}/{file}")
    yield case("report-trace", "report", rec, "-o", "{out}/r.trace.json")
    yield case("report-all", "report", rec, "-k", "all", "--top", "3", "-o", "{out}/all.html")
    yield case("report-symbols", "report", rec, "--symbols", str(SYMBOLS), "-o", "{out}/s.md")
    yield case("report-class", "report", rec, "--class", "vm|pv", "-o", "-", "-o", "{out}/c.svg")
    yield case("report-frame", "report", rec, "--frame", "vm_", "--execname", "c", "-o", "-")
    for detail in LOCK_DETAILS:
        yield case(f"locks-{detail}", "locks", rec, f"--{detail}", "--most", "3")
    yield case("locks-all", "locks", rec, "-k", "all", "-o", "{out}/locks.md")
    yield case("locks-csv", "locks", rec, "--format", "csv")
    yield case("fold", "fold", rec)
    yield case("fold-root", "fold", rec, "--by", "root", "--kind", "kernel", "--no-execname")
    yield case("fold-counts", "fold", rec, "--counts", "--by", "none")
    yield case("fold-speedscope", "fold", rec, "-o", "{out}/f.speedscope.json", "--no-timeline")
    yield case("fold-wakers", "fold", rec, "--chain", "wakers", "--chain-depth", "3")
    yield case("fold-owners", "fold", rec, "--chain", "owners", "--chain-depth", "2")
    yield case("flame", "flamegraph", rec, "-k", "all")
    yield case("flame-safe", "flamegraph", rec, "--palette", "safe", "--reverse", "--icicle")
    yield case("flame-weight", "flamegraph", rec, "--by-weight", "--palette", "module")
    yield case("flame-chain", "flamegraph", rec, "--chain", "wakers", "-k", "all")
    yield case("tree", "flamegraph", "--tree", rec, "-k", "all", "--min-percent", "3")
    yield case("heatmap", "heatmap", rec, "-o", "{out}/heat.svg")
    yield case("heatmap-all", "heatmap", rec, "-k", "all", "--column", "500ms", "--by", "offset")
    yield case("window", "report", rec, "--from", "1", "--to", "2.5", "-o", "-", "-o", "{out}/w.md")
    yield case("samples", "report", rec, "--unit", "samples", "-o", "-")
    yield case("measure", "fold", rec, "--measure", "samples")
    yield case("stats", "stats", rec)
    yield case("import", "import", rec, "-o", "{out}/i.pvprof", "--label", "a", "--host", "h")
    yield case(
        "wall", "flamegraph", "--wall-clock", "--rate", "997", rec, str(BSD / "oncpu.out.gz")
    )


def pair_cases() -> Iterator[Case]:
    """Yield comparisons of two recordings, and of repeated runs."""
    pairs = (
        ("events", BSD / "events.out.gz", BSD / "build-events.out.gz"),
        ("offcpu", BSD / "stock-offcpu.out", BSD / "sdt-offcpu.out"),
        ("locks", BSD / "lockstat-provider.out", BSD / "build-lockstat-provider.out"),
        ("systems", LINUX / "bpftrace/offcpu.pvprof.tar.gz", BSD / "stock-offcpu.out"),
    )
    for name, base, new in pairs:
        sides = (str(base), "--vs", str(new))
        yield f"compare-{name}/text", ("compare", *sides, "--top", "5")
        for file in ("c.md", "c.csv", "c.json", "c.svg", "c.folded", "c.txt"):
            yield f"compare-{name}/{file}", ("compare", *sides, "-o", f"{{out}}/{file}")
        yield f"compare-{name}/second", ("compare", *sides, "--per", "second", "-k", "all")
        yield f"compare-{name}/work", ("compare", *sides, "--work", "builds=3:5", "--strict")
        diff = ("flamegraph", "--diff", str(base), str(new), "-k", "all")
        yield f"diff-{name}/union", diff
        yield f"diff-{name}/base", (*diff, "--per", "builds=3:5", "--widths", "base")
        yield f"both-{name}", ("report", str(base), str(new), "-o", "-", "-o", "{out}/both.html")


def set_cases(sets: Path) -> Iterator[Case]:
    """Yield comparisons and statistics of repeated runs."""
    sides = (str(sets / "stock"), "--vs", str(sets / "patched"))
    for method in ("student", "welch", "rank"):
        yield f"sets/compare-{method}", ("compare", *sides, "--method", method)
    for file in ("c.md", "c.csv", "c.json", "c.svg", "c.folded"):
        yield f"sets/compare-{file}", ("compare", *sides, "-o", f"{{out}}/{file}")
    words = ("stats", str(sets / "stock"), str(sets / "patched"))
    yield "sets/stats", words
    for file in ("s.md", "s.csv", "s.json", "s.txt"):
        yield f"sets/stats-{file}", (*words, "--ratio", "--holm", "-o", f"{{out}}/{file}")
    for path in sorted((FIXTURES / "times").glob("*.txt")):
        yield f"times/{path.stem}", ("stats", str(path), "--detect", "1", "--method", "welch")
        yield f"times/{path.stem}-md", ("stats", str(path), "-o", "{out}/t.md")


def program_cases() -> Iterator[Case]:
    """Yield help texts, programs and usage errors."""
    yield "help/pvprof", ("--help",)
    for command in COMMANDS:
        yield f"help/{command}", (command, "--help")
        yield f"usage/{command}", (command, "--no-such-option")
    for command in ("report", "fold", "flamegraph", "locks", "heatmap", "import"):
        yield f"missing/{command}", (command, "no/such/file")
        yield f"suffix/{command}", (command, str(BSD / "stock-offcpu.out"), "-o", "{out}/x.nosuch")
    yield "script/list", ("script", "--list")
    shapes: dict[str, tuple[str, ...]] = {
        "plain": (),
        "tree": ("--tree", "--by-process", "--histogram"),
        "narrow": ("--duration", "10", "--execname", "cc", "--min-wait", "10us"),
        "standalone": ("--standalone", "--label", "stock"),
        "workload": ("--standalone", "--", "make", "-j8"),
    }
    for mode in (*MODES, "no-such-mode"):
        for tracer in ("dtrace", "bpftrace"):
            for shape, words in shapes.items():
                line = ("script", mode, "--tracer", tracer, *words)
                yield f"script/{mode}-{tracer}-{shape}", line
    yield "patch/list", ("patch", "list")
    for branch in ("stable-12", "stable-13", "stable-14", "stable-15", "main", "none"):
        yield f"patch/{branch}", ("patch", "show", "--branch", branch)


def _scaled(recording: bytes, factor: float) -> bytes:
    """Return a dtrace recording with all values multiplied.

    The value of a record is a number alone on its line, or one before a count.
    """

    def scaled(match: re.Match[bytes]) -> bytes:
        return b"%b%d%b" % (match[1], int(int(match[2]) * factor), match[3] or b"")

    return re.sub(rb"(?m)^(\s*)(\d+)( \d+)?$", scaled, recording)


def write_sets(place: Path) -> None:
    """Write two sets of runs, as ``pvprof record --repeat`` leaves them."""
    chance = random.Random(7)
    template = (BSD / "stock-offcpu.out").read_bytes()
    for label, factor in (("stock", 1.0), ("patched", 0.7)):
        runs = []
        for number in range(1, 6):
            name = f"offcpu-{number}.pvprof"
            directory = place / label / name
            directory.mkdir(parents=True)
            scale = factor * chance.gauss(1, 0.03)
            raw = _scaled(template, scale)
            (directory / "raw.out").write_bytes(raw)
            facts = {
                "mode": "offcpu",
                "run": number,
                "warmup": False,
                "real_s": round(100 * scale, 2),
                "user_s": 600 + number,
                "sys_s": round(200 * scale, 2),
                "exit_status": 0,
                "complete": True,
            }
            more = {"schema": 1, "label": label, "host": "build13", "ncpu": 8, "pvprof": "0.1.0"}
            more |= {"kernel": {"ident": "GENERIC", "version": label}, "workload": ["make"]}
            (directory / "manifest.json").write_text(json.dumps(more | facts))
            runs.append({"name": name, **facts})
        contents = {"schema": 1, "label": label, "wanted": 5}
        contents |= {"recordings": [run["name"] for run in runs], "warmups": [], "runs": runs}
        (place / label / "set.json").write_text(json.dumps(contents))


def run_case(case: tuple[str, tuple[str, ...], str]) -> None:
    """Run one command line in this process and keep all that comes of it."""
    from pvprof.cli import cli  # noqa: PLC0415 (in the worker)

    name, words, root = case
    place = Path(root, name)
    place.mkdir(parents=True)
    result = CliRunner().invoke(cli, [word.replace("{out}", str(place)) for word in words])
    (place / "stdout").write_bytes(result.stdout_bytes)
    stderr = result.stderr_bytes.replace(str(place).encode(), b"{out}")
    (place / "stderr").write_bytes(stderr)
    failure = result.exception
    crash = "" if failure is None or isinstance(failure, SystemExit) else f" {failure!r}"
    (place / "exit").write_text(f"{result.exit_code}{crash}\n")
    gc.collect()


def main() -> None:
    """Run all cases into the directory of the first argument."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, help="directory to write; must not exist")
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--only", default="", metavar="REGEX", help="run the cases it is found in")
    arguments = parser.parse_args()
    root = arguments.out.resolve()
    also = [directory.resolve() for directory in arguments.also]
    root.mkdir(parents=True)
    os.chdir(Path(__file__).parent.parent)
    sets = Path("corpus-sets")  # a relative name: it is in the outputs
    shutil.rmtree(sets, ignore_errors=True)
    try:
        write_sets(sets)
        cases = [case for path in recordings(also) for case in recording_cases(path)]
        cases += [*pair_cases(), *set_cases(sets), *program_cases()]
        wanted = [(*case, str(root)) for case in cases if re.search(arguments.only, case[0])]
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as workers:
            for done, _ in enumerate(workers.map(run_case, wanted, chunksize=4), 1):
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{done} of {len(wanted)}")
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(sets)


if __name__ == "__main__":
    main()
