"""Whether a stack is that of an interrupt, by its functions.

An interrupt borrows the thread that was running: this thread did something else, and is no waker.
But a stack with an interrupt in it is the thread's own again where the interrupt ends::

    do_syscall_64 tcp_sendmsg __local_bh_enable_ip handle_softirqs net_rx_action process_backlog ...
        the thread's own: packets that it sent to this machine (the loopback device, veth)
    do_syscall_64 begin_new_exec __local_bh_enable_ip handle_softirqs process_backlog ...
        an interrupt: the thread sent nothing, another one's timer did
    do_syscall_64 vfs_write __local_bh_enable_ip handle_softirqs run_timer_softirq ...
        an interrupt: it was put off until the thread allowed soft interrupts again
    asm_common_interrupt common_interrupt __irq_exit_rcu handle_softirqs blk_done_softirq ...
        an interrupt
    ret_from_fork kthread run_ksoftirqd handle_softirqs ...
        an interrupt: a kernel thread does what is left of it
    asm_sysvec_apic_timer_interrupt irqentry_exit_to_user_mode get_signal do_exit ...
        the thread's own: it dies on its way back to its program

By Linux's ``kernel/softirq.c``, ``kernel/entry/common.c``, ``net/core/dev.c`` and the entry code of
its architectures.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pvprof.model.stacks import DELIMITER, Frame, Stack, frames_of

# Functions of FreeBSD's kernel that serve an interrupt on the thread that was running, also those
# that an idle thread calls in place of a timer interrupt.
_FREEBSD = (
    r"handleevents|callout_process|intr_event_handle|intr_execute_handlers|intr_irq_handler"
    r"|lapic_handle_\w+|ipi_bitmap_handler"
)
# Linux: x86, arm64, older x86; then what all architectures share. An idle thread does nothing else.
_LINUX = (
    r"asm_sysvec_\w+|sysvec_\w+|(?:asm_)?common_interrupt|xen_(?:pv_)?evtchn_do_upcall"
    r"|el[01][th]?_(?:64_|32_)?irq(?:_handler)?|el[01]_interrupt|gic_handle_irq"
    r"|(?:smp_)?(?:apic_timer|reschedule|call_function(?:_single)?|irq_work)_interrupt|ret_from_intr"
    r"|do_IRQ|do_irq|hrtimer_interrupt|generic_handle_(?:domain_)?irq|handle_irq_event(?:_percpu)?"
    r"|_*irq_exit(?:_rcu)?|run_ksoftirqd|run_timersd|do_idle|cpu_startup_entry"
)
_EFFECTS = {
    "interrupt": re.compile(f"{_FREEBSD}|{_LINUX}"),
    "soft interrupt": re.compile(r"handle_softirqs|__do_softirq"),
    # It takes packets from a queue of this CPU, which the loopback device and veth fill. They are
    # the thread's own if it is in the network's code.
    "own packets": re.compile(r"process_backlog"),
    "end": re.compile(
        r"irqentry_exit(?:_to_user_mode)?|exit_to_user_mode(?:_loop|_prepare)?"
        r"|exit_to_usermode_loop|prepare_exit_to_usermode|do_notify_resume"
        r"|(?:arm64_)?preempt_schedule_irq"
    ),
    "network": re.compile(
        r"_*(?:tcp|udp|ip6?|inet6?|icmp|sctp|raw|packet|sock|sk|skb|dev|neigh|netif)_\w+"
        r"|(?:release|lock)_sock\w*"
    ),
}
_MAX_FRAMES_KNOWN = 1 << 16


def is_interrupt(stack: Stack) -> bool:
    """Tell whether an interrupt, not the thread that it borrowed, runs at the leaf of a stack."""
    is_hard = is_soft = is_sending = False
    for frame in frames_of(stack):
        effect = _effect_of(frame)
        if effect == "end":
            is_hard = is_soft = is_sending = False
        elif effect == "interrupt":
            is_hard = True
        elif effect == "soft interrupt":
            is_soft = True
        elif effect == "own packets":
            is_soft = is_soft and not is_sending
        elif effect == "network":
            is_sending = is_sending or not (is_hard or is_soft)
    return is_hard or is_soft


def sender_of(frames: list[Frame]) -> list[Frame]:
    """Return the frames of the code that sent a packet to its own machine, root first.

    They are those outside the soft interrupt in which the thread also receives the packet. Of a
    stack without one, these are all frames.
    """
    for number, frame in enumerate(frames):
        if _effect_of(frame) == "soft interrupt":
            return frames[:number]
    return frames


@lru_cache(_MAX_FRAMES_KNOWN)
def _effect_of(frame: Frame) -> str:
    """Return the key in `_EFFECTS` of a frame, or an empty text."""
    if frame == DELIMITER:  # what comes before is a program's
        return "end"
    function = frame.rpartition("`")[2].partition("+")[0].partition(".")[0]
    found = (effect for effect, pattern in _EFFECTS.items() if pattern.fullmatch(function))
    return next(found, "")
