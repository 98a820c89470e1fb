/*
 * One record for every time a thread waited, by the kernel:profile probes.
 *
 * Needs: the kernel patch (pvprof patch), DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s events-sdt.d -o events-sdt.out      Ctrl-C or SIGTERM stops it
 *        pvprof report events-sdt.out
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
	printf("#pvprof 2 events sdt ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

kernel:profile:turnstile:block
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	this->name = stringof(args[0]->lo_name);
	this->class = stringof(args[2]);
	printf("S %d %d %d %d turnstile %x %d name=%d:%s class=%d:%s exec=%d:%s\n^%a %x\n", timestamp, tid, pid, cpu, (uintptr_t)args[0], args[1] != NULL ? args[1]->td_tid : 0, strlen(this->name), this->name, strlen(this->class), this->class, strlen(execname), execname, caller, caller);
	stack();
	printf(".\n");
}

kernel:profile:turnstile:wakeup
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	printf("R %d %d %d %d\n", timestamp, tid, cpu, args[2]);
}

kernel:profile:sleepq:block
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	this->name = stringof(args[1]);
	this->class = stringof(args[2]);
	printf("S %d %d %d %d sleepq %x %d name=%d:%s class=%d:%s exec=%d:%s\n^%a %x\n", timestamp, tid, pid, cpu, (uintptr_t)args[0], 0, strlen(this->name), this->name, strlen(this->class), this->class, strlen(execname), execname, caller, caller);
	stack();
	printf(".\n");
}

kernel:profile:sleepq:wakeup
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	printf("R %d %d %d %d\n", timestamp, tid, cpu, args[2]);
}

dtrace:::END
{
	printf("#end %d %d\n", timestamp, walltimestamp);
}
