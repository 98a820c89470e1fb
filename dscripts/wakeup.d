/*
 * Who wakes sleeping threads: the waker's stack, and how long the other one slept.
 *
 * Needs: sched:::sleep and sched:::wakeup (DTrace modules loaded: kldload dtraceall), root.
 * Usage: dtrace -s wakeup.d -o wakeup.out      stop with Ctrl-C or SIGTERM
 *        pvprof report wakeup.out
 *
 * Output, one record for each distinct waker, stack and sleeper, behind a blank line:
 *     EXECNAME of the waker
 *     its kernel frames, leaf first
 *     -> EXECNAME of the sleeper
 *     NANOSECONDS that it slept
 */

#pragma D option quiet
#pragma D option dynvarsize=32m

sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0/
{
	ts[curthread] = timestamp;
}

sched:::wakeup
/ts[args[0]]/
{
	@[execname, stack(), stringof(args[1]->p_comm)] = sum(timestamp - ts[args[0]]);
	ts[args[0]] = 0;
}

dtrace:::END
{
	printa("\n%s%k-> %s\n%@d\n", @);
}
