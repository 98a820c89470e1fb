/*
 * Off-CPU time of a stock kernel, by what was waited for and stack, aggregated.
 *
 * Needs: a stock kernel, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s offcpu.d -o offcpu.out      Ctrl-C or SIGTERM stops it
 *        pvprof report offcpu.out
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
	printf("#pvprof 2 offcpu stock ns 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

/*
 * The lock, or the wait message, which the waker clears. Which of them, and on
 * what queue, is in the low bits of the time: each variable costs. They are
 * never set to 0: that frees them, and to allocate them again costs more.
 */
sched:::sleep
/(curthread->td_proc->p_flag & 0x4) == 0 && pid != $pid/
{
	this->kind = curthread->td_blocked != NULL ? 2 : (((uintptr_t)curthread->td_wchan & (sizeof (uintptr_t) - 1)) == 0 && ((struct lock_object *)curthread->td_wchan)->lo_name == curthread->td_wmesg ? 1 : 0);
	start[curthread] = (timestamp << 2) | this->kind;
	what[curthread] = this->kind == 2 ? (uintptr_t)curthread->td_blocked->ts_lockobj : this->kind == 1 ? (uintptr_t)curthread->td_wchan : (uintptr_t)curthread->td_wmesg;
}

sched:::on-cpu,
sched:::remain-cpu
/(curthread->td_proc->p_flag & 0x4) == 0 && start[curthread] > 1/
{
	this->start = start[curthread];
	this->what = what[curthread];
	start[curthread] = 1;
	this->ns = timestamp - (this->start >> 2);
	this->kind = this->start & 3;
	this->how = this->kind == 2 ? "turnstile" : "sleepq";
	this->name = this->kind == 0 ? stringof((char *)this->what) : stringof(((struct lock_object *)this->what)->lo_name);
	this->class = this->kind == 0 ? "" : (`lock_classes[(((struct lock_object *)this->what)->lo_flags >> 24) & 0xf] != NULL ? stringof(`lock_classes[(((struct lock_object *)this->what)->lo_flags >> 24) & 0xf]->lc_name) : "");
	@wait_ns[this->how, strlen(this->name), this->name, strlen(this->class), this->class, stack()] = sum(this->ns);
	@wait_n[this->how, strlen(this->name), this->name, strlen(this->class), this->class, stack()] = count();
}

dtrace:::END
{
	printa("> %s name=%d:%s class=%d:%s%k= %@d %@d\n", @wait_ns, @wait_n);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
