/*
 * One record for every time a thread blocked.
 *
 * Needs: sched:::sleep and sched:::on-cpu (DTrace modules loaded: kldload dtraceall), root.
 * Usage: dtrace -s events.d -o events.out      stop with Ctrl-C or SIGTERM
 *        pvprof report events.out
 *
 * Output, times in ns:
 *     B MONOTONIC WALL-CLOCK                     begin
 *     E START WAIT PID TID CPU EXECNAME t|s OBJECT OWNER NAME
 *                                                t: turnstile, s: sleep queue; object in hex;
 *                                                owner a thread id, 0 for none; a blank line, then
 *                                                kernel frames, leaf first
 *     Z MONOTONIC WALL-CLOCK                     end
 * Records stand in the order of the per-CPU buffers, not of time.
 * Kernel processes (P_KPROC, 0x4) are left out.
 */

#pragma D option quiet
#pragma D option dynvarsize=32m
#pragma D option bufsize=8m
#pragma D option switchrate=20hz

dtrace:::BEGIN
{
	printf("B %d %d\n", timestamp, walltimestamp);
}

sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0/
{
	self->ts = timestamp;
	self->lock = curthread->td_blocked != NULL;
	self->obj = curthread->td_blocked != NULL ? (uintptr_t)curthread->td_blocked->ts_lockobj : (uintptr_t)curthread->td_wchan;
	self->owner = curthread->td_blocked != NULL && curthread->td_blocked->ts_owner != NULL ? curthread->td_blocked->ts_owner->td_tid : 0;
	self->why = curthread->td_blocked != NULL ? curthread->td_lockname : curthread->td_wmesg;
}

sched:::on-cpu
/self->ts/
{
	printf("E %d %d %d %d %d %s %s %x %d %s\n", self->ts, timestamp - self->ts, pid, tid, cpu, execname, self->lock ? "t" : "s", self->obj, self->owner, stringof(self->why));
	stack();
	self->ts = 0;
	self->lock = 0;
	self->why = 0;
	self->obj = 0;
	self->owner = 0;
}

dtrace:::END
{
	printf("Z %d %d\n", timestamp, walltimestamp);
}
