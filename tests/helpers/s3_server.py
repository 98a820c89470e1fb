"""A server that speaks the protocol of S3, on the loopback, and pvprof commands that use it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from helpers.ssh_server import free_port

_WAIT_S = 60
_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@dataclass(frozen=True)
class S3Server:
    """A server that runs.

    Attributes:
        endpoint: its URL.
    """

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which a process finds the server, and may use it."""
        return environment(self.endpoint)

    def file_system(self) -> Any:
        """Return the file system that fsspec has of it."""
        import s3fs  # noqa: PLC0415 (an extra)

        return s3fs.S3FileSystem(
            key="testing", secret="testing", endpoint_url=self.endpoint, use_listings_cache=False
        )

    def refuse_all(self, is_refusing: bool) -> None:
        """Let requests fail for their lack of permission, or let all through again."""
        free = b"0" if is_refusing else b"inf"
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset-auth", free, headers)
        urllib.request.urlopen(request, timeout=30).close()


def environment(endpoint: str) -> dict[str, str]:
    """Return the variables with which a process uses the server at an address."""
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1", **_KEYS}


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server without buckets."""
    port = free_port()
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = S3Server(f"http://127.0.0.1:{port}")
    try:
        _wait_for(server.endpoint, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def _wait_for(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + _WAIT_S
    while True:
        assert process.poll() is None
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=30).close()
        except OSError:
            assert time.monotonic() < end_s
            time.sleep(0.1)
        else:
            return


def pvprof_process(server: S3Server, *words: object) -> subprocess.Popen[str]:
    """Start a pvprof that finds the server."""
    command = [sys.executable, "-m", "pvprof", *map(str, words)]
    known = {**os.environ, **server.environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe, env=known)
