"""Writing results: to stdout, or to a file that is either complete or absent."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pvprof.cli.terminal import tell, visible_text
from pvprof.errors import OutputError, UsageError
from pvprof.render.rendered import Rendered

_PIECE = 1 << 20  # characters


def check_output(path: str, force: bool) -> None:
    """Refuse early what `write` would refuse after minutes of reading.

    Raises:
        OutputError: the file exists and `force` is false, or its directory does not exist.
    """
    if path == "-":
        return
    target = Path(path)
    try:
        if target.is_dir():
            raise OutputError(f"{path}: is a directory")
        if target.is_file() and not force:
            raise OutputError(f"{path}: already exists", "overwrite it with --force")
        if not target.parent.is_dir():
            raise OutputError(f"{path}: the directory {target.parent} does not exist")
    except OSError as error:  # a name too long, a directory that cannot be searched
        raise OutputError(f"{path}: {error.strerror}") from error
    if not target.exists() and not os.access(target.parent, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {target.parent}")


def check_outputs(paths: Sequence[str], force: bool) -> None:
    """Check several outputs of one run.

    Raises:
        OutputError: as `check_output`.
        UsageError: a path is named twice.
    """
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"-o {path}: named twice")
        check_output(path, force)


def write(path: str, content: str | bytes, force: bool) -> None:
    """Write bytes, or text as UTF-8: to stdout for ``-``, else to a file that is then renamed.

    A file that is replaced keeps its mode: a result may be for its owner only.

    Raises:
        OutputError: the file exists and `force` is false, or cannot be written.
        UsageError: the bytes would go to a terminal.
    """
    if path == "-" and sys.stdout.isatty():
        if isinstance(content, bytes):
            raise UsageError("a binary file is not written to a terminal", "-o FILE")
        content = visible_text(content)
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.writelines(_encoded(content))
        sys.stdout.buffer.flush()
        return
    check_output(path, force)
    target = Path(path)
    temporary = None
    try:
        if target.exists() and not target.is_file():  # /dev/null or a pipe cannot be replaced
            with target.open("wb") as file:
                file.writelines(_encoded(content))
            return
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.writelines(_encoded(content))
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}") from error


def _encoded(content: str | bytes) -> Iterator[bytes]:
    """Yield the bytes of an output, piece by piece: a large text is not in memory twice."""
    if isinstance(content, bytes):
        yield content
        return
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE].encode("utf-8", "backslashreplace")


def deliver(
    path: str, content: str | bytes, force: bool, is_quiet: bool, purpose: str = ""
) -> None:
    """Write a result as `write` does; report on stderr which file was written, and what for."""
    write(path, content, force)
    if path != "-" and not is_quiet:
        tell(f"wrote {path}{f' ({purpose})' if purpose else ''}")


def is_folder(path: str) -> bool:
    """Tell whether an output names a folder: it ends in a slash, or is a directory."""
    return path.endswith("/") or (path != "-" and Path(path).is_dir())


def check_folder(path: str, names: Iterable[str], force: bool) -> None:
    """Refuse early a folder that `deliver_folder` would refuse after minutes of reading.

    Raises:
        OutputError: the folder cannot be made, or has a file of these names and `force` is false.
    """
    if not Path(path).is_dir():
        check_output(path.rstrip("/"), force=False)
        return
    for name in names:
        check_output(os.path.join(path, name), force)


def deliver_folder(
    path: str,
    files: Mapping[str, Rendered],
    force: bool,
    is_quiet: bool,
    purpose_of: Callable[[str], str],
) -> None:
    """Write files into a folder, which is made if it is missing, and report them on stderr.

    Args:
        path: of the folder.
        files: maps the name of each file to its content.
        force: whether files may be replaced.
        is_quiet: whether nothing is reported.
        purpose_of: says in a few words what the file of a name is for.

    Raises:
        OutputError: the folder cannot be made, or a file exists or cannot be written.
    """
    for name in files:
        if (Path(path) / name).exists():
            check_output(os.path.join(path, name), force)
    try:
        Path(path).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from error
    for name, rendered in files.items():
        deliver(os.path.join(path, name), rendered.content, force, is_quiet, purpose_of(name))


def _mode(target: Path) -> int:
    """Return the mode of a file to write: that of the file it replaces, or the usual one."""
    usual = 0o666 & ~_umask()
    if not target.is_file() or target.is_symlink():
        return usual
    old = target.stat()
    mode = stat.S_IMODE(old.st_mode)
    return mode if old.st_uid == os.geteuid() else mode & usual


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
