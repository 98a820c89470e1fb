"""Source trees in the shape of FreeBSD's, made from the context lines of a patch.

No kernel file is kept here. There is filler between the hunks of a patch, so that it has the shape
of that branch's files where the patch looks.
"""

from __future__ import annotations

import re
from pathlib import Path

from pvprof.kernel_patch import patch

QUEUE = "sys/kern/subr_sleepqueue.c"
TURNSTILE = "sys/kern/subr_turnstile.c"
RELEASES = {"main": "16.0", **{f"stable-{n}": f"{n}.1" for n in (12, 13, 14, 15)}}


def pre_image(text: str) -> str:
    """Return a file that has a diff's context where the diff expects it, and filler elsewhere."""
    lines: list[str] = []
    function = ""
    for hunk in re.split(r"^(?=@@ )", text, flags=re.MULTILINE)[1:]:
        head, *body = hunk.splitlines()
        start = re.match(r"@@ -(\d+)", head)
        assert start
        named = re.search(r"@@ (\w+)\(.*\(?", head)
        wanted = int(start[1]) - 1
        while len(lines) < wanted:
            lines.append(f"/* filler {len(lines)} */")
        if named and "SDT" not in named[1] and named[1] != function:
            function = named[1]
            lines[-3:] = ["static void", f"{function}(void)", "{"]
        lines += [line[1:] for line in body if not line.startswith("+")]
    return "\n".join([*lines, "}", "/* the end */"]) + "\n"


def make_tree(top: Path, branch: str) -> Path:
    """Write a source tree in the shape of a branch."""
    (top / "sys/conf").mkdir(parents=True)
    (top / "sys/kern").mkdir()
    (top / "sys/sys").mkdir()
    release = RELEASES[branch]
    kind = "CURRENT" if branch == "main" else "STABLE"
    (top / "sys/conf/newvers.sh").write_text(
        f'TYPE="FreeBSD"\nREVISION="{release}"\nBRANCH="{kind}"\n'
    )
    major = release.split(".")[0]
    (top / "sys/sys/param.h").write_text(f"#define __FreeBSD_version {major}01501\t/* ... */\n")
    for part in patch.split(patch.patches()[branch]):
        (top / part.path).write_text(pre_image(part.text))
    return top


def contents(top: Path) -> dict[str, bytes]:
    """Return the contents of every file below a directory, leftovers included."""
    found = (place for place in top.rglob("*") if place.is_file())
    return {str(place.relative_to(top)): place.read_bytes() for place in found}
