/*
 * Who wakes sleeping threads: the waker's stack, and how long the other one slept.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s wakeup.d -o wakeup.out      Ctrl-C or SIGTERM stops it
 *        pvprof report wakeup.out
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
	printf("#pvprof 2 wakeup stock ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	since[curthread] = timestamp;
}

sched:::wakeup
/since[args[0]] > 1/
{
	this->ns = timestamp - since[args[0]];
	this->why = args[0]->td_blocked != NULL ? args[0]->td_lockname : args[0]->td_wmesg;
	since[args[0]] = 1;
	@wake_ns[strlen(stringof(this->why)), stringof(this->why), strlen(stringof(args[1]->p_comm)), stringof(args[1]->p_comm), strlen(execname), execname, caller, caller, stack()] = sum(this->ns);
	@wake_n[strlen(stringof(this->why)), stringof(this->why), strlen(stringof(args[1]->p_comm)), stringof(args[1]->p_comm), strlen(execname), execname, caller, caller, stack()] = count();
}

dtrace:::END
{
	printa("> wakeup name=%d:%s sleeper=%d:%s exec=%d:%s\n^%a %x%k= %@d %@d\n", @wake_ns, @wake_n);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
