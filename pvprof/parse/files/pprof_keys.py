"""The keys of samples of pprof, from their labels.

pvprof's labels are ``lock``, ``process``, ``mechanism``, ``woken``, ``pid`` and ``tid``; ``kind``
and ``class`` follow from these by the rules. Other tools name the process and its ids, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pvprof.model.mechanisms import FOLDED, mechanism_of
from pvprof.model.profile import Key
from pvprof.model.stacks import (
    NO_PROCESS,
    WAKER_DELIMITER,
    Frame,
    Stack,
    clean_frame,
    frames_of,
    stack_of,
)

_OWN_LABELS = frozenset(("kind", "class", "lock", "process", "mechanism", "woken", "pid", "tid"))

Labels = Mapping[str, str]
"""The labels of a sample: texts by name."""

_PROCESS_NAMES = ("process", "comm", "process_name")
_MAX_ID_DIGITS = 10


def are_own(labels: Labels) -> bool:
    """Tell whether labels are those that pvprof writes; there must be any."""
    return bool(labels) and labels.keys() <= _OWN_LABELS


def key_of(labels: Labels, ids: Literal["", "pid", "tid"], *, is_own: bool) -> Key:
    """Return the key of a sample.

    Args:
        labels: of the sample.
        ids: which ids are to be kept apart.
        is_own: whether pvprof wrote them.
    """
    pid = _number(labels.get("pid", "")) if ids else -1
    tid = _number(labels.get("tid", "")) if ids == "tid" else -1
    if not is_own:
        names = (labels[name] for name in _PROCESS_NAMES if labels.get(name))
        return Key(FOLDED, execname=next(names, ""), pid=pid, tid=tid)
    mechanism, lock, process, woken = map(labels.get, ("mechanism", "lock", "process", "woken"))
    return Key(mechanism or "", lock or "", process or "", woken or "", pid=pid, tid=tid)


def _number(text: str) -> int:
    is_id = text.isascii() and text.isdigit() and len(text) <= _MAX_ID_DIGITS
    return int(text) if is_id else -1


def bare_frames(stack: Stack, labels: Labels) -> Stack:
    """Return a stack of pvprof's own without the frames that folding added to the recorded ones.

    ::

        sh;main;read;pipe lock;rw-spin        process, recorded frames, lock, mechanism
           main;read

    They are those of ``analysis.stacks.fold``; a lock may also be in front of all others.
    """
    frames = frames_of(stack)
    between = [WAKER_DELIMITER] if labels.get("woken") else []
    reason = list(map(clean_frame, _reason(labels)))
    size, process = len(between + reason), _process_frames(labels)
    at_leaf = size > 0 and frames[-size:] == between + reason
    at_root = size > 0 and frames[:size] == reason + between
    if at_leaf and at_root:  # a name that is a frame, too: the process tells
        at_leaf = len(frames) > size and frames[size] not in process
    if at_leaf:
        del frames[-size:]
    elif at_root:
        del frames[:size]
    if frames and frames[0] in process:
        del frames[0]
    return stack_of(frames)


def _reason(labels: Labels) -> list[str]:
    """Return the names of the lock or the wait."""
    reason = [labels["lock"]] if labels.get("lock") else []
    reason += [f"-> {labels['woken']}"] if labels.get("woken") else []
    mechanism = labels.get("mechanism", "")
    return [*reason, mechanism] if mechanism_of(mechanism).is_frame else reason


def _process_frames(labels: Labels) -> set[Frame]:
    """Return the frames that may name the process: alone, or with one or both ids."""
    name, ids = labels.get("process", ""), [labels.get(one, "-") for one in ("pid", "tid")]
    known = [[name]] if name else []
    if ids != ["-", "-"]:
        known += [[name or NO_PROCESS, *ids[:count]] for count in (1, 2)]
    return {clean_frame("/".join(parts)) for parts in known}
