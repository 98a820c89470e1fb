"""What is fuzzed: every layout, every container, and every other file that pvprof reads."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from helpers.mixing import FIXTURES

from fuzz import seeds
from fuzz.mutations import OF_BYTES, OF_TEXT, mutated
from fuzz.outputs import OF_RECORDINGS
from fuzz.structures import restructured
from pvprof.parse.layouts import LAYOUTS
from pvprof.render.registry import Subject

Mutate = Callable[[Random, bytes], tuple[str, bytes]]
"""Returns the names of the mutations, joined by ``+``, and the data after them."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input on disk: the options of a command, and the file that they go with."""

    options: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of file.

    Attributes:
        name: of the layout or container.
        seeds: returns what is mutated.
        mutate: changes a seed.
        place: writes an input into a folder.
        subjects: what is written of it.
        has_sums: whether the input is a recording, whose sums show what was lost.
        is_in_recording: whether the input is a file of a recording, which the recording is read
            with.
    """

    name: str
    seeds: Callable[[], tuple[bytes, ...]]
    mutate: Mutate
    place: Callable[[Path, bytes], Input]
    subjects: tuple[Subject, ...] = OF_RECORDINGS
    has_sums: bool = False
    is_in_recording: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether a recording shows how the input is read, without a command."""
        return self.has_sums or self.is_in_recording


_text: Mutate = partial(mutated, mutations=OF_TEXT)
_packed: Mutate = partial(mutated, mutations=OF_BYTES)


def _document(random: Random, data: bytes) -> tuple[str, bytes]:
    if random.random() < 0.3:
        return _text(random, data)
    return "document", restructured(random, data)


_PAGE_DATA = re.compile(rb"(<script[^>]*pvprof-data[^>]*>)([^<]*)")


def _page(random: Random, data: bytes) -> tuple[str, bytes]:
    """Change a page, or the document that is packed in it."""
    match = _PAGE_DATA.search(data)
    if match is None or random.random() < 0.2:
        return _text(random, data)
    document = gzip.decompress(base64.b64decode(match[2]))
    name, document = _document(random, document)
    packed = base64.b64encode(gzip.compress(document, 1, mtime=0))
    return f"page {name}", data[: match.start(2)] + packed + data[match.end(2) :]


def _file(folder: Path, data: bytes, name: str) -> Input:
    path = folder / name
    path.write_bytes(data)
    return Input((), str(path))


def _member(folder: Path, data: bytes, member: str) -> Input:
    """Put the input into a recording, in the place of one of its files."""
    recording = folder / f"{member}.pvprof"
    if not recording.is_dir():
        shutil.copytree(seeds.RECORDING, recording)
    (recording / member).write_bytes(data)
    return Input((), str(recording))


def _run_set(folder: Path, data: bytes) -> Input:
    directory = folder / "set"
    if not directory.is_dir():
        directory.mkdir()
        for number in (1, 2):
            name = f"offcpu-{number}.pvprof"
            shutil.copytree(seeds.RUN_SET / name, directory / name)
        shutil.copytree(seeds.RUN_SET / "warmup-1.pvprof", directory / "warmup-1.pvprof")
    (directory / "set.json").write_bytes(data)
    return Input((), str(directory))


def _option(folder: Path, data: bytes, option: str, text: bytes) -> Input:
    """Give the input to an option, with a recording to use it on."""
    path, recording = folder / "option.txt", folder / "with-option.out"
    path.write_bytes(data)
    if not recording.exists():
        recording.write_bytes(text)
    return Input((option, str(path)), str(recording))


