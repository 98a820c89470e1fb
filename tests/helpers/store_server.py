"""A real ``pvprof store serve`` of a store, and requests to it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A server that runs.

    Attributes:
        url: where, without a path.
        pid: of its process.
    """

    url: str
    pid: int

    def get(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Reply:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        query = f"?{urlencode(fields)}" if fields else ""
        connection.request(method, path + query, headers=dict(headers or {}))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        reply = Reply(answer.status, found, answer.read())
        connection.close()
        return reply


@contextmanager
def store_server(store: Path | str, **environment: str) -> Iterator[StoreServer]:
    """Serve a store; at the end the server must end by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pvprof", "store", "serve", str(store), "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "serving" in line, line
    url = next(word for word in line.split() if word.startswith("http://"))
    try:
        yield StoreServer(url.rstrip(";").rstrip("/"), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[1]
    assert process.returncode == -signal.SIGTERM
    assert rest == ""
