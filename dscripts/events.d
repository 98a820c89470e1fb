/*
 * One record for every time a thread waited.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s events.d -o events.out      Ctrl-C or SIGTERM stops it
 *        pvprof report events.out
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
	printf("#pvprof 2 events stock ns 0.1.0 frames=32\n");
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

/*
 * A thread runs again: the reader joins it with what it waited for.
 */
sched:::on-cpu,
sched:::remain-cpu
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	printf("R %d %d %d\n", timestamp, tid, cpu);
}

dtrace:::END
{
	printf("#end %d %d\n", timestamp, walltimestamp);
}