def _of(*paths: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(seeds.unpacked(FIXTURES / path) for path in paths)


def _raw() -> bytes:
    return seeds.unpacked(seeds.RECORDING / "raw.out.gz")


@cache
def _in_archive(member: str) -> bytes:
    return seeds.members_of(seeds.ARCHIVES / "oncpu-amd64.pvprof.tar.gz")[member]


def _manifests() -> tuple[bytes, ...]:
    return (
        (seeds.RECORDING / "manifest.json").read_bytes(),
        (seeds.RUN_SET / "offcpu-1.pvprof" / "manifest.json").read_bytes(),
        _in_archive("manifest.json"),
        b'{"schema": 1, "layout": "folded", "unit": "ms", "factor": "1/99", "weight": "period"}',
    )


def _zstd() -> tuple[bytes, ...]:
    done = subprocess.run(["zstd", "-c"], input=_raw(), capture_output=True, check=True)
    return (done.stdout,)


def _run_sets() -> tuple[bytes, ...]:
    document = json.loads((seeds.RUN_SET / "set.json").read_bytes())
    document["recordings"] = document["recordings"][:2]
    document["runs"] = document["runs"][:3]
    return (json.dumps(document).encode(),)


def _times() -> tuple[bytes, ...]:
    folder = FIXTURES / "times"
    texts = [path.read_bytes()[: seeds.MAX_BYTES] for path in sorted(folder.glob("*.txt"))]
    gnu = b'\tCommand being timed: "make"\n\tUser time (seconds): 1.25\n'
    elapsed = b"\tElapsed (wall clock) time (h:mm:ss or m:ss): 0:01.25\n\tExit status: 0\n"
    return (
        *texts,
        b"real\t0m1.250s\nuser\t0m0.500s\nsys\t0m0.250s\n" * 3,
        b"        1.25 real         0.50 user         0.25 sys\n" * 3,
        (gnu + elapsed) * 3,
        seeds.unpacked(FIXTURES / "other-tools" / "perf-stat.txt") * 2,
    )


_SYMBOLS = "\n".join(f"ffffffff80{n:06x} T function_{n}" for n in range(0xB00000, 0xB40000, 0x800))
_RULES = b"""
machinery = ["_sleep.*"]
[[kind]]
id = "mine"
title = "my waits"
set_aside = true
[[rule]]
class = "my class"
kind = "mine"
family = "f"
primitive = "rw"
colour = 7
frames = ["vm_fault.*", "^pmap_"]
name_patterns = ["vm.*", "(a|b)+c"]
[[rule]]
kind = "kernel"
names = ["vm object"]
mechanisms = ["turnstile"]
name = "of {caller}"
"""


def _readers() -> dict[str, Target]:
    mutations = {
        "speedscope": _document,
        "bpftrace-json": _text,
        "html": _page,
        "pprof": _packed,
    }
    return {
        name: Target(
            name,
            partial(seeds.texts_of, name),
            mutations.get(name, _text),
            partial(_file, name="input.html" if name == "html" else "input.out"),
            has_sums=name != "pprof",  # a value is there once; gzip, which files have, sums up
        )
        for name in LAYOUTS
    }


def _packs() -> tuple[Target, ...]:
    pack = partial(Target, mutate=_packed, has_sums=True)
    return (
        pack("tar.gz", seeds.archives, place=partial(_file, name="input.tar.gz")),
        pack(
            "tar",
            lambda: (seeds.repacked(seeds.RECORDING),),
            place=partial(_file, name="input.tar"),
        ),
        pack(
            "gz",
            lambda: (gzip.compress(_raw(), mtime=0),),
            place=partial(_file, name="input.out.gz"),
        ),
        pack("bz2", lambda: (bz2.compress(_raw()),), place=partial(_file, name="input.out.bz2")),
        pack("xz", lambda: (lzma.compress(_raw()),), place=partial(_file, name="input.out.xz")),
        pack("zst", _zstd, place=partial(_file, name="input.out.zst")),
    )


def _members() -> tuple[Target, ...]:
    def member(name: str, texts: Callable[[], tuple[bytes, ...]], mutate: Mutate = _text) -> Target:
        place = partial(_member, member=name)
        return Target(name, texts, mutate, place, is_in_recording=True)

    def packed(random: Random, data: bytes) -> tuple[str, bytes]:
        name, text = _text(random, gzip.decompress(data))
        return name, gzip.compress(text, 1, mtime=0)

    def archived(name: str) -> Callable[[], tuple[bytes, ...]]:
        return lambda: (_in_archive(name),)

    study = (*OF_RECORDINGS, Subject.STUDY)
    manifest = partial(_member, member="manifest.json")
    return (
        Target("manifest.json", _manifests, _document, manifest, study, is_in_recording=True),
        Target("set.json", _run_sets, _document, _run_set, study),
        member("stderr.txt", _of("freebsd-13.2/drops.err", "freebsd-13.2/build-events.err")),
        member("kldstat.txt", archived("stderr.txt")),
        member("symbols.nm.gz", lambda: (gzip.compress(_SYMBOLS.encode(), mtime=0),), packed),
        member("user-maps.txt.gz", archived("user-maps.txt.gz"), packed),
        member("user-symbols.txt.gz", archived("user-symbols.txt.gz"), packed),
    )


def _options() -> tuple[Target, ...]:
    hexed = partial(_option, text=seeds.HEX_FRAMES)
    attributes = b'f\thref=https://a.example/x?y=1\ttitle=a\nvm_fault\ttitle="b c"\n'
    pictures = (Subject.PICTURE,)
    return (
        Target("symbols", lambda: (_SYMBOLS.encode(),), _text, partial(hexed, option="--symbols")),
        Target(
            "kldstat",
            _of("freebsd-13.2-grammar-2/stock-offcpu.pvprof/kldstat.txt"),
            _text,
            partial(hexed, option="--kldstat"),
        ),
        Target(
            "rules",
            lambda: (_RULES,),
            _text,
            lambda folder, data: _option(folder, data, "--rules", _raw()),
        ),
        Target(
            "name attributes",
            lambda: (attributes,),
            _text,
            partial(_option, option="--nameattr", text=b"sh;f;vm_fault 7\n"),
            pictures,
        ),
    )


def _runs() -> tuple[Target, ...]:
    times = partial(_file, name="runs.times")
    study = (Subject.STUDY,)
    columns = b"".join(b"%d.25 %d 7\n" % (n % 5 + 10, n) for n in range(8))
    return (
        Target("times", _times, _text, times, study),
        Target("columns", lambda: (columns,), _text, times, study),
        Target("hyperfine", _of("times/hyperfine.json"), _document, times, study),
    )


@cache
def targets() -> dict[str, Target]:
    """Return all targets by their names."""
    others = (*_packs(), *_members(), *_options(), *_runs())
    return {**_readers(), **{target.name: target for target in others}}
