"""Recordings in which every text was written to harm."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.native_writer import run_again, sleep, text_of, wake

MARKUP = (
    "<script>hit()</script>",
    "</script><script>hit()</script>",
    '"><img src=x onerror=hit()>',
    "'><svg onload=hit()>",
    "</title></style></text><iframe src=javascript:hit()>",
    "]]><script>hit()</script>",
    "--><a href='javascript:hit()'>x</a>",
    "<link rel=stylesheet href=http://example.org/x.css>",
    "<base href=http://example.org/><form action=/>",
    "{{7*7}}${hit()}{%x%}",
    "javascript:hit()",
    "&lt;script&gt;hit()&lt;/script&gt;",
    "<image href='http://example.org/x.png'/><use href='#x'/>",
    "\\u003cscript>hit()\\u003c/script>",
    "__proto__",
    "\u2028hit()//\u2029",
)
FACTS = ("host", "model", "mode", "program", "tracer", "scope", "notes", "incomplete_reason")


def make_waits(place: Path, names: tuple[str, ...], label: str) -> Path:
    """Write a recording of single waits with these names in every field that a name can be in."""
    place.mkdir()
    records = []
    for number, name in enumerate(names):
        text, time = name.encode(), 1100 + 100 * number
        tid, more = 10 + number, {"name": text, "exec": text[:60], "class": b"rw"}
        frame = b"kernel`" + text.replace(b"\n", b" ")
        records += [
            sleep((time, tid, tid, 0), "turnstile", (4096 + number, 0), more, [frame, b"kernel`f"]),
            wake((time + 20, tid, 99, 0), {"exec": text[:60]}, [frame]),
            run_again(time + 50 + number, tid, 0),
        ]
    (place / "raw.out").write_bytes(text_of(records, "events"))
    every = " ".join(names)
    facts = {"schema": 1, **dict.fromkeys(FACTS, every), "label": label, "complete": False}
    facts |= {"mode": "events", "drops": dict.fromkeys(names, 3), "workload": list(names)}
    facts |= {"kernel": {"ident": every, "version": every, "system": every}, "real_s": 1.5}
    (place / "manifest.json").write_text(json.dumps(facts))
    (place / "stderr.txt").write_text("".join(f"dtrace: error on {name}\n" for name in names))
    return place
