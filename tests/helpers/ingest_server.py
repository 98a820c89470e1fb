"""A server that takes profiles as the documents of Pyroscope say, and nothing else.

https://grafana.com/docs/pyroscope/latest/reference-server-api: ``POST /ingest``, its parameters,
and a form with a profile and a configuration of its types. A request of another form gets 400.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from helpers.pprof_file import PprofFile, read_pprof

PARAMETERS = {"name", "from", "until", "sampleRate", "spyName", "units", "aggregationType"}
"""All documented ones but ``format``, which must not be there beside a form."""

_NAME = re.compile(r"([A-Za-z][\w.-]*)\{([^{}]*)\}")
_LABEL = re.compile(r"([A-Za-z_]\w*)=([^,{}]+)")


@dataclass(frozen=True)
class Taken:
    """A profile that the server took."""

    app: str
    labels: dict[str, str]
    begin_s: int
    end_s: int
    config: dict[str, dict[str, Any]]
    profile: PprofFile
    headers: dict[str, str]
    path: str


@dataclass
class Ingesting:
    """The server's answers to come, and what it took.

    Attributes:
        answers: (status, headers) of the next requests; afterwards it takes what is right. Status
            0: it closes the connection; -1: it does not answer for a second.
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    requests: int = 0


@contextmanager
def ingest_server() -> Iterator[Ingesting]:
    """Run a server on this machine."""
    state = Ingesting()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests += 1
            status, headers = state.answers.pop(0) if state.answers else (200, {})
            self.close_connection = True
            if status == 0:
                return
            if status < 0:
                time.sleep(1)
                return
            said = b"\x1b[31mbusy\n"
            if status == 200:
                try:
                    state.taken.append(taken_of(self.path, dict(self.headers), body))
                    said = b""
                except (AssertionError, KeyError, ValueError) as error:
                    state.refused.append(str(error))
                    status, said = 400, str(error).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def taken_of(path: str, headers: dict[str, str], body: bytes) -> Taken:
    """Return the profile in a request; fail if the request differs from the document."""
    parts = urlsplit(path)
    assert parts.path.endswith("/ingest"), parts.path
    query = parse_qs(parts.query, strict_parsing=True)
    assert set(query) <= PARAMETERS, query
    assert all(len(values) == 1 for values in query.values())
    named = _NAME.fullmatch(query["name"][0])
    assert named is not None, query["name"][0]
    pairs = [_LABEL.fullmatch(one) for one in named[2].split(",") if named[2]]
    labels = {pair[1]: pair[2] for pair in pairs if pair}
    assert len(labels) == len(pairs), named[2]
    begin_s, end_s = int(query["from"][0]), int(query["until"][0])
    assert 0 < begin_s < end_s < 1 << 32
    form = _form_of(headers["Content-Type"], body)
    profile = read_pprof(form.pop("profile"))
    config = json.loads(form.pop("sample_type_config"))
    assert not form
    assert set(config) == {name for name, _ in profile.types}
    for one in config.values():
        assert set(one) == {"units", "aggregation", "display-name", "sampled"}
        assert one["aggregation"] in ("sum", "average")
        assert isinstance(one["sampled"], bool)
    return Taken(named[1], labels, begin_s, end_s, config, profile, headers, parts.path)


def _form_of(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the fields of a form, as the standard library reads mail."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    assert message.get_content_type() == "multipart/form-data"
    assert not message.defects
    fields: dict[str, bytes] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        assert name not in fields
        fields[name] = content
    return fields
