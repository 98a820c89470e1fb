"""A standalone cluster of Spark on this machine: a master and two workers, on the loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import TESTS

_DEFAULTS = """\
spark.sql.shuffle.partitions 2
spark.ui.enabled false
spark.executor.memory 512m
spark.driver.memory 512m
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
"""
_WAIT_S = 60
_READER = """
import pickle, sys
from helpers.datasets import plain
from pvprof.errors import InputError
from pvprof.parse.source import ReadOptions
from pvprof.store.engines.named import engine_named
from pvprof.store.load import StoreInput, load_stored
from pvprof.store.where import read_where

engine = engine_named(sys.argv[1])
while True:
    try:
        store, where = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    try:
        wanted = StoreInput(store, engine, read_where(where, None))
        answer = plain(load_stored(wanted, ReadOptions()))
    except InputError as error:
        answer = error.message
    sys.stdout.buffer.write(pickle.dumps(answer))
    sys.stdout.buffer.flush()
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def cluster(place: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Start the cluster; yield its URL, and the environment in which Spark knows its settings."""
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    (place / "conf").mkdir()
    (place / "conf/spark-defaults.conf").write_text(_DEFAULTS)
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(place / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_WORKER_DIR": str(place / "work"),
        "SPARK_LOCAL_DIRS": str(place / "local"),
    }
    port = _free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy, here = "org.apache.spark.deploy", ("-h", "127.0.0.1", "--webui-port", "0")
    master: tuple[str, ...] = (f"{deploy}.master.Master", *here, "-p", str(port))
    worker: tuple[str, ...] = (f"{deploy}.worker.Worker", *here, "-c", "1", "-m", "600m", url)
    log = place / "cluster.log"
    processes = []
    with log.open("w") as out:
        for command in (master, worker, worker):
            words = (str(home / "bin/spark-class"), *command)
            processes.append(subprocess.Popen(words, env=environment, stdout=out, stderr=out))
    try:
        _wait_for_workers(log, processes)
        yield url, environment
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


@dataclass(frozen=True)
class SparkReader:
    """A process with one session of Spark: its settings are read once, from the environment."""

    process: subprocess.Popen[bytes]

    def read(self, store: str, where: str) -> Any:
        """Return the data of the wanted recordings as plain values, or the error's message."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        pickle.dump((store, where), self.process.stdin)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)


@contextlib.contextmanager
def reader(url: str, environment: dict[str, str]) -> Iterator[SparkReader]:
    """Start a process that reads stores with this cluster."""
    words = (sys.executable, "-c", _READER, url)
    known = {**environment, "PYTHONPATH": str(TESTS)}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=known, stdin=pipe, stdout=pipe) as process:
        yield SparkReader(process)
        assert process.stdin is not None
        process.stdin.close()


def _wait_for_workers(log: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    end_s = time.monotonic() + _WAIT_S
    while len(re.findall("Registering worker", log.read_text())) < 2:
        assert time.monotonic() < end_s, log.read_text()
        assert all(process.poll() is None for process in processes), log.read_text()
        time.sleep(0.1)
