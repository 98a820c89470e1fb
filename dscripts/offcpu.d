/*
 * Off-CPU time of a stock kernel, by what was waited for and stack, aggregated.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s offcpu.d -o offcpu.out      Ctrl-C or SIGTERM stops it
 *        pvprof report offcpu.out
 *
 * Output: pvprof's own grammar, see docs/layouts.md. Each name comes after its length.
 */

#pragma D option quiet
#pragma D option strsize=64
#pragma D option stackframes=32
#pragma D option switchrate=10hz
#pragma D option dynvarsize=32m

dtrace:::BEGIN
{
	printf("#pvprof 1 offcpu stock ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

/*
 * The sign tells a turnstile (negative) from a sleep queue: one variable less.
 * The name must be kept, the waker clears it.
 */
sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	self->start = curthread->td_blocked != NULL ? -(int64_t)timestamp : (int64_t)timestamp;
	self->why = curthread->td_blocked != NULL ? curthread->td_lockname : curthread->td_wmesg;
}

sched:::on-cpu,
sched:::remain-cpu
/(curthread->td_proc->p_flag & 0x4) == 0 && self->start != 0/
{
	this->start = self->start;
	this->why = self->why;
	this->ns = this->start < 0 ? timestamp + this->start : timestamp - this->start;
	self->start = 0;
	self->why = 0;
	@wait_ns[this->start < 0 ? "turnstile" : "sleepq", strlen(stringof(this->why)), stringof(this->why), stack()] = sum(this->ns);
	@wait_n[this->start < 0 ? "turnstile" : "sleepq", strlen(stringof(this->why)), stringof(this->why), stack()] = count();
}

dtrace:::END
{
	printa("> %s name=%d:%s%k= %@d %@d\n", @wait_ns, @wait_n);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
