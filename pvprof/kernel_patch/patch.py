"""Answers which kernel patch a source tree needs, and whether it fits; puts it in, takes it out.

Owns the patches of ``kernel-patches/``, how a tree tells its branch, and changing a tree all or
nothing. The hunks are placed by the system's patch(1), or ``git apply`` where there is none, on
copies; what comes out is checked before the tree is touched. It prints nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pvprof.errors import PvprofError, UsageError

_VERSION_FILE = "sys/conf/newvers.sh"
_PARAM_FILE = "sys/sys/param.h"
_PROBE = "(kernel, profile, "
# The hunks in functions: what each adds there, to tell a hunk that patch(1) put elsewhere.
_ADDED_IN_FUNCTION = ("\tuint64_t start;", "\tstart = 0;")


class PatchError(PvprofError):
    """The tree is none, cannot be read or written, or the patch does not fit it."""


@dataclass(frozen=True, slots=True)
class FilePatch:
    """The hunks of a patch for one file.

    Attributes:
        path: the file, below the top of the tree.
        text: a unified diff of that file alone.
    """

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a patch meets in one file of a tree.

    Attributes:
        path: the file, below the top of the tree.
        state: without the patch and fit for it, with the patch, or neither.
        note: where the file differs (``offset 3 lines``), or why the patch does not fit.
        result: the file after ``apply`` (state ``applies``) or ``revert`` (state ``applied``).
    """

    path: str
    state: Literal["applies", "applied", "fails"]
    note: str
    result: bytes


def patches() -> dict[str, str]:
    """Return the text of each patch by the name of its branch."""
    found = sorted(files("pvprof.kernel_patch.patches").iterdir(), key=lambda place: place.name)
    return {
        place.name.removesuffix(".patch"): place.read_text(encoding="utf-8")
        for place in found
        if place.name.endswith(".patch")
    }


def patch_for(branch: str) -> str:
    """Return the text of the patch for a branch; ``stable/14`` is ``stable-14``.

    Raises:
        UsageError: there is none.
    """
    known = patches()
    name = branch.replace("/", "-")
    if name not in known:
        raise UsageError(f"no patch for branch {branch}", "branches: " + ", ".join(known))
    return known[name]


def branch_of(src: Path) -> str:
    """Return the name of the patch for a source tree, told from the tree itself.

    The release in ``newvers.sh`` decides. Where it is no FreeBSD release (a derived system counts
    its own), ``__FreeBSD_version`` does.

    Raises:
        PatchError: this is no FreeBSD source tree, or of a release without a patch.
    """
    newvers = _text_of(src / _VERSION_FILE)
    param = _text_of(src / _PARAM_FILE)
    release = re.search(r'^REVISION="?(\d+)', newvers, re.MULTILINE)
    version = re.search(r"^#define\s+__FreeBSD_version\s+(\d+)\d{5}\b", param, re.MULTILINE)
    if release is None and version is None:
        raise PatchError(
            f"{src}: not a FreeBSD source tree: no release in {_VERSION_FILE} or {_PARAM_FILE}",
            "name the tree's top with --src",
        )
    known = patches()
    majors = [int(match[1]) for match in (release, version) if match]
    newest = max(int(name.removeprefix("stable-")) for name in known if name != "main")
    for major in majors:
        if f"stable-{major}" in known:
            return f"stable-{major}"
        if major > newest:
            return "main"
    raise PatchError(
        f"{src}: FreeBSD {majors[-1]}: there is no patch for this release",
        "name the nearest one with --branch: " + ", ".join(known),
    )


def split(patch: str) -> tuple[FilePatch, ...]:
    """Return a patch's parts, one for each file."""
    parts = re.split(r"^(?=--- a/)", patch, flags=re.MULTILINE)[1:]
    return tuple(FilePatch(part.split("\n", 1)[0].removeprefix("--- a/"), part) for part in parts)


