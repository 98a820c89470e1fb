/*
 * Time spent spinning on locks and blocked on them, with the callers' stacks.
 *
 * Needs: the lockstat provider (DTrace modules loaded: kldload dtraceall), root.
 * Usage: dtrace -s locks.d -o locks.out      stop with Ctrl-C or SIGTERM
 *        pvprof report locks.out
 *
 * Output, one record for each distinct probe, lock and stack, behind a blank line:
 *     PROBE|LOCK NAME       probe: adaptive-spin, adaptive-block, rw-spin, rw-block
 *     kernel frames, leaf first
 *     NANOSECONDS COUNT
 * then for each probe and lock a histogram of the waits under a line: Q PROBE|LOCK NAME
 */

#pragma D option quiet

lockstat:::adaptive-block, lockstat:::adaptive-spin
{
	@ns[probename, stringof(args[0]->lock_object.lo_name), stack()] = sum(args[1]);
	@n[probename, stringof(args[0]->lock_object.lo_name), stack()] = count();
	@q[probename, stringof(args[0]->lock_object.lo_name)] = quantize(args[1]);
}

lockstat:::rw-block, lockstat:::rw-spin
{
	@ns[probename, stringof(args[0]->lock_object.lo_name), stack()] = sum(args[1]);
	@n[probename, stringof(args[0]->lock_object.lo_name), stack()] = count();
	@q[probename, stringof(args[0]->lock_object.lo_name)] = quantize(args[1]);
}

dtrace:::END
{
	printa("\n%s|%s%k%@d %@d\n", @ns, @n);
	printa("\nQ %s|%s %@d\n", @q);
}
