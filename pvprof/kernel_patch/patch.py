"""Find the kernel patch for a source tree, check whether it fits, apply it and revert it.

Owns the patches of ``kernel-patches/`` and the change of a tree, which is all or nothing. The hunks
are placed by the system's patch(1), or ``git apply`` if there is none, on copies; the result is
checked before the tree is touched. It prints nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pvprof.errors import PvprofError, UsageError

_VERSION_FILE = "sys/conf/newvers.sh"
_PARAM_FILE = "sys/sys/param.h"
_PROBE = "(kernel, profile, "
# Lines that the hunks in functions add there: they show a hunk that patch(1) put elsewhere.
_ADDED_IN_FUNCTION = ("\tif (SDT_PROBES_ENABLED()) {", "\t} else")


class PatchError(PvprofError):
    """The tree is not one, cannot be read or written, or the patch does not fit it."""


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
    """The state of one file of a tree with respect to a patch.

    Attributes:
        path: the file, below the top of the tree.
        state: ``applies``: the patch fits; ``applied``: it is in the file; ``fails``: neither.
        note: how the file differs (``offset 3 lines``), or why the patch does not fit.
        result: the file after ``apply`` (state ``applies``) or ``revert`` (state ``applied``).
    """

    path: str
    state: Literal["applies", "applied", "fails"]
    note: str
    result: bytes


def patches() -> dict[str, str]:
    """Return the text of each patch by the name of its branch."""
    entries = sorted(files("pvprof.kernel_patch.patches").iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".patch"): entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".patch")
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
    """Return the name of the patch for a source tree.

    The release in ``newvers.sh`` decides. If that is not a FreeBSD release (a derived system has
    its own numbers), ``__FreeBSD_version`` does.

    Raises:
        PatchError: this is not a FreeBSD source tree, or its release has no patch.
    """
    newvers = _text_of(src / _VERSION_FILE)
    param = _text_of(src / _PARAM_FILE)
    release = re.search(r'^REVISION="?(\d{1,4})\b', newvers, re.MULTILINE)
    version = re.search(
        r"^#define[ \t]+__FreeBSD_version[ \t]+(\d{1,4})\d{5}\b", param, re.MULTILINE
    )
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
    """Return the parts of a patch, one per file."""
    parts = re.split(r"^(?=--- a/)", patch, flags=re.MULTILINE)[1:]
    return tuple(FilePatch(part.split("\n", 1)[0].removeprefix("--- a/"), part) for part in parts)


def check(src: Path, patch: str) -> tuple[FileCheck, ...]:
    """Return the state of each file of the patch; the tree is not changed.

    Raises:
        PatchError: a file is missing, cannot be read or has CR LF at the ends of its lines, or
            neither patch(1) nor git is installed.
    """
    return tuple(_check_file(part, _read(src, part.path)) for part in split(patch))


def apply(src: Path, patch: str) -> tuple[FileCheck, ...]:
    """Apply the patch to all of its files, or to none; return their states before.

    Raises:
        PatchError: it does not fit, is already applied, or a file cannot be written.
    """
    checks = check(src, patch)
    refuse(checks)
    if any(file.state == "applied" for file in checks):
        raise PatchError(f"{src}: the patch is already applied")
    _replace(src, checks)
    return checks


def revert(src: Path, patch: str) -> tuple[FileCheck, ...]:
    """Revert the patch in every file that has it; return the states of these before.

    Raises:
        PatchError: no file has it, or a file cannot be written.
    """
    checks = check(src, patch)
    applied = tuple(file for file in checks if file.state == "applied")
    if not applied:
        hint = "; ".join(f"{file.path}: {file.note}" for file in checks if file.note)
        raise PatchError(f"{src}: the patch is not applied", hint)
    _replace(src, applied)
    return applied


def refuse(checks: tuple[FileCheck, ...]) -> None:
    """Raise an error unless the whole tree has the patch, or the patch fits the whole tree.

    Raises:
        PatchError: a file does not fit, or only some of the files have the patch.
    """
    for file in checks:
        if file.state == "fails":
            hint = "try the patch of another branch with --branch"
            raise PatchError(f"{file.path}: {file.note}", hint)
    if len({file.state for file in checks}) > 1:
        patched = ", ".join(file.path for file in checks if file.state == "applied")
        hint = "pvprof patch revert removes it"
        raise PatchError(f"half applied: only {patched} has the patch", hint)


def _check_file(part: FilePatch, original: bytes) -> FileCheck:
    reverted, _ = _run(part, original, is_reverse=True)
    if reverted is not None and _run(part, reverted, is_reverse=False)[0] == original:
        return FileCheck(part.path, "applied", "", reverted)
    if _PROBE.encode() in original:
        why = "already has kernel:profile probes, but not those of this patch"
        return FileCheck(part.path, "fails", why, b"")
    patched, output = _run(part, original, is_reverse=False)
    if patched is None:
        return FileCheck(part.path, "fails", _reason(part, output), b"")
    misplaced = _misplaced(part, patched)
    if misplaced:
        return FileCheck(part.path, "fails", misplaced, b"")
    if _run(part, patched, is_reverse=True)[0] != original:
        why = "the patch would fit, but could not be reverted"
        return FileCheck(part.path, "fails", why, b"")
    return FileCheck(part.path, "applies", _difference(output), patched)


def _run(part: FilePatch, original: bytes, *, is_reverse: bool) -> tuple[bytes | None, str]:
    """Patch a copy of a file; return (the result or None if it does not fit, tool's output)."""
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
        output = done.stdout.decode(errors="replace")
        return (copy.read_bytes() if done.returncode == 0 else None), output


def _command(is_reverse: bool) -> list[str]:
    """Return a command that patches: options that FreeBSD's and GNU's patch(1) share, or git."""
    reverse = ["-R"] if is_reverse else []
    if tool := shutil.which("patch"):
        # -N: else patch(1) would revert a file that has the patch.
        return [tool, "-p1", "-f", *([] if is_reverse else ["-N"]), "-F2", *reverse, "-i", "patch"]
    if tool := shutil.which("git"):
        return [tool, "apply", "-p1", "-v", "-C1", *reverse, "patch"]
    raise PatchError(
        "neither patch nor git is installed", "apply the text of `pvprof patch show` by hand"
    )


def _difference(output: str) -> str:
    """Return the difference between the file and the one that the patch was made for, as text.

    The tools print ``Hunk #2 succeeded at 611 with fuzz 1 (offset 3 lines).``, git also
    ``Context reduced to (2/2) to apply fragment at 611``.
    """
    offsets = [int(number) for number in re.findall(r"\(offset (-?\d+) lines?\)", output)]
    fuzz = [int(number) for number in re.findall(r"with fuzz (\d)", output)]
    notes = []
    if fuzz or "Context reduced" in output:
        notes.append(f"fuzz {max(fuzz, default=1)}")
    if offsets:
        notes.append(f"offset {max(offsets, key=abs)} lines")
    return ", ".join(notes)


def _reason(part: FilePatch, output: str) -> str:
    """Return a text about the first hunk that failed: its function, and the line it is for."""
    hunks = re.findall(r"^@@ -(\d+),\S+ \S+ @@ ?(.*)\n((?:[ +-].*\n|\n)*)", part.text, re.MULTILINE)
    numbered = re.search(r"hunk #(\d+) failed", output, re.IGNORECASE)
    by_line = re.search(r"patch failed: \S+:(\d+)", output)
    index = 0
    if numbered:
        index = int(numbered[1]) - 1
    elif by_line:
        index = next((i for i, hunk in enumerate(hunks) if hunk[0] == by_line[1]), 0)
    line, function, body = hunks[index]
    context = [text[1:].strip() for text in body.splitlines() if text.startswith(" ")]
    context = [text for text in context if text]
    anchor = next((text for text in context if text.startswith("mi_switch")), context[0])
    match = re.match(r"([a-z]\w*)\(", function)
    location = f"in {match[1]}" if match else "at the top"
    return f"the patch does not apply: looked {location}, near line {line}, for {anchor}"


def _misplaced(part: FilePatch, patched: bytes) -> str:
    """Return a text about an addition that landed in another function, or an empty text."""
    named = re.findall(r"^@@ .* @@ (\w+)\(", part.text, re.MULTILINE)
    if not named:
        return ""
    function = ""
    for line in patched.decode(errors="replace").split("\n"):
        if match := re.match(r"(\w+)\(", line):
            function = match[1]
        if line in _ADDED_IN_FUNCTION and function != named[-1]:
            return f"the patch does not apply: the code of {named[-1]} is in {function} only"
    return ""


def _text_of(path: Path) -> str:
    try:
        # A FIFO would wait for a writer.
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def _read(src: Path, path: str) -> bytes:
    file = src / path
    try:
        real, top = file.resolve(strict=True), src.resolve(strict=True)
        if not real.is_file():
            raise PatchError(f"{file}: no regular file")
        if not real.is_relative_to(top):
            raise PatchError(
                f"{file} leads out of the tree, to {real}", "name the tree with that file by --src"
            )
        data = real.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead round in a circle
        reason = error.strerror if isinstance(error, OSError) else "too many links"
        raise PatchError(f"{file}: {reason}", "name the tree's top with --src") from error
    if b"\r\n" in data:
        raise PatchError(
            f"{file}: lines end with CR LF", "convert the file, or check it out as it is"
        )
    return data


@contextlib.contextmanager
def _without_signals() -> Iterator[None]:
    """Put off Ctrl-C, TERM and HUP, so that they come before or after what is inside."""
    stops = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _replace(src: Path, checks: tuple[FileCheck, ...]) -> None:
    """Replace the files by their results: all of them, or none if there is an error."""
    paths = [(src / file.path).resolve() for file in checks]
    with _without_signals():
        _replace_all(paths, [file.result for file in checks])


def _replace_all(paths: list[Path], results: list[bytes]) -> None:
    staged: list[Path] = []
    backups: list[Path] = []
    replaced = 0
    path = paths[0]
    try:
        for path, result in zip(paths, results, strict=True):
            if not path.stat().st_mode & 0o222:  # root could write it, but should not
                raise PatchError(f"{path}: read-only")
            staged.append(_stage(path, result))
            backups.append(_stage(path, path.read_bytes()))
        for path, new in zip(paths, staged, strict=True):
            os.replace(new, path)
            replaced += 1
    except BaseException as error:
        for done, old in zip(paths[:replaced], backups, strict=False):
            os.replace(old, done)
        if isinstance(error, OSError):
            raise PatchError(f"{path}: {error.strerror}", "no file was changed") from error
        raise
    finally:
        for temporary in (*staged, *backups):
            temporary.unlink(missing_ok=True)


def _stage(path: Path, data: bytes) -> Path:
    """Write data to a new file beside `path`, with the mode and owner of `path`; return it."""
    status = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    staged = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        with contextlib.suppress(PermissionError):  # only root can change owners
            os.chown(staged, status.st_uid, status.st_gid)
        os.chmod(staged, status.st_mode & 0o7777)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged
