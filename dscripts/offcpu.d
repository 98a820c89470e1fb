/*
 * Off-CPU time of a stock kernel, by what was waited for and stack, aggregated.
 *
 * Needs: sched:::sleep and sched:::on-cpu (DTrace modules loaded: kldload dtraceall), root.
 * Usage: dtrace -s offcpu.d -o offcpu.out      stop with Ctrl-C or SIGTERM
 *        pvprof report offcpu.out
 *
 * Output, one record for each distinct wait and stack, behind a blank line:
 *     turnstile|LOCK NAME   or   sleepq|WAIT MESSAGE
 *     kernel frames, leaf first
 *     (blank line)
 *     NANOSECONDS COUNT
 * Kernel processes (P_KPROC, 0x4) are left out.
 */

#pragma D option quiet
#pragma D option dynvarsize=32m

sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0/
{
	self->ts = timestamp;
	self->lock = curthread->td_blocked != NULL;
	self->why = curthread->td_blocked != NULL ? curthread->td_lockname : curthread->td_wmesg;
}

sched:::on-cpu
/self->ts/
{
	@ns[self->lock ? "turnstile" : "sleepq", stringof(self->why), stack()] = sum(timestamp - self->ts);
	@n[self->lock ? "turnstile" : "sleepq", stringof(self->why), stack()] = count();
	self->ts = 0;
	self->lock = 0;
	self->why = 0;
}

dtrace:::END
{
	printa("\n%s|%s%k\n%@d %@d\n", @ns, @n);
}