def check(src: Path, patch: str) -> tuple[FileCheck, ...]:
    """Say for each file whether the patch is in it, or fits it; nothing is changed.

    Raises:
        PatchError: a file is missing, cannot be read or has CR LF at the ends of its lines, or
            neither patch(1) nor git is installed.
    """
    return tuple(_check_file(part, _read(src, part.path)) for part in split(patch))


def apply(src: Path, patch: str) -> tuple[FileCheck, ...]:
    """Put the patch into all of its files, or, on an error, into none; return what was met.

    Raises:
        PatchError: it does not fit, is in the tree already, or a file cannot be written.
    """
    checks = check(src, patch)
    refuse(checks)
    if any(found.state == "applied" for found in checks):
        raise PatchError(f"{src}: the patch is applied already")
    _replace(src, checks)
    return checks


def revert(src: Path, patch: str) -> tuple[FileCheck, ...]:
    """Take the patch out of every file that has it; return those.

    Raises:
        PatchError: no file has it, or a file cannot be written.
    """
    checks = check(src, patch)
    applied = tuple(found for found in checks if found.state == "applied")
    if not applied:
        why = "; ".join(f"{found.path}: {found.note}" for found in checks if found.note)
        raise PatchError(f"{src}: the patch is not applied", why)
    _replace(src, applied)
    return applied


def refuse(checks: tuple[FileCheck, ...]) -> None:
    """Raise where a tree is neither wholly patched nor fit for the patch.

    Raises:
        PatchError: a file does not fit, or only some of the files have the patch.
    """
    for found in checks:
        if found.state == "fails":
            raise PatchError(
                f"{found.path}: {found.note}", "try the patch of another branch with --branch"
            )
    if len({found.state for found in checks}) > 1:
        which = ", ".join(found.path for found in checks if found.state == "applied")
        raise PatchError(
            f"half applied: only {which} has the patch", "pvprof patch revert takes it out"
        )


def _check_file(part: FilePatch, original: bytes) -> FileCheck:
    reverted, _ = _run(part, original, is_reverse=True)
    if reverted is not None and _run(part, reverted, is_reverse=False)[0] == original:
        return FileCheck(part.path, "applied", "", reverted)
    if _PROBE.encode() in original:
        why = "has kernel:profile probes already, but not those of this patch"
        return FileCheck(part.path, "fails", why, b"")
    patched, said = _run(part, original, is_reverse=False)
    if patched is None:
        return FileCheck(part.path, "fails", _why_failed(part, said), b"")
    misplaced = _misplaced(part, patched)
    if misplaced:
        return FileCheck(part.path, "fails", misplaced, b"")
    if _run(part, patched, is_reverse=True)[0] != original:
        why = "the patch would fit, but could not be reverted"
        return FileCheck(part.path, "fails", why, b"")
    return FileCheck(part.path, "applies", _difference(said), patched)


