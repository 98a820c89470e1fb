"""What the rules of today say of stored rows: their kinds and lock classes, and which rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pvprof.classify.matcher import Matcher
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack


def labels_of(rules: Matcher) -> Callable[[Key, Stack], tuple[str, str]]:
    """Return a function that gives the kind and the lock class of a key and stack."""

    def labels(key: Key, stack: Stack) -> tuple[str, str]:
        if rules.may_name(key):
            key = key._replace(name=rules.name_of(key, stack))
        verdict = rules.classify(key, stack)
        return verdict.kind, verdict.lock_class

    return labels


def rules_hash() -> str:
    """Return the hash of pvprof's own rules."""
    from importlib.resources import files  # noqa: PLC0415 (only adding needs it)

    texts = (files("pvprof.classify") / name for name in ("freebsd.toml", "linux.toml"))
    return hashlib.sha256(b"".join(text.read_bytes() for text in texts)).hexdigest()[:16]
