"""Mutations of JSON: values of other types, sizes and depths, and keys that are missing."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

from fuzz.mutations import MAX_ADDED_BYTES

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**53 + 1, 2**63, 2**64, 10**400, -(10**400), 1.5, 1e308),
    *(float("nan"), float("inf"), "", "x", "x" * 70_000, "\ud800", "\0", "a\0b", "\x1b]0;t\x07"),
    *("\u202e", "<script>alert(1)</script>", "a\nb", "a\rb", "../x", "/etc/passwd", "=1+1", "1"),
    *([], {}, [[]], [None], ["x"], {"x": 1}, {"": {}}, [0] * 5_000, "%s%n", "\x9b31m", ";", "a;b"),
)
_DEEP = 3_000
_MAX_VALUES = 300_000


def _deep(random: Random) -> Any:
    value: Any = random.choice((0, "x", []))
    for _ in range(random.choice((10, 500))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def _slots(document: Any) -> list[tuple[Any, Any]]:
    """Return (container, key or index) of the values in a document, the first 300,000."""
    found: list[tuple[Any, Any]] = []
    containers = [document]
    while containers and len(found) < _MAX_VALUES:
        one = containers.pop()
        keys = one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += ((one, key) for key in keys)
        containers += (one[key] for key in keys)
    return found


def _change(random: Random, document: Any) -> Any:
    """Change one value of a document in place, or return another document."""
    slots = _slots(document)
    if not slots or random.random() < 0.03:
        return deepcopy(random.choice(_VALUES))
    container, key = random.choice(slots)
    action = random.randrange(5)
    if action == 0:
        del container[key]
    elif action == 1:
        other, other_key = random.choice(slots)
        container[key] = json.loads(json.dumps(other[other_key]))
    elif action == 2 and isinstance(container, dict):
        container[random.choice(("", "x", "\0", "schema", "a" * 1000))] = container.pop(key)
    elif action == 2:
        text = json.dumps(container[key])
        times = min(random.choice((1, 3, 3_000)), MAX_ADDED_BYTES // len(text))
        container[key:key] = [json.loads(text) for _ in range(times)]  # each can be changed alone
    else:
        is_deep = random.random() < 0.1
        container[key] = _deep(random) if is_deep else deepcopy(random.choice(_VALUES))
    return document


def restructured(random: Random, text: bytes) -> bytes:
    """Return a document after one to three changes; a text that is none comes back as it is."""
    try:
        document = json.loads(text)
        for _ in range(random.choice((1, 1, 2, 3))):
            document = _change(random, document)
        changed = json.dumps(document).encode()
    except (ValueError, RecursionError):
        return text
    return b"[" * _DEEP + changed + b"]" * _DEEP if random.random() < 0.01 else changed
