"""Compile ``stack_sums.c``: ``python core/compile.py FILE [FLAG...]``.

CC, CFLAGS and LDFLAGS of the environment are obeyed, as the ports of FreeBSD set them. The same
compiler makes the same bytes, wherever the source is.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

USUAL_FLAGS = ("-O2", "-g0")


def command(compiled: str, flags: tuple[str, ...]) -> list[str]:
    """Return the command that compiles the core, in this directory."""
    words = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    compiler = words if words and shutil.which(words[0]) else ["cc"]
    is_mac = sys.platform == "darwin"
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if is_mac else ["-shared"]
    return [
        *(*compiler, *shared, "-fPIC", "-fvisibility=hidden"),
        *(*shlex.split(os.environ.get("CFLAGS", "")), *(flags or USUAL_FLAGS)),
        *("-I", sysconfig.get_path("include"), "-o", compiled, "stack_sums.c"),
        *shlex.split(os.environ.get("LDFLAGS", "")),
    ]


def main() -> None:
    """Compile the core, or say why not."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        sys.exit("this Python has no limited API")
    compiled, *flags = sys.argv[1:]
    words = command(str(Path(compiled).resolve()), tuple(flags))
    try:
        sys.exit(subprocess.run(words, cwd=Path(__file__).parent, check=False).returncode)
    except OSError as error:
        sys.exit(f"no compiler: {error}")


if __name__ == "__main__":
    main()
