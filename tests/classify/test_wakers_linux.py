"""Which function of a waker tables name: the one that decided to wake, not one that delivers it."""

from __future__ import annotations

import pytest
from test_rules import fields_of

from pvprof.classify.interrupts import is_interrupt
from pvprof.classify.rules_file import load_rules
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack, stack_of

RULES = load_rules()
CASES = [fields for _, fields in fields_of("wakers-linux.txt", "who | frames | caller")]


def stack(functions: str) -> Stack:
    return stack_of(f"kernel`{function}" for function in functions.split())


@pytest.mark.parametrize(("who", "frames", "caller"), CASES, ids=lambda field: field[-30:])
def test_the_top_caller_of_a_waker_decided_to_wake(who: str, frames: str, caller: str) -> None:
    assert is_interrupt(stack(frames)) == (who == "interrupt")
    assert RULES.top_caller(Key("wakeup"), stack(frames)) == f"kernel`{caller}"


def test_a_wait_in_the_same_functions_has_its_own_caller() -> None:
    text = "do_syscall_64 tcp_sendmsg tcp_sendmsg_locked sk_stream_wait_memory schedule __schedule"
    assert RULES.top_caller(Key("off-cpu"), stack(text)) == "kernel`tcp_sendmsg_locked"
    assert RULES.top_caller(
        Key("spinlock-spin"), stack(f"{text} tcp_v4_do_rcv _raw_spin_lock")
    ) == ("kernel`tcp_v4_do_rcv")


def test_of_a_waker_without_another_function_the_leaf_is_named() -> None:
    assert RULES.waker_of(stack("wake_up_process try_to_wake_up")) == "kernel`try_to_wake_up"
    assert RULES.waker_of(Stack("sh`main;-;kernel`try_to_wake_up")) == "kernel`try_to_wake_up"
