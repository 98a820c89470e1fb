/*
 * Where the CPUs run: kernel and user stacks, 997 times a second.
 *
 * Needs: the profile provider (DTrace modules loaded: kldload dtraceall), root.
 * Usage: dtrace -s oncpu.d -o oncpu.out      stop with Ctrl-C or SIGTERM
 *        pvprof report oncpu.out
 *
 * Output, one record for each distinct process and stack, behind a blank line:
 *     EXECNAME (kernel stack)   or   user EXECNAME (user stack)
 *     frames, leaf first
 *     SAMPLES
 */

#pragma D option quiet

profile-997
/arg0/
{
	@k[execname, stack()] = count();
}

profile-997
/arg1/
{
	@u[execname, ustack()] = count();
}

dtrace:::END
{
	printa("\n%s%k%@d\n", @k);
	printa("\nuser %s%k%@d\n", @u);
}
