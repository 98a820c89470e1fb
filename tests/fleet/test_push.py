"""``pvprof push``: what it sends, against a real server of the documented protocol, and faults."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand, assert_is_error
from helpers.ingest_server import Ingesting, ingest_server
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import UsageError
from pvprof.fleet import delivery
from pvprof.fleet.delivery import Attempts, Server, ServerError, deliver
from pvprof.fleet.ingest import IngestRequest, labels_from, value_of
from pvprof.model.stacks import UNSEEN

GRAMMAR = FIXTURES / "freebsd-13.2-grammar-2"
OFFCPU = GRAMMAR / "stock-offcpu.pvprof"
ANYTHING = IngestRequest("/ingest?name=x", "text/plain", b"x")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ingesting]:
    for name in (delivery.TOKEN, delivery.USER, delivery.PASSWORD):
        monkeypatch.delenv(name, raising=False)
    with ingest_server() as state:
        yield state


def test_a_recording_arrives_with_its_totals_time_and_labels(
    server: Ingesting, run: RunCommand
) -> None:
    label = ("--label", "region=eu-1", "--label", "host=web1")
    result = run("push", server.url, OFFCPU, *label)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(f"pvprof: sent {OFFCPU}: ")
    (taken,) = server.taken
    assert taken.app == "pvprof"
    assert taken.labels["region"] == "eu-1"
    assert taken.labels["host"] == "web1"  # the user's, not the manifest's
    assert taken.labels["mode"] == "offcpu"
    assert taken.labels["workload"] == "pvload 8 4 2"
    assert "13.2-RELEASE" in taken.labels["kernel"]
    assert taken.end_s - taken.begin_s == 15
    rows = csv.DictReader(io.StringIO(run("locks", "-k", "all", OFFCPU, "--format", "csv").stdout))
    wanted = [(int(row["value"]), int(row["count"])) for row in rows]
    assert taken.profile.totals() == tuple(map(sum, zip(*wanted, strict=True)))
    assert taken.config["time"]["units"] == "lock_nanoseconds"
    assert any(("class", "pv list (rwlock)") in one.labels for one in taken.profile.samples)


def test_each_recording_is_a_profile_and_a_path_may_be_before_ingest(
    server: Ingesting, run: RunCommand
) -> None:
    result = run("push", f"{server.url}/base/ingest/", GRAMMAR, "-q", "--app", "night.run")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert len(server.taken) == len(list(GRAMMAR.glob("*.pvprof")))
    assert {one.labels["mode"] for one in server.taken} > {"offcpu", "locks", "oncpu"}
    assert {one.path for one in server.taken} == {"/base/ingest"}
    assert {one.app for one in server.taken} == {"night.run"}
    assert server.refused == []


def test_a_text_without_a_time_is_sent_as_of_now(server: Ingesting, run: RunCommand) -> None:
    result = run("push", server.url, RECORDINGS / "stock-offcpu.out")
    assert result.exit_code == 0
    assert "does not say when it was recorded; sent as of now" in result.stderr
    assert server.taken[0].end_s > 1_700_000_000


def test_a_dry_run_prints_and_sends_nothing(server: Ingesting, run: RunCommand) -> None:
    result = run("push", server.url, OFFCPU, "--dry-run")
    assert result.stdout.startswith(f"POST {server.url}/ingest?name=pvprof{{host=fbsd-stock,")
    assert server.requests == 0


# ---- faults --------------------------------------------------------------------------------------


def test_a_busy_server_is_tried_again_after_growing_pauses(server: Ingesting) -> None:
    pauses: list[float] = []
    said: list[str] = []
    server.answers = [(503, {}), (429, {"Retry-After": "7"}), (500, {}), (0, {}), (204, {})]
    deliver(
        Server.named(server.url, {}),
        ANYTHING,
        Attempts(first_wait_s=1, sleep=pauses.append),
        said.append,
    )
    assert server.requests == 5
    assert 0.5 <= pauses[0] <= 1
    assert pauses[1] == 7
    assert 2 <= pauses[2] <= 4
    assert 4 <= pauses[3] <= 8
    assert "503 Service Unavailable: \\x1b[31mbusy; trying again in" in said[0]


def test_it_gives_up_after_its_attempts(server: Ingesting, run: RunCommand) -> None:
    server.answers = [(503, {})] * 3
    pauses: list[float] = []
    with pytest.raises(ServerError, match=r"503 .*\(3 attempts\)"):
        deliver(
            Server.named(server.url, {}),
            ANYTHING,
            Attempts(2, sleep=pauses.append),
            print,
        )
    assert (server.requests, len(pauses)) == (3, 2)


def test_a_server_that_does_not_answer_is_late(server: Ingesting) -> None:
    server.answers = [(-1, {})]
    with pytest.raises(ServerError, match="timed out") as late:
        deliver(Server.named(server.url, {}), ANYTHING, Attempts(0, timeout_s=0.1), print)
    assert late.value.is_final


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (400, {}, "400 Bad Request"),
        (401, {}, "PVPROF_PUSH_TOKEN"),
        (403, {}, "is not enough"),
        (404, {}, "no server of Pyroscope there?"),
        (302, {"Location": "http://127.0.0.1:1/x"}, "it is at http://127.0.0.1:1/x"),
        (413, {}, "413"),
    ],
)
def test_a_refusal_is_final(
    server: Ingesting, run: RunCommand, status: int, headers: dict[str, str], said: str
) -> None:
    server.answers = [(status, headers)]
    result = run("push", server.url, OFFCPU)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "\x1b" not in result.stderr
    assert server.requests == 1


def test_of_several_recordings_the_others_are_sent(
    server: Ingesting, run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "bad.out").write_text("prose of no tracer\n")
    server.answers = [(400, {}), (200, {})]
    result = run("push", server.url, OFFCPU, tmp_path / "bad.out", OFFCPU)
    assert result.exit_code == 1
    assert "2 of 3 recordings were not sent" in result.stderr
    assert len(server.taken) == 1
    server.answers = [(401, {})]
    result = run("push", server.url, OFFCPU, OFFCPU)
    assert "1 further recordings were not tried" in result.stderr
    assert server.requests == 3


# ---- secrets and names ---------------------------------------------------------------------------


def test_a_secret_comes_from_the_environment(
    server: Ingesting, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(delivery.TOKEN, "s3cret")
    assert run("push", server.url, OFFCPU, "--tenant", "team-1").exit_code == 0
    monkeypatch.delenv(delivery.TOKEN)
    monkeypatch.setenv(delivery.USER, "ann")
    monkeypatch.setenv(delivery.PASSWORD, "pass word")
    assert run("push", server.url, OFFCPU).exit_code == 0
    secrets = [one.headers["Authorization"] for one in server.taken]
    assert secrets == ["Bearer s3cret", "Basic YW5uOnBhc3Mgd29yZA=="]
    assert server.taken[0].headers["X-Scope-OrgID"] == "team-1"
    assert "s3cret" not in repr(Server.named(server.url, {delivery.TOKEN: "s3cret"}))


@pytest.mark.parametrize(
    ("url", "environment", "said"),
    [
        ("127.0.0.1:4040", {}, "no URL"),
        ("ftp://x", {}, "no URL"),
        ("http://", {}, "no URL"),
        ("http://x:99999", {}, "no URL"),
        ("http://x/?a=b", {}, "no URL"),
        ("http://x/\r\nHost: y", {}, "no URL"),
        ("http://ann:secret@x", {}, "seen by everybody"),
        ("http://x", {delivery.TOKEN: "s"}, "unencrypted"),
        ("https://x", {delivery.TOKEN: "s\r\nX: y"}, "without blanks"),
        ("https://x", {delivery.TOKEN: "s", delivery.USER: "u"}, "both set"),
        ("https://x", {delivery.USER: "u"}, "belong together"),
    ],
)
def test_what_cannot_be_sent_safely_is_refused(
    url: str, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        Server.named(url, environment)


def test_names_that_a_server_refuses_are_refused_before(run: RunCommand) -> None:
    url = "http://127.0.0.1:1"
    for words in (("--app", "a{b}"), ("--label", "x"), ("--label", "a-b=c"), ("--label", "__x=c")):
        assert_is_error(run("push", url, OFFCPU, *words), 2)


@given(st.text(min_size=1, max_size=40))
def test_a_label_has_nothing_that_ends_it(text: str) -> None:
    value = value_of(text)
    assert not set(value) & set(",{}=\r\n\t")
    assert not UNSEEN.search(value)
    if value:
        assert labels_from([f"a={value}"]) == {"a": value}
