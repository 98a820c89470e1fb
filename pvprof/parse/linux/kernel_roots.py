"""The frames in which stacks of the kernel begin: they tell such a stack, and its order."""

from __future__ import annotations

import re
from collections.abc import Sequence

_KERNEL_ROOT = re.compile(
    rb"(?:entry_(?:SYSCALL|SYSENTER|INT80|FRED)\w*|asm_\w+|ret_from_fork\w*|kthread|start_kernel"
    rb"|(?:common|secondary)_startup\w*|x86_64_start_\w+|el[01]t?_\w+|__syscall_ret\w*"
    rb"|system_call_\w+|handle_exception\w*)(?:\+.*)?"
)
_KERNEL_ADDRESS = re.compile(rb"0xffff[0-9a-f]{12}")
_PROGRAM_FRAME = re.compile(rb"0x[0-9a-f]{1,12}|[^`]+`.*")  # an address, or with its file


def is_kernel_root(frame: bytes) -> bool:
    """Tell whether a raw frame is one of the functions in which stacks of the kernel begin."""
    return _KERNEL_ROOT.fullmatch(frame) is not None


def order_of_stack(frames: Sequence[bytes]) -> int:
    """Return a sort key that puts a stack of the kernel before one that may be either's.

    A stack of a program comes last. A damaged user stack may end in any address, so the kernel's
    addresses tell only if nothing has a name.

    Args:
        frames: raw, leaf first, at least one.
    """
    if is_kernel_root(frames[-1]) or all(map(_KERNEL_ADDRESS.fullmatch, frames)):
        return 0
    return 2 if any(map(_PROGRAM_FRAME.fullmatch, frames)) else 1
