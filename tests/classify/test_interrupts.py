"""Whether a waker's stack is that of an interrupt, or of the thread that it borrowed."""

from __future__ import annotations

import pytest

from pvprof.classify.interrupts import is_interrupt
from pvprof.model.stacks import Stack, stack_of

# Root first, as recorded on Linux 6.18 unless another origin is given.
_SEND = (
    "entry_SYSCALL_64_after_hwframe do_syscall_64 ksys_write vfs_write sock_write_iter tcp_sendmsg"
)
_SENDS = f"{_SEND} __dev_queue_xmit __local_bh_enable_ip do_softirq.part.0"
_RECEIVES = (
    "process_backlog __netif_receive_skb_one_core tcp_v4_rcv sock_def_readable try_to_wake_up"
)
_IDLE = "common_startup_64 start_secondary cpu_startup_entry do_idle cpuidle_enter default_idle"

INTERRUPTS = {
    "a disk": f"{_SEND} asm_common_interrupt common_interrupt __irq_exit_rcu handle_softirqs"
    " blk_done_softirq blk_mq_end_request blk_update_request complete try_to_wake_up",
    "a timer, on an idle CPU": f"{_IDLE} pv_native_safe_halt asm_sysvec_apic_timer_interrupt"
    " sysvec_apic_timer_interrupt hrtimer_interrupt hrtimer_wakeup try_to_wake_up",
    "packets, after an interrupt": f"{_IDLE} asm_sysvec_apic_timer_interrupt __irq_exit_rcu"
    f" handle_softirqs net_rx_action __napi_poll {_RECEIVES}",
    "a kernel thread's part of them": "ret_from_fork_asm ret_from_fork kthread smpboot_thread_fn"
    f" run_ksoftirqd handle_softirqs net_rx_action __napi_poll {_RECEIVES}",
    # after kernel/softirq.c: what came while the thread kept soft interrupts off
    "a timer that was put off": f"{_SENDS} handle_softirqs run_timer_softirq call_timer_fn",
    "a disk that was put off": f"{_SENDS} handle_softirqs blk_done_softirq complete",
    "a network card that was put off": f"{_SENDS} handle_softirqs net_rx_action virtnet_poll",
    "Linux before 6.9": f"{_SENDS} do_softirq_own_stack __do_softirq run_timer_softirq",
    "packets of another one, that were put off": "do_syscall_64 begin_new_exec flush_thread"
    " __local_bh_enable_ip do_softirq.part.0 handle_softirqs net_rx_action __napi_poll"
    f" {_RECEIVES}",
    # after kernel/sched/idle.c
    "a call from another CPU, on an idle one": f"{_IDLE} flush_smp_call_function_queue complete",
    # after arch/arm64/kernel/entry.S, entry-common.c
    "arm64": "ret_from_fork do_el0_svc el1h_64_irq el1h_64_irq_handler el1_interrupt"
    " call_on_irq_stack handle_domain_irq handle_irq_event complete",
    "arm64, from a program": "el0t_64_irq el0t_64_irq_handler el0_interrupt handle_irq_event",
    "arm64 before 5.17": "el0_svc_handler el1_irq gic_handle_irq generic_handle_irq complete",
    # after arch/x86/entry/entry_64.S of Linux 5.4
    "older x86": "do_syscall_64 apic_timer_interrupt smp_apic_timer_interrupt hrtimer_interrupt",
    "older x86, a device": "do_syscall_64 ret_from_intr do_IRQ irq_exit __do_softirq net_rx_action",
    "FreeBSD": "trap lapic_handle_timer+0x9b softclock_call_cc sleepq_timeout",
}
THREADS = {
    "packets to this machine": f"{_SENDS} handle_softirqs net_rx_action __napi_poll {_RECEIVES}",
    "the same before Linux 6.9": f"{_SENDS} do_softirq_own_stack __do_softirq net_rx_action"
    f" {_RECEIVES}",
    "a thread that an interrupt lets die": "asm_sysvec_reschedule_ipi irqentry_exit_to_user_mode"
    " arch_do_signal_or_restart get_signal do_group_exit do_exit do_notify_parent",
    "arm64, the same": "el0t_64_irq el0t_64_irq_handler el0_interrupt do_notify_resume do_signal"
    " get_signal do_exit",
    "a thread that is preempted": "do_syscall_64 vfs_write asm_sysvec_apic_timer_interrupt"
    " sysvec_apic_timer_interrupt irqentry_exit preempt_schedule_irq __schedule wake_up_process",
    "a system call": f"{_SEND} sock_def_readable try_to_wake_up",
    "a thread of FreeBSD": "fork_exit ithread_loop softclock_call_cc",
    "a function of another name": "my_handleevents",
}


def stack(functions: str) -> Stack:
    return stack_of(f"kernel`{function}" for function in functions.split())


@pytest.mark.parametrize("name", INTERRUPTS)
def test_an_interrupt_is_told_by_its_functions(name: str) -> None:
    assert is_interrupt(stack(INTERRUPTS[name]))


@pytest.mark.parametrize("name", THREADS)
def test_a_thread_is_no_interrupt(name: str) -> None:
    assert not is_interrupt(stack(THREADS[name]))


def test_a_new_interrupt_may_come_where_another_one_ended() -> None:
    assert is_interrupt(stack(f"{THREADS['a thread that is preempted']} {INTERRUPTS['a disk']}"))
    assert not is_interrupt(stack(f"{INTERRUPTS['FreeBSD']} {'irqentry_exit __schedule'}"))
    assert not is_interrupt(Stack("sh`handle_softirqs;-;kernel`do_syscall_64;kernel`pipe_write"))
