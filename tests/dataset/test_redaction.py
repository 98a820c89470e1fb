"""Without private texts: nothing of them is left in any output, and every total stays."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, read_recording_bytes
from helpers.command_line import RunCommand, csv_rows, folded_total
from helpers.mixing import texts_by_layout
from helpers.native_writer import record, text_of

from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import load_dataset
from pvprof.dataset.redaction.private_texts import PrivateTexts
from pvprof.dataset.redaction.redact import Redactor
from pvprof.parse.source import ReadOptions
from pvprof.recording.manifest import Manifest

EVENTS = FIXTURES / "linux/bpftrace-0.27/events.pvprof.tar.gz"
WAITS = text_of(
    [
        record(
            "turnstile",
            {"name": b"vm object", "exec": b"secretd"},
            [b"kernel`vm_fault+0x1f"],
            (7, 1),
            [b"/home/alice/work/secretd`main+0x1f"],
        ),
        record(
            "sleepq",
            {"name": b"/home/alice/lock.c:12", "exec": b"cc1"},
            [b"kernel`sleepq_wait", b"0xffffffff80b1c2d3"],
            (10, 2),
            [b"secretd`handle_request"],
        ),
        record(
            "sleepq",
            {"name": b"lock at 0xfffff8004309a880", "exec": b"kernel"},
            [b"kernel`fork_exit"],
            (5, 1),
        ),
    ]
)
SECRETS = (
    *("alice", "build13", "example.org", "/home", "hunter2", "--token", "10.1.2.3", "ca:fe"),
    *("ffffffff80b1c2d3", "fffff8004309a880", "fffff8000abc0000", "private-name"),
)
FACTS = {
    "schema": 1,
    "mode": "offcpu",
    "host": "build13.example.org",
    "label": "stock",
    "kernel": {
        "ident": "GENERIC",
        "version": "FreeBSD 13.2 alice@build13.example.org:/usr/home/alice/obj/GENERIC",
    },
    "workload": ["/home/alice/bin/secretd", "--token", "hunter2", "-n", "8"],
    "options": {"execname": "secretd", "scope": "tree", "file": "/home/alice/x.d"},
    "notes": "10.1.2.3 and ca:fe:00:11:22:33 said 'hunter2'; build13: no space in /home/alice/tmp",
    "incomplete_reason": "cannot start secretd --token: lost fffff8000abc0000",
    "complete": False,
    "drops": {"/home/alice/buffer": 3},
    "environment": {"SECRET": "hunter2"},
    "source": "private-name.out",
    "real_s": 2.5,
    "duration_ns": 9_000_000,
}


@pytest.fixture(name="private")
def _private(tmp_path: Path) -> Path:
    directory = tmp_path / "private-name.pvprof"
    directory.mkdir()
    (directory / "raw.out").write_bytes(WAITS)
    (directory / "stderr.txt").write_text("dtrace: build13 of alice: hunter2\n")
    (directory / "manifest.json").write_text(json.dumps(FACTS))
    return directory


def data_in(page: str) -> str:
    """Return the data that a page holds, as JSON."""
    packed = re.search(r'id="pvprof-data">([^<]*)<', page)
    assert packed
    return gzip.decompress(base64.b64decode("".join(packed[1].split()))).decode()


def secrets_in(text: str, *more: str) -> list[str]:
    return [secret for secret in (*SECRETS, *more) if secret in text]


OUTPUTS = {
    "tables": "report R -k all",
    "markdown": "report R -k all --format markdown",
    "json": "report R -k all --format json",
    "csv": "report R -k all --format csv",
    "folded": "fold R -k all",
    "speedscope": "fold R -k all --format speedscope",
    "picture": "flamegraph R -k all",
    "tree": "flamegraph --tree R -k all",
    "difference": "flamegraph --diff R R -k all",
    "compared": "compare R --vs OTHER -k all --format json",
    "compared tables": "compare R --vs OTHER -k all",
}


@pytest.mark.parametrize("words", OUTPUTS.values(), ids=OUTPUTS)
def test_no_output_has_a_private_text(words: str, private: Path, run: RunCommand) -> None:
    other = private.with_name("other.pvprof")
    other.mkdir()
    facts = json.dumps({**FACTS, "label": "patched", "host": "build14.example.org"})
    (other / "manifest.json").write_text(facts)
    (other / "raw.out").write_bytes(WAITS.replace(b"= 10 2", b"= 12 2"))
    places = {"R": private, "OTHER": other}
    args = [places.get(word, word) for word in words.split()]
    plain = run(*args)
    assert secrets_in(plain.stdout + plain.stderr)
    for flag, more in (("--redact", ()), ("--redact-processes", ("secretd",))):
        result = run(*args, flag)
        assert result.exit_code == 0, result.stderr
        assert secrets_in(result.stdout + result.stderr, *more) == []
        assert "vm object" in result.stdout
        shows_processes = words.startswith("fold") and flag == "--redact"
        assert ("secretd" in result.stdout) >= shows_processes


def test_a_page_and_a_copy_have_no_private_text_and_the_same_totals(
    private: Path, run: RunCommand, tmp_path: Path
) -> None:
    page, copy = tmp_path / "page.html", tmp_path / "copy.pvprof"
    assert run("report", private, "--redact-processes", "-o", page, "-k", "all").exit_code == 0
    assert run("import", private, "--redact-processes", "-o", copy).exit_code == 0
    text = page.read_text()
    assert secrets_in(text, "secretd") == []
    assert secrets_in(data_in(text), "secretd") == []
    assert sorted(one.name for one in copy.iterdir()) == ["manifest.json", "raw.out"]
    assert secrets_in((copy / "manifest.json").read_text(), "secretd") == []
    assert secrets_in(data_in((copy / "raw.out").read_text()), "secretd") == []
    for one in (page, copy):
        folded = run("fold", one, "-k", "all")
        assert folded_total(folded.stdout) == 22
        assert "process 1;" in folded.stdout
        assert "kernel;kernel`fork_exit" in folded.stdout
        assert "loss: " in folded.stderr


@pytest.mark.parametrize("flag", ["--redact", "--redact-processes"])
@pytest.mark.parametrize(
    "recording",
    [EVENTS, RECORDINGS / "events-wakeups.out.gz", RECORDINGS / "lockstat-provider.out"],
    ids=lambda path: path.name,
)
def test_a_report_has_the_numbers_of_the_whole_one(
    recording: Path, flag: str, run: RunCommand
) -> None:
    def numbers(*more: str) -> list[list[str]]:
        rows = csv_rows(run("locks", recording, "-k", "all", "--format", "csv", *more))
        texts = ("name", "top_caller", "top_waker")
        return sorted([text for name, text in row.items() if name not in texts] for row in rows)

    assert numbers(flag) == numbers()


def totals(dataset: Dataset) -> list[tuple[object, ...]]:
    return [
        (
            *(one.mode, one.unit, one.profile.total, len(one.profile.groups)),
            *(None if one.events is None else len(one.events), one.recordings),
            None if one.wakeups is None else int((one.wakeups.row >= 0).sum()),
            None if one.wakeup_sums is None else sum(x.wait_ns for x in one.wakeup_sums.values()),
        )
        for one in dataset.measurements
    ]


def test_every_layout_keeps_its_totals_and_its_problems(tmp_path: Path) -> None:
    for layout, text in texts_by_layout().items():
        place = tmp_path / f"{layout}.out"
        place.write_bytes(text)
        whole = load_dataset([str(place)], ReadOptions())
        redacted = load_dataset([str(place)], ReadOptions(redact=Redactor()))
        assert totals(redacted) == totals(whole), layout
        assert redacted.records == whole.records
        assert [one.kind for one in redacted.problems] == [one.kind for one in whole.problems]
        assert sum(one.hold_ns for one in redacted.holds) == sum(one.hold_ns for one in whole.holds)
        assert len(redacted.histograms) == len(whole.histograms)
        assert redacted.names == ("recording 1",)


def test_objects_get_numbers_the_same_in_all_recordings(tmp_path: Path) -> None:
    for name in ("a.out", "b.out"):
        (tmp_path / name).write_bytes(read_recording_bytes("events.out.gz"))
    paths = [str(tmp_path / "a.out"), str(tmp_path / "b.out")]
    whole, redacted = (
        load_dataset(paths, ReadOptions(redact=one)).measurements[0].events
        for one in (None, Redactor())
    )
    assert whole is not None
    assert redacted is not None
    pairs = set(zip(whole.object_address.tolist(), redacted.object_address.tolist(), strict=True))
    assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs})
    assert max(new for _, new in pairs) <= len(pairs)
    assert all(bool(old) == bool(new) for old, new in pairs)


# ---- kinds of texts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        ("kernel`vm_fault+0x1f", "kernel`vm_fault+0x1f"),
        ("kernel`0xffffffff80b1c2d3", "kernel`[address]"),
        ("0xffffffff80b1c2d3", "[address]"),
        ("ffffffffc0a1b2c3+0x10", "[address]"),
        ("0x7f001122aabb", "[address]"),
        ("/home/me/bin/app`main", "app`main"),
        ("~/src/app`main", "app`main"),
        ("main (/Users/me/x.py:12)", "main (x.py:12)"),
        ("file:///srv/www/x.js:3", "file://x.js:3"),
        ("C:\\Users\\me\\app.exe`f", "app.exe`f"),
        ("amd64/amd64/pmap.c:7117", "amd64/amd64/pmap.c:7117"),
        ("net/http.(*conn).serve", "net/http.(*conn).serve"),
        ("libc.so.7`memcpy@GLIBC_2.14", "libc.so.7`memcpy@GLIBC_2.14"),
        ("face", "face"),
        ("[no stack]", "[no stack]"),
    ],
)
def test_a_frame_loses_addresses_and_directories(frame: str, shown: str) -> None:
    assert PrivateTexts().frame(frame) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("begin but no end marker: it was cut off", "begin but no end marker: it was cut off"),
        ("dtrace's buffer isn't full", "dtrace's buffer isn't full"),
        ("not a wait: 'holdtime x'; left out", "not a wait: [text]; left out"),
        ("root@releng1.nyi.freebsd.org:/usr/obj/sys/GENERIC", "[user]@[host]:[path]"),
        ("at fffff8004309a880 from 192.168.0.12", "at [address] from [host]"),
        ("box says --fast is wrong for me", "[host] says [word] is wrong for me"),
        ("lost box.example.org: the KEY=hunter2 of x.", "lost [host]: the KEY=[word] of x."),
        ("boxes of 10:00:00, 13.2-RELEASE", "boxes of 10:00:00, 13.2-RELEASE"),
    ],
)
def test_a_sentence_loses_what_it_quotes_and_names(text: str, shown: str) -> None:
    texts = PrivateTexts()
    texts.learn(Manifest(host="box.example.org", workload="x --fast 'PASSWORD=hunter2'"), ())
    assert texts.sentence(text) == shown


@pytest.mark.parametrize(
    "piece", ["a", "a@", "/", "~/", "'", "'\\", "ffff", "1.", "a:", "C:\\a\\", " x"]
)
def test_the_time_of_a_long_text_grows_with_its_length(piece: str) -> None:
    def cpu_s(length: int) -> float:
        texts = PrivateTexts(with_processes=True)
        text = piece * (length // len(piece))
        texts.learn(Manifest(host="h" * length, workload=text, notes=text), [text])
        began = time.process_time()
        for of in (texts.sentence, texts.fact, texts.name, texts.frame, texts.process):
            of(text)
        return time.process_time() - began

    assert cpu_s(50_000) < 5, "with the square of the length it would be minutes"


def test_processes_of_the_kernel_keep_their_names() -> None:
    texts = PrivateTexts(with_processes=True)
    known = (
        "kernel",
        "pagedaemon",
        "kworker/0:1",
        "swapper/1",
        "[interrupt]",
        "idle: cpu0",
        "intr",
    )
    assert [texts.process(name) for name in known] == list(known)
    assert [texts.process(name) for name in ("make", "cc", "make", "")] == [
        *("process 1", "process 2", "process 1", "")
    ]
    assert PrivateTexts().process("make") == "make"
