/*
 * How long runnable threads wait for a CPU: preemption is not contention.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s runq.d -o runq.out      Ctrl-C or SIGTERM stops it
 *        pvprof report runq.out
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
	printf("#pvprof 2 runq stock ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

sched:::enqueue
{
	ready[args[0]] = timestamp;
}

/*
 * A thread leaves the CPU, still runnable (TDS_RUNQ).
 */
sched:::off-cpu
/curthread->td_state == 3 && pid != $pid/
{
	preempted[curthread] = timestamp;
}

sched:::on-cpu
/preempted[curthread] > 1 && pid != $pid/
{
	this->ns = timestamp - preempted[curthread];
	preempted[curthread] = 1;
	ready[curthread] = 1;
	@preempted_ns[strlen(execname), execname, stack()] = sum(this->ns);
	@preempted_n[strlen(execname), execname, stack()] = count();
	@preempted_by = quantize(this->ns);
}

sched:::on-cpu
/ready[curthread] > 1 && pid != $pid/
{
	this->ns = timestamp - ready[curthread];
	ready[curthread] = 1;
	@woken_ns[strlen(execname), execname, stack()] = sum(this->ns);
	@woken_n[strlen(execname), execname, stack()] = count();
	@woken_by = quantize(this->ns);
}

dtrace:::END
{
	printa("> runq-preempted exec=%d:%s%k= %@d %@d\n", @preempted_ns, @preempted_n);
	printa("? runq-preempted%@d.\n", @preempted_by);
	printa("> runq-woken exec=%d:%s%k= %@d %@d\n", @woken_ns, @woken_n);
	printa("? runq-woken%@d.\n", @woken_by);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
