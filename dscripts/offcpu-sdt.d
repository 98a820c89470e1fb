/*
 * Off-CPU time of a kernel with the kernel:profile probes, aggregated.
 *
 * Needs: the kernel patch (pvprof patch), DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s offcpu-sdt.d -o offcpu-sdt.out      Ctrl-C or SIGTERM stops it
 *        pvprof report offcpu-sdt.out
 *
 * Output: pvprof's own grammar, see docs/layouts.md. Each name comes after its length.
 */

#pragma D option quiet
#pragma D option strsize=64
#pragma D option stackframes=32
#pragma D option switchrate=10hz

dtrace:::BEGIN
{
	printf("#pvprof 2 offcpu sdt ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

kernel:profile:turnstile:wakeup
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	this->name = stringof(args[0]->lo_name);
	this->class = stringof(args[3]);
	@turnstile_ns[strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = sum(args[2]);
	@turnstile_n[strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = count();
}

kernel:profile:sleepq:wakeup
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	this->name = stringof(args[1]);
	this->class = stringof(args[3]);
	@sleepq_ns[strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = sum(args[2]);
	@sleepq_n[strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = count();
}

dtrace:::END
{
	printa("> turnstile name=%d:%s class=%d:%s\n^%a %x%k= %@d %@d\n", @turnstile_ns, @turnstile_n);
	printa("> sleepq name=%d:%s class=%d:%s\n^%a %x%k= %@d %@d\n", @sleepq_ns, @sleepq_n);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
