"""``pvprof store serve``: its pages, and clients that mean harm."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand, assert_is_error
from helpers.store_server import StoreServer, store_server

pytest.importorskip("uvicorn")
pytest.importorskip("duckdb")

import uvicorn

from pvprof.server import answers, guard
from pvprof.server.answers import Commands, NoAnswerError
from pvprof.server.app import PAGES, make_app

RUNS = sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-[1-3].pvprof"))
OTHERS = sorted((FIXTURES / "example-lock-patch/obm").glob("offcpu-[1-3].pvprof"))
FIRST = {"where": "name = offcpu-1 and label = rwlock"}
TOKEN = "0123456789abcdef"
T = TypeVar("T")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("serve") / "fleet"
    words = [sys.executable, "-m", "pvprof", "store", "add", "-q", str(path)]
    subprocess.run([*words, *map(str, (*RUNS, *OTHERS))], check=True)
    return path


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[StoreServer]:
    with store_server(store) as running:
        yield running


def test_the_list_has_all_recordings_and_a_link_to_each(server: StoreServer) -> None:
    page = server.get("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<h1>fleet: 6 recordings</h1>" in page.body
    links = re.findall(r'href="(/report[^"]*)"', page.body.decode())
    assert len(set(links)) == 6
    wanted = parse_qs(urlsplit(links[0]).query)["where"][0]
    assert re.fullmatch("identity = [0-9a-f]{64}", wanted)
    assert b"3 recordings that match" in server.get("/", {"where": "label = obm"}).body


@pytest.mark.parametrize(
    ("path", "words", "fields"),
    [
        ("/report", ("report", "--format", "html"), FIRST),
        ("/report", ("report", "--format", "html", "-k", "all"), {**FIRST, "kind": "all"}),
        ("/flamegraph.svg", ("flamegraph",), FIRST),
        (
            "/compare",
            ("compare", "--format", "html", "--vs-where", "label = obm"),
            {"where": "label = rwlock", "vs": "label = obm"},
        ),
    ],
)
def test_a_page_is_what_the_command_writes(
    path: str,
    words: tuple[str, ...],
    fields: dict[str, str],
    server: StoreServer,
    store: Path,
    run: RunCommand,
) -> None:
    written = run(*words, "-q", "--store", store, "--where", fields["where"], "-o", "-")
    answer = server.get(path, fields)
    assert answer.status == 200
    assert answer.body == written.stdout_bytes
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_trend_is_the_picture_that_the_command_draws(
    server: StoreServer, store: Path, run: RunCommand
) -> None:
    words = ("store", "trend", store, "--class", "^pv list", "--by", "kernel", "-o", "-")
    answer = server.get("/trend.svg", {"class": "^pv list", "by": "kernel"})
    assert answer.status == 200
    assert answer.body == run(*words).stdout_bytes
    assert answer.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("path", ["/", *PAGES])
def test_what_cannot_be_read_is_said_on_a_page_with_the_form(
    path: str, server: StoreServer
) -> None:
    page = server.get(path, {"where": "modee = <script>", "class": "x"})
    assert page.status == 400
    text = page.body.decode()
    assert "no field &#39;modee&#39;" in text
    assert "did you mean mode or model?" in text
    assert 'value="modee = &lt;script&gt;"' in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/etc/passwd", 404),
        ("/../../etc/passwd", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/report/../../etc/passwd", 404),
        ("/report?where=" + "x" * 20_000, 400),
        ("/report?" + "&".join(f"a{n}=1" for n in range(2_000)), 200),
    ],
)
def test_no_request_reaches_another_file(path: str, status: int, server: StoreServer) -> None:
    answer = server.get(path)
    assert answer.status == status
    assert b"root:x:" not in answer.body


def test_a_field_never_becomes_an_option(server: StoreServer, tmp_path: Path) -> None:
    target = tmp_path / "written.html"
    for value in (f"--output={target}", f"-o{target}", "--store=/", f"x --output {target}", "--"):
        answer = server.get("/compare", {"where": value, "vs": value, "kind": value})
        assert answer.status == 400, value
    fields = {**FIRST, "output": str(target), "store": "/", "rules": "/etc/passwd"}
    assert server.get("/report", fields).status == 200
    assert not target.exists()


def test_only_gets_are_answered(server: StoreServer) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert server.get("/", method=method).status == 405


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost.x"])
def test_a_page_of_another_site_cannot_ask_through_its_own_name(
    host: str, server: StoreServer
) -> None:
    answer = server.get("/", headers={"Host": host})
    assert (answer.status, b"fleet" in answer.body) == (421, False)


def test_loopback_names_are_answered_at_any_port(server: StoreServer) -> None:
    for name in ("localhost:9000", "127.0.0.1", "[::1]:8470", "LOCALHOST"):
        assert server.get("/", headers={"Host": name}).status == 200


def test_a_token_is_wanted_by_every_page(store: Path) -> None:
    with store_server(store, PVPROF_SERVE_TOKEN=TOKEN) as server:
        basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
        for path in ("/", *PAGES, "/nothing"):
            refused = server.get(path)
            assert (refused.status, b"fleet" in refused.body) == (401, False)
            assert "Basic" in refused.headers["www-authenticate"]
        for header in ("", "Bearer", f"Bearer {TOKEN}x", "Basic ????", f"Digest {TOKEN}"):
            assert server.get("/", headers={"Authorization": header}).status == 401
        for header in (f"Bearer {TOKEN}", f"basic {basic}"):
            answer = server.get("/", headers={"Authorization": header, "Host": "build7"})
            assert answer.status == 200


@pytest.mark.parametrize(
    ("listen", "token", "reason"),
    [
        ("0.0.0.0:0", "", "others could read the store"),
        ("[::]:0", "", "others could read the store"),
        ("127.0.0.1:0", "short", "at least 16 characters"),
        ("127.0.0.1", "", "no address and port"),
        ("127.0.0.1:70000", "", "no address and port"),
        ("999.0.0.1:80", "", "no address"),
    ],
)
def test_a_server_that_would_be_open_is_refused(
    listen: str,
    token: str,
    reason: str,
    store: Path,
    run: RunCommand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PVPROF_SERVE_TOKEN", token)
    assert reason in assert_is_error(run("store", "serve", store, "--listen", listen), 2)


def test_a_port_in_use_is_an_error(store: Path, run: RunCommand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        listen = f"127.0.0.1:{used.getsockname()[1]}"
        result = run("store", "serve", store, "--listen", listen)
    assert "Address already in use" in assert_is_error(result)


def test_names_of_recordings_are_text_on_the_page(tmp_path: Path, run: RunCommand) -> None:
    hostile = '"><script>alert(1)</script>\x1b[31m'
    source = tmp_path / "x.folded"
    source.write_text("sh;f 7\n")
    place = tmp_path / "x.pvprof"
    words = ("--label", hostile, "--host", hostile, "--workload", hostile)
    assert run("import", "-q", source, *words, "-o", place).exit_code == 0
    assert run("store", "add", "-q", tmp_path / "s", place).exit_code == 0
    with store_server(tmp_path / "s") as server:
        text = server.get("/").body.decode()
    assert "<script" not in text
    assert "\x1b" not in text
    assert ET.fromstring(text.partition("?>")[2] or text) is not None


def test_a_command_that_takes_too_long_is_ended(store: Path) -> None:
    commands = Commands(asyncio.Semaphore(1), max_answer_s=0.05)
    with pytest.raises(NoAnswerError, match=r"no answer within 0\.05 s") as caught:
        run_alone(commands.answer(["report", f"--store={store}"]))
    assert caught.value.status == 503


def test_an_answer_that_is_too_large_is_an_error(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_ANSWER_BYTES", 1_000)
    with pytest.raises(NoAnswerError, match="too large"):
        run_alone(Commands(asyncio.Semaphore(1)).answer(["report", "--help"]))
    monkeypatch.setattr(answers, "MAX_MEMORY_BYTES", 20 << 20)
    with pytest.raises(NoAnswerError):
        run_alone(Commands(asyncio.Semaphore(1)).answer(["report", f"--store={store}"]))


def test_clients_that_send_nothing_or_half_a_request_are_left(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "REQUEST_S", 0.2)
    config = uvicorn.Config(
        make_app(str(store), ""), http=guard.ImpatientProtocol, lifespan="off", log_config=None
    )

    async def scenario() -> list[bytes]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            running = uvicorn.Server(config)
            task = asyncio.create_task(running.serve(sockets=[listening]))
            address = listening.getsockname()
            texts = (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: local")
            received = [await _until_left(address, text) for text in texts]
            received.append(
                await _until_left(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            )
            running.should_exit = True
            await task
            return received

    *slow, whole = run_alone(scenario())
    assert slow == [b"", b"", b""]
    assert whole.startswith(b"HTTP/1.1 200 OK")
    assert whole.rstrip().endswith(b"</html>")


def run_alone(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: the browser of other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def _until_left(address: tuple[str, int], text: bytes) -> bytes:
    """Send a text and return what comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(text)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        received = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return received
