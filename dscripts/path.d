/*
 * What the critical path is made of: each wait, its waker, lives of threads.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s path.d -o path.out      Ctrl-C or SIGTERM stops it
 *        pvprof report path.out
 *
 * Output: pvprof's own grammar, see docs/layouts.md. Each name comes after its length.
 */

#pragma D option quiet
#pragma D option strsize=64
#pragma D option stackframes=32
#pragma D option switchrate=20hz
#pragma D option bufsize=8m

dtrace:::BEGIN
{
	printf("#pvprof 2 path stock ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0 && curthread->td_blocked != NULL && pid != $pid/
{
	this->name = stringof(curthread->td_lockname);
	this->class = (`lock_classes[(curthread->td_blocked->ts_lockobj->lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(curthread->td_blocked->ts_lockobj->lo_flags >> 24) & 0xf]->lc_name) : "");
	printf("S %d %d %d %d turnstile %x %d name=%d:%s class=%d:%s exec=%d:%s\n^%a %x\n", timestamp, tid, pid, cpu, (uintptr_t)curthread->td_blocked->ts_lockobj, curthread->td_blocked->ts_owner != NULL ? curthread->td_blocked->ts_owner->td_tid : 0, strlen(this->name), this->name, strlen(this->class), this->class, strlen(execname), execname, caller, caller);
	stack();
	printf(".\n");
}

sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0 && curthread->td_blocked == NULL && pid != $pid/
{
	this->name = stringof(curthread->td_wmesg);
	this->class = (((uintptr_t)curthread->td_wchan & (sizeof (uintptr_t) - 1)) == 0 && ((struct lock_object *)curthread->td_wchan)->lo_name == curthread->td_wmesg) ? (`lock_classes[(((struct lock_object *)curthread->td_wchan)->lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(((struct lock_object *)curthread->td_wchan)->lo_flags >> 24) & 0xf]->lc_name) : "") : "";
	printf("S %d %d %d %d sleepq %x %d name=%d:%s class=%d:%s exec=%d:%s\n^%a %x\n", timestamp, tid, pid, cpu, (uintptr_t)curthread->td_wchan, 0, strlen(this->name), this->name, strlen(this->class), this->class, strlen(execname), execname, caller, caller);
	stack();
	printf(".\n");
}

sched:::off-cpu
/(curthread->td_proc->p_flag & 0x4) == 0 && curthread->td_state == 3 && pid != $pid/
{
	printf("S %d %d %d %d runq-preempted 0 0 exec=%d:%s\n", timestamp, tid, pid, cpu, strlen(execname), execname);
	stack();
	printf(".\n");
}

sched:::off-cpu
/(curthread->td_proc->p_flag & 0x4) == 0 && curthread->td_state == 1 && (curthread->td_inhibitors & 0x1a) == 0 && pid != $pid/
{
	printf("S %d %d %d %d sleepq 0 0 name=9:suspended exec=%d:%s\n", timestamp, tid, pid, cpu, strlen(execname), execname);
	stack();
	printf(".\n");
}

/*
 * A new thread, which has never left a CPU.
 */
sched:::enqueue
/(curthread->td_proc->p_flag & 0x4) == 0 && args[0]->td_generation == 0 && pid != $pid/
{
	printf("S %d %d %d %d runq-new 0 %d exec=%d:%s\n", timestamp, args[0]->td_tid, args[0]->td_proc->p_pid, cpu, tid, strlen(stringof(args[0]->td_proc->p_comm)), stringof(args[0]->td_proc->p_comm));
	printf(".\n");
	printf("W %d %d %d %d exec=%d:%s\n^%a %x\n", timestamp, args[0]->td_tid, tid, cpu, strlen(execname), execname, caller, caller);
	stack();
	printf(".\n");
}

sched:::enqueue
/(args[0]->td_proc->p_flag & 0x4) == 0 && args[0]->td_generation != 0 && args[0]->td_tid != tid/
{
	printf("W %d %d %d %d exec=%d:%s\n^%a %x\n", timestamp, args[0]->td_tid, tid, cpu, strlen(execname), execname, caller, caller);
	stack();
	printf(".\n");
}

/*
 * A thread runs again: the reader joins it with what it waited for.
 */
sched:::on-cpu,
sched:::remain-cpu
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	printf("R %d %d %d\n", timestamp, tid, cpu);
}

proc:::lwp-exit
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	printf("X %d %d %d %d exec=%d:%s\n", timestamp, tid, pid, cpu, strlen(execname), execname);
	printf(".\n");
}

dtrace:::END
{
	printf("#end %d %d\n", timestamp, walltimestamp);
}
