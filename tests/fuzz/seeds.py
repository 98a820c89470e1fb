"""What is mutated: small whole texts of every layout and small files of every container.

They come from the fixtures, which real tools wrote; what pvprof writes itself, it writes here.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from click.testing import CliRunner
from helpers.mixing import FIXTURES, Outcome, outcome_of, texts_by_layout

from pvprof.cli import cli
from pvprof.errors import PvprofError
from pvprof.parse.detect import detect

MAX_BYTES = 4_000
"""Of a seed: small ones are read faster, and each mutation hits more of what matters."""

MAX_SEEDS = 40
RECORDING = FIXTURES / "freebsd-13.2-grammar-2" / "stock-offcpu.pvprof"
ARCHIVES = FIXTURES / "linux" / "bpftrace"
RUN_SET = FIXTURES / "example-lock-patch" / "obm"
HEX_FRAMES = (
    b"\n\n              0xffffffff80b3a4f2\n              0xffffffff82a01234\n    7\n\n" * 3
)

_SMALL = {
    "differential": b"# pvprof differential, unit: samples\n"
    + b"".join(b"sh;kernel`trap;f%d %d %d\n" % (n, 8 * n, 7) for n in range(1, 9)),
    "bpftrace": b"".join(
        b'{"type": "printf", "data": "%b"}\n' % text
        for text in (
            b"#pvprof 1 events linux ns 0.1.0 frames=32\\n",
            b"#begin 1000 1795372027596348298\\n",
            b"S 2000 1 1 0 0\\n        trap+8\\n.first",
            b"R 3001 1 0",
            b"S 5000 2 2 0 0\\n        trap+8\\n.second",
            b"R 5052 2 0",
            b"#end 9000 1795372027596356298\\n",
        )
    ),
}
_EVENTED = json.dumps(
    {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": [{"name": "f", "file": "x.c", "line": 3}, {"name": "g"}]},
        "profiles": [
            {
                "type": "evented",
                "name": "sh",
                "unit": "milliseconds",
                "startValue": 0,
                "endValue": 9.5,
                "events": [
                    {"type": "O", "frame": 0, "at": 0},
                    {"type": "O", "frame": 1, "at": 1.25},
                    {"type": "C", "frame": 1, "at": 7},
                    {"type": "C", "frame": 0, "at": 9.5},
                ],
            }
        ],
    }
).encode()


def unpacked(path: Path) -> bytes:
    """Return the text of a file, packed or not."""
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def run(*words: str, stdin: bytes) -> bytes:
    """Return the output of a command."""
    result = CliRunner().invoke(cli, words, input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout_bytes


@cache
def by_layout() -> dict[str, tuple[bytes, ...]]:
    """Return the seeds of each layout."""
    texts: defaultdict[str, list[bytes]] = defaultdict(list)
    for layout, text in (*texts_by_layout().items(), *_SMALL.items()):
        texts[layout].append(_shortened(text))
    for text in (texts["events"][0], texts["keyed"][0]):
        viewer = ("flamegraph", "-", "-k", "all", "--format", "speedscope")
        texts["speedscope"].append(run(*viewer, stdin=text))
        texts["pprof"].append(gzip.decompress(run(*viewer[:-1], "pprof", stdin=text)))
    texts["html"].append(
        run("report", "-", "-k", "all", "--format", "html", "-o", "-", stdin=texts["events"][0])
    )
    texts["speedscope"].append(_EVENTED)
    for text in _fixture_texts():
        try:
            texts[detect(text).name].append(text)
        except PvprofError:
            continue
    return {layout: _distinct(some) for layout, some in texts.items()}


def _fixture_texts() -> Iterator[bytes]:
    """Yield the beginnings of all texts in the fixtures that pvprof reads."""
    for path in sorted(FIXTURES.rglob("*")):
        folder = path.relative_to(FIXTURES).parts[0]
        if path.is_file() and folder not in ("golden", "rules", "times", "flamegraph"):
            data = unpacked(path)
            if not data.startswith((b"\x1f\x8b", b"<")) and data[257:262] != b"ustar" and data:
                yield _shortened(data)
    for path in sorted(FIXTURES.rglob("*.tar.gz")):
        yield _shortened(members_of(path)["raw.out"])


def texts_of(layout: str) -> tuple[bytes, ...]:
    """Return the seeds of a layout; there must be one."""
    texts = by_layout().get(layout, ())
    assert texts, f"no text of {layout} to damage: add a small one to _SMALL in {__file__}"
    return texts


def members_of(path: Path) -> dict[str, bytes]:
    """Return the files in an archive."""
    with tarfile.open(path) as archive:
        return {
            Path(one.name).name: file.read()
            for one in archive
            if (file := archive.extractfile(one)) is not None
        }


def _shortened(text: bytes) -> bytes:
    """Return the first whole lines of a text, at the end of a record if there is one."""
    if len(text) <= MAX_BYTES:
        return text
    lines = text[:MAX_BYTES].splitlines(keepends=True)[:-1]
    for count in range(len(lines), max(0, len(lines) - 40), -1):
        outcome = _outcome(b"".join(lines[:count]))
        if not outcome.is_refused and not any(kind == "cut-off" for kind, _, _ in outcome.told):
            return b"".join(lines[:count])
    return b"".join(lines)


def _outcome(text: bytes) -> Outcome:
    return outcome_of(text) if text.strip() else Outcome(frozenset(), (0, 0), is_refused=True)


def _distinct(texts: list[bytes]) -> tuple[bytes, ...]:
    distinct = list(dict.fromkeys(text for text in texts if text))
    return tuple(distinct[:: len(distinct) // MAX_SEEDS + 1])


@cache
def archives() -> tuple[bytes, ...]:
    """Return recordings as .tar.gz."""
    packed = [path.read_bytes() for path in sorted(ARCHIVES.glob("*.tar.gz"))]
    whole = gzip.compress(repacked(RECORDING), mtime=0)  # with the time it would be another input
    return (whole, *packed)


def repacked(directory: Path) -> bytes:
    """Return a recording as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(directory.iterdir()):
            info = tarfile.TarInfo(f"r.pvprof/{path.name}")
            info.size = path.stat().st_size
            archive.addfile(info, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()
