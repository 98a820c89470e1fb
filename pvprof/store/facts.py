"""The facts of a recording: what the table ``recordings`` says of it, from its manifest."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pvprof.dataset.load import mode_of
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest, words
from pvprof.store.places.names import day_of
from pvprof.store.where import Value

# As uname -v of FreeBSD ends: stable/15-n283562-96841ea08dcf GENERIC
_COMMIT = re.compile(r"\bn\d+-([0-9a-f]{7,40})\b")
_MAX_TEXT = 4_096
"""The longest text of a fact; a manifest is a stranger's."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a user states of the recordings that are added.

    Attributes:
        commit: the source that ran; empty to go by the manifest.
        rules: hash of the rules.
    """

    commit: str = ""
    rules: str = ""


def identity_of(recording: Recording) -> str:
    """Return the hash of all that a recording consists of: the same for a copy of any form."""
    whole = hashlib.sha256()
    manifest = json.dumps(dict(recording.manifest.raw), sort_keys=True).encode()
    texts = (recording.stderr, recording.script, recording.kldstat)
    members = (manifest, *(text.encode("utf-8", "surrogatepass") for text in texts))
    more = (recording.symbols, recording.user_maps, recording.user_symbols)
    for member in (recording.data, *members, *more):
        whole.update(len(member).to_bytes(8, "big"))
        whole.update(member)
    return whole.hexdigest()


def id_of(identity: str) -> int:
    """Return the 64 bits by which tables know a recording."""
    return int.from_bytes(bytes.fromhex(identity)[:8], "big", signed=True)


def short_hash(text: str) -> int:
    """Return 64 bits of the hash of a text, signed."""
    digest = hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def storable(text: str) -> str:
    r"""Return a text that UTF-8 can hold: a lone surrogate is spelled out, ``\ud800``."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def facts_of(
    recording: Recording, parsed: ParseResult, identity: str, stated: Stated
) -> dict[str, Value]:
    """Map the columns of ``recordings`` to what is known of a recording; lists are not among them.

    Args:
        recording: as it was opened.
        parsed: what was read from it.
        identity: of `identity_of`.
        stated: by the user.
    """
    manifest = recording.manifest
    kernel = manifest.raw.get("kernel")
    parts = kernel if isinstance(kernel, Mapping) else {}
    version = words(parts.get("version"))
    found = _COMMIT.search(version)
    commit = stated.commit or words(manifest.raw.get("commit")) or (found[1] if found else "")
    begin_ns = manifest.begin_wall_ns
    if begin_ns is None and parsed.begin is not None:
        begin_ns = parsed.begin.wall_ns
    texts = {
        "name": recording.name,
        "day": day_of(begin_ns),
        "mode": manifest.mode or mode_of(parsed),
        "host": manifest.host,
        "model": manifest.model,
        "system": manifest.kernel.system,
        "kernel": manifest.kernel.text,
        "ident": words(parts.get("ident")) or words(manifest.raw.get("ident")),
        "release": words(parts.get("release")),
        "version": version,
        "commit": commit,
        "label": manifest.label,
        "workload": manifest.workload or "",
        "program": manifest.program,
        "tracer": manifest.tracer,
        "scope": manifest.scope,
        "exit_status": _exit(manifest),
        "layout": parsed.layout,
        "rules": stated.rules,
    }
    numbers: dict[str, Value] = {
        "ncpu": manifest.ncpu or None,
        "memory_bytes": manifest.memory_bytes or None,
        "run": manifest.run,
        "warmup": manifest.is_warmup,
        "begin_ns": begin_ns,
        "duration_ns": parsed.duration_ns or manifest.duration_ns or None,
        "real_s": manifest.real_s,
        "user_s": manifest.user_s,
        "sys_s": manifest.sys_s,
        "drops": manifest.drops,
        "skipped": manifest.skipped,
        "complete": manifest.is_complete,
        "losses": sum(one.count for one in parsed.problems if one.severity == "loss"),
        "records": parsed.records,
        "added_ns": time.time_ns(),
    }
    return {
        "recording_id": id_of(identity),
        "identity": identity,
        "digest": hashlib.sha256(recording.data).hexdigest(),
        **{name: storable(text[:_MAX_TEXT]) for name, text in texts.items()},
        **numbers,
        "manifest": json.dumps(dict(manifest.raw)) if manifest.raw else "",
        "script": storable(recording.script),
    }


def _exit(manifest: Manifest) -> str:
    """Return the exit status or signal of a workload; empty if unknown."""
    if manifest.exit_signal:
        return f"signal {manifest.exit_signal}"
    return "" if manifest.exit_status is None else str(manifest.exit_status)
