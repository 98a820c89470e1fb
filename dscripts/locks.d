/*
 * Time spent spinning on locks and blocked on them, with the callers' stacks.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s locks.d -o locks.out      Ctrl-C or SIGTERM stops it
 *        pvprof report locks.out
 *
 * Output: pvprof's own grammar, see docs/layouts.md. Each name comes after its length.
 */

#pragma D option quiet
#pragma D option strsize=64
#pragma D option stackframes=32
#pragma D option switchrate=10hz

dtrace:::BEGIN
{
	printf("#pvprof 2 locks stock ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

lockstat:::adaptive-block,
lockstat:::adaptive-spin,
lockstat:::spin-spin,
lockstat:::thread-spin
/pid != $pid/
{
	this->name = stringof(args[0]->lock_object.lo_name);
	this->class = (`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf]->lc_name) : "");
	@wait_ns[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = sum(args[1]);
	@wait_n[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = count();
	@wait_by[probename, strlen(this->name), this->name, strlen(this->class), this->class] = quantize(args[1]);
}

lockstat:::rw-block,
lockstat:::rw-spin
/pid != $pid/
{
	this->name = stringof(args[0]->lock_object.lo_name);
	this->class = (`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf]->lc_name) : "");
	@wait_ns[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = sum(args[1]);
	@wait_n[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = count();
	@wait_by[probename, strlen(this->name), this->name, strlen(this->class), this->class] = quantize(args[1]);
}

lockstat:::sx-block,
lockstat:::sx-spin
/pid != $pid/
{
	this->name = stringof(args[0]->lock_object.lo_name);
	this->class = (`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf]->lc_name) : "");
	@wait_ns[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = sum(args[1]);
	@wait_n[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = count();
	@wait_by[probename, strlen(this->name), this->name, strlen(this->class), this->class] = quantize(args[1]);
}

lockstat:::lockmgr-block
/pid != $pid/
{
	this->name = stringof(args[0]->lock_object.lo_name);
	this->class = (`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(args[0]->lock_object.lo_flags >> 24) & 0xf]->lc_name) : "");
	@wait_ns[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = sum(args[1]);
	@wait_n[probename, strlen(this->name), this->name, strlen(this->class), this->class, caller, caller, stack()] = count();
	@wait_by[probename, strlen(this->name), this->name, strlen(this->class), this->class] = quantize(args[1]);
}

dtrace:::END
{
	printa("> %s name=%d:%s class=%d:%s\n^%a %x%k= %@d %@d\n", @wait_ns, @wait_n);
	printa("? %s name=%d:%s class=%d:%s%@d.\n", @wait_by);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
