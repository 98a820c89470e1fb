/*
 * Where the CPUs run: kernel and user stacks.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s oncpu.d -o oncpu.out      Ctrl-C or SIGTERM stops it
 *        pvprof report oncpu.out
 *
 * Output: pvprof's own grammar, see docs/layouts.md. Each name comes after its length.
 */

#pragma D option quiet
#pragma D option strsize=64
#pragma D option stackframes=32
#pragma D option switchrate=10hz
#pragma D option ustackframes=32

dtrace:::BEGIN
{
	printf("#pvprof 2 oncpu stock samples 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

profile:::profile-997
/arg0 != 0 && pid != $pid/
{
	@kernel_n[strlen(execname), execname, stack()] = count();
}

profile:::profile-997
/arg1 != 0 && pid != $pid/
{
	@user_n[strlen(execname), execname, ustack()] = count();
}

dtrace:::END
{
	printa("> on-cpu exec=%d:%s%k= %@d\n", @kernel_n);
	printa("> user exec=%d:%s%k= %@d\n", @user_n);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
