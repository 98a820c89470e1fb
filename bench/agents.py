"""200 simulated hosts deliver to one store, one folder and one server on this machine.

::

    PYTHONPATH=tests .venv/bin/python bench/agents.py [--hosts 200] [--windows 3]

Each host has a spool with recordings, made from a real one by changing host and time, and delivers
them as its agent does. A process for each host is forked from one that has imported pvprof: here
200 hosts share two cores, but each has its own, and what is measured is the store, the folder and
the server that they share. At the end all recordings must be there, once.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
from click.testing import CliRunner
from helpers.ingest_server import ingest_server

from pvprof.cli import cli
from pvprof.fleet.children import Signals
from pvprof.fleet.receivers import FolderReceiver
from pvprof.fleet.spool import Spool

assert pyarrow.parquet  # imported before the forks

TOP = Path(__file__).parent.parent
STOCK = TOP / "tests/fixtures/freebsd-13.2-grammar-2/stock-offcpu.pvprof"
CYCLE_S = 600


def make_spool(directory: Path, number: int, windows: int) -> Spool:
    """Return a spool with the recordings of one host, 10 minutes apart."""
    manifest = json.loads((STOCK / "manifest.json").read_text())
    raw = gzip.decompress((STOCK / "raw.out.gz").read_bytes())
    directory.mkdir()
    spool = Spool(directory, 1 << 30)
    for window in range(windows):
        later_ns = (window * CYCLE_S + number) * 10**9
        begin, end = dict(manifest["begin"]), dict(manifest["end"])
        begin["wall_ns"] += later_ns
        end["wall_ns"] += later_ns
        facts = {**manifest, "host": f"host{number:03}", "begin": begin, "end": end}
        with tarfile.open(spool.new_file("offcpu"), "w:gz") as archive:
            for name, data in (("manifest.json", json.dumps(facts).encode()), ("raw.out", raw)):
                info = tarfile.TarInfo(f"x.pvprof/{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return spool


def at_once(spools: list[Spool], deliver: Callable[[Spool], bool]) -> tuple[float, list[float]]:
    """Deliver from all spools at once; return the time for all, and that of each host, in s."""
    readers = []
    begin_s = time.monotonic()
    for spool in spools:
        reading, writing = os.pipe()
        if os.fork() == 0:
            is_good = False
            try:
                is_good = deliver(spool)
            finally:
                os.write(writing, str(time.monotonic() - begin_s if is_good else -1.0).encode())
                os._exit(0)
        os.close(writing)
        readers.append(reading)
    taken_s = []
    for reading in readers:
        with open(reading, "rb") as pipe:
            taken_s.append(float(pipe.read()))
        os.wait()
    assert min(taken_s) >= 0, f"{sum(one < 0 for one in taken_s)} hosts failed"
    return time.monotonic() - begin_s, taken_s


def run(*words: str) -> str:
    """Return the output of a command in this process."""
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def report(place: str, recordings: int, whole_s: float, taken_s: list[float]) -> None:
    """Print a row of the table in docs/agent.md."""
    middle, last = statistics.median(taken_s), max(taken_s)
    rate = recordings / whole_s
    print(f"| {place} | {whole_s:.1f} s | {rate:.0f} | {middle:.1f} s | {last:.1f} s |")


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--windows", type=int, default=3)
    wanted = parser.parse_args()
    recordings = wanted.hosts * wanted.windows
    print("| to | all | recordings a second | a host, median | a host, at most |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        spools = [
            make_spool(top / f"host{number}", number, wanted.windows)
            for number in range(wanted.hosts)
        ]
        folder, store = top / "folder", top / "store"
        folder.mkdir()

        def to_folder(spool: Spool) -> bool:
            signals = Signals()
            return not FolderReceiver(folder).deliver(spool.recordings(), signals)

        def to_store(spool: Spool) -> bool:
            run("store", "add", "-q", str(store), *map(str, spool.recordings()))
            return True

        report("a folder", recordings, *at_once(spools, to_folder))
        assert len(list(folder.rglob("*.tar.gz"))) == recordings
        report("a store", recordings, *at_once(spools, to_store))
        listed = json.loads(run("store", "list", str(store), "--format", "json"))["recordings"]
        assert len({(one["host"], one["day"], one["begin_ns"]) for one in listed}) == recordings
        with ingest_server() as server:

            def to_server(spool: Spool) -> bool:
                run("push", server.url, "-q", "--timeout", "120", *map(str, spool.recordings()))
                return True

            report("a server", recordings, *at_once(spools, to_server))
            arrived = {(one.labels["host"], one.begin_s) for one in server.taken}
            assert (len(arrived), len(server.taken)) == (recordings, recordings)


if __name__ == "__main__":
    main()