def _run(part: FilePatch, original: bytes, *, is_reverse: bool) -> tuple[bytes | None, str]:
    """Patch a copy of a file; return it, or None where it does not fit, and what the tool said."""
    with tempfile.TemporaryDirectory(prefix="pvprof-patch.") as directory:
        copy = Path(directory, part.path)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(original)
        Path(directory, "patch").write_text(part.text, encoding="utf-8")
        done = subprocess.run(
            _command(is_reverse),
            cwd=directory,
            env={
                **os.environ,
                "LC_ALL": "C",
                "GIT_CEILING_DIRECTORIES": str(Path(directory).parent),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said = done.stdout.decode(errors="replace")
        return (copy.read_bytes() if done.returncode == 0 else None), said


def _command(is_reverse: bool) -> list[str]:
    """Return the command that patches, in both of its dialects: FreeBSD's patch(1) and GNU's."""
    reverse = ["-R"] if is_reverse else []
    if tool := shutil.which("patch"):
        # -N: else a file that has the patch is taken for a reverse one, and unpatched.
        return [tool, "-p1", "-f", *([] if is_reverse else ["-N"]), "-F2", *reverse, "-i", "patch"]
    if tool := shutil.which("git"):
        return [tool, "apply", "-p1", "-v", "-C1", *reverse, "patch"]
    raise PatchError(
        "neither patch nor git is installed", "apply the text of `pvprof patch show` by hand"
    )


def _difference(said: str) -> str:
    """Return how the file differs from the one that the patch was made against.

    The tools say ``Hunk #2 succeeded at 611 with fuzz 1 (offset 3 lines).``, git also
    ``Context reduced to (2/2) to apply fragment at 611``.
    """
    offsets = [int(number) for number in re.findall(r"\(offset (-?\d+) lines?\)", said)]
    fuzz = [int(number) for number in re.findall(r"with fuzz (\d)", said)]
    notes = []
    if fuzz or "Context reduced" in said:
        notes.append(f"fuzz {max(fuzz, default=1)}")
    if offsets:
        notes.append(f"offset {max(offsets, key=abs)} lines")
    return ", ".join(notes)


def _why_failed(part: FilePatch, said: str) -> str:
    """Name the first hunk that found no place: its function, and the line it goes to."""
    hunks = re.findall(r"^@@ -(\d+),\S+ \S+ @@ ?(.*)\n((?:[ +-].*\n|\n)*)", part.text, re.MULTILINE)
    numbered = re.search(r"hunk #(\d+) failed", said, re.IGNORECASE)
    by_line = re.search(r"patch failed: \S+:(\d+)", said)
    index = 0
    if numbered:
        index = int(numbered[1]) - 1
    elif by_line:
        index = next((i for i, hunk in enumerate(hunks) if hunk[0] == by_line[1]), 0)
    line, function, body = hunks[index]
    context = [text[1:].strip() for text in body.splitlines() if text.startswith(" ")]
    context = [text for text in context if text]
    anchor = next((text for text in context if text.startswith("mi_switch")), context[0])
    place = re.match(r"([a-z]\w*)\(", function)
    where = f"in {place[1]}" if place else "at the top"
    return f"the patch does not apply: looked {where}, near line {line}, for {anchor}"


def _misplaced(part: FilePatch, patched: bytes) -> str:
    """Say which addition landed in another function than its own, if one did."""
    named = re.findall(r"^@@ .* @@ (\w+)\(", part.text, re.MULTILINE)
    if not named:
        return ""
    function = ""
    for line in patched.decode(errors="replace").split("\n"):
        if match := re.match(r"(\w+)\(", line):
            function = match[1]
        if line in _ADDED_IN_FUNCTION and function != named[-1]:
            return f"the patch does not apply: {named[-1]} was not found where {function} is"
    return ""


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read(src: Path, path: str) -> bytes:
    try:
        data = (src / path).read_bytes()
    except OSError as error:
        raise PatchError(
            f"{src / path}: {error.strerror}", "name the tree's top with --src"
        ) from error
    if b"\r\n" in data:
        raise PatchError(
            f"{src / path}: lines end with CR LF", "convert the file, or check it out as it is"
        )
    return data


def _replace(src: Path, checks: tuple[FileCheck, ...]) -> None:
    """Replace the files by their results: all of them, or on an error none."""
    places = [(src / found.path).resolve() for found in checks]
    staged: list[Path] = []
    spare: list[Path] = []
    replaced = 0
    place = src
    try:
        for place, found in zip(places, checks, strict=True):
            if not place.stat().st_mode & 0o222:  # root may write it, but was not meant to
                raise PatchError(f"{place}: read-only")
            staged.append(_stage(place, found.result))
            spare.append(_stage(place, place.read_bytes()))
        for place, new in zip(places, staged, strict=True):
            os.replace(new, place)
            replaced += 1
    except OSError as error:
        for done, old in zip(places[:replaced], spare, strict=False):
            os.replace(old, done)
        raise PatchError(f"{place}: {error.strerror}", "no file was changed") from error
    finally:
        for left in (*staged, *spare):
            left.unlink(missing_ok=True)


def _stage(place: Path, data: bytes) -> Path:
    """Write what is to replace a file beside it, with its mode and owner."""
    status = place.stat()
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    staged = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(staged, status.st_uid, status.st_gid)
        os.chmod(staged, status.st_mode & 0o7777)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged
