/*
 * How long runnable threads wait for a CPU: preemption is not contention.
 *
 * Needs: sched:::enqueue and sched:::on-cpu (DTrace modules loaded: kldload dtraceall), root.
 * Usage: dtrace -s runq.d -o runq.out      stop with Ctrl-C or SIGTERM
 *        pvprof report runq.out
 *
 * Output, one line for each process: EXECNAME NANOSECONDS COUNT
 * then one histogram of all these waits.
 */

#pragma D option quiet

sched:::enqueue
{
	rq[args[0]] = timestamp;
}

sched:::on-cpu
/rq[curthread]/
{
	@ns[execname] = sum(timestamp - rq[curthread]);
	@n[execname] = count();
	@q = quantize(timestamp - rq[curthread]);
	rq[curthread] = 0;
}

dtrace:::END
{
	printa("%s %@d %@d\n", @ns, @n);
	printa(@q);
}
