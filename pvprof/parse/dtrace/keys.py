"""The meaning of the text lines in an aggregation's key.

D programs print their key before the stack, after it, or both. Each known shape is a pattern here;
a text of any other shape is the name of a process. pvprof's own D programs need no such guess.
"""

from __future__ import annotations

import re
from enum import Enum

from pvprof.model.profile import Key
from pvprof.units import Unit

_WAIT = re.compile(r"@?(turnstile|sleepq|(?:adaptive|rw|sx|lockmgr|spin|thread)-[a-z-]+)\|(.*)")
_LOCK_TYPE = re.compile(r"(sleep mutex|spin mutex|rw|rm|sleepable rm|sx|lockmgr)\|(.*)")
_WAKEUP = re.compile(r"-> ?(.*)")
_PADDING = re.compile(r" {2,}")
_USER = re.compile(r"user (.+)")


class TextAfter(Enum):
    """The meaning of a text line between the stack and the value."""

    NAME = "a lock name or wait message (the script of the D24217 thread)"
    EXECNAME = "the process (the published FreeBSD off-CPU scripts)"


def key_from_texts(before: str | None, after: str | None, meaning: TextAfter) -> Key:
    """Return the key that the texts before and after a stack spell; None: there is no text.

    ``turnstile|vm object``, ``rw-spin|pmap pv list``  mechanism and lock name or wait message
    ``-> sh`` after the stack      a wake-up: the stack and the text before it are the waker's
    ``user sh`` before the stack   a user stack of that process
    anything else                  the process; after the stack, as `meaning` says
    """
    mechanism = name = execname = sleeper = ""
    if before is not None:
        wait = _WAIT.fullmatch(before)
        lock = _LOCK_TYPE.fullmatch(before)
        user = _USER.fullmatch(before)
        if wait or lock:
            mechanism, name = (wait or lock).groups()  # type: ignore[union-attr]
        else:
            execname = user.group(1) if user else before
    if after is not None:
        wakeup = _WAKEUP.fullmatch(after)
        if wakeup:
            mechanism, sleeper = "wakeup", wakeup.group(1)
        elif meaning is TextAfter.NAME:
            name = after
        else:
            execname = f"{execname}|{after}" if execname else after
    return Key(mechanism, name, execname, sleeper)


def is_wait_key(text: str) -> bool:
    """Tell whether a text is the key of a wait, which begins a record: ``sleepq|tmpfs``."""
    return _WAIT.fullmatch(text) is not None


def split_padded(text: str) -> list[str]:
    """Split a key that dtrace itself printed: strings, each padded to its column."""
    return _PADDING.split(text.strip())


def histogram_key(before: str | None, after: str | None) -> Key:
    """Return the key of a histogram.

    A text by itself is the name of the wait. ``Q event|name `` is from ``printa("Q %s|%s %@d")``:
    one blank at the end belongs to the format, any more belong to the name.
    """
    if before is not None and before.startswith("Q "):
        key = key_from_texts(before[2:].removesuffix(" "), after, TextAfter.NAME)
        if key.mechanism:
            return key
    key = key_from_texts(before, after, TextAfter.NAME)
    return key if key.name else Key(key.mechanism, key.execname, "", key.sleeper)


def unit_of(key: Key, has_count: bool, single: Unit) -> Unit:
    """Return the unit of a record's first number.

    Two numbers are a time and a count. One number is a time if the key names a wait, otherwise it
    has the unit `single`.

    Args:
        key: of the record.
        has_count: there is a second number.
        single: the unit of single numbers.
    """
    if has_count or key.mechanism not in ("", "on-cpu") or key.name:
        return "ns"
    return single
