/*
 * Off-CPU time of a kernel with the kernel:profile probes, aggregated.
 *
 * Needs: kernel:profile:{sleepq,turnstile}:{block,wakeup} (patched kernel), root.
 * Usage: dtrace -s offcpu-sdt.d -o offcpu.out      stop with Ctrl-C or SIGTERM
 *        pvprof report offcpu.out
 *
 * Output, one record for each distinct wait and stack:
 *     @turnstile|LOCK NAME   or   @sleepq|WAIT MESSAGE
 *     kernel frames, leaf first
 *     NANOSECONDS
 * Kernel processes (P_KPROC, 0x4) are left out.
 */

#pragma D option quiet
#pragma D option dynvarsize=32m

kernel:profile:turnstile:block
/(curthread->td_proc->p_flag & 0x4) == 0/
{
	self->ts = timestamp;
	self->name = curthread->td_lockname;
}

kernel:profile:sleepq:block
/(curthread->td_proc->p_flag & 0x4) == 0/
{
	self->ts = timestamp;
	self->name = curthread->td_wmesg;
}

kernel:profile::wakeup
/self->ts/
{
	@[probefunc, stringof(self->name), stack()] = sum(timestamp - self->ts);
	self->ts = 0;
	self->name = 0;
}

dtrace:::END
{
	printa("@%s|%s%k%@d\n", @);
}
