/*
 * Where the CPUs run: kernel and user stacks.
 *
 * Needs: a kernel for amd64, DTrace's modules (kldload dtraceall), root.
 * Usage: dtrace -s oncpu-amd64.d -o oncpu-amd64.out      Ctrl-C or SIGTERM stops it
 *        pvprof report oncpu-amd64.out
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
	printf("#pvprof 2 oncpu amd64 samples 0.1.0 frames=32\n");
	printf("#begin %d %d\n", timestamp, walltimestamp);
}

profile:::profile-997
/arg0 != 0 && pid != $pid/
{
	this->frame = (uintptr_t)curthread->td_intr_frame->tf_rbp;
	this->top = curthread->td_kstack + curthread->td_kstack_pages * 4096;
	this->frame = this->frame > curthread->td_kstack && this->frame < this->top ? this->frame : 0;
	this->frame1 = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0;
	this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0;
	this->frame = this->frame > curthread->td_kstack && this->frame < this->top ? this->frame : 0;
	this->frame2 = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0;
	this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0;
	this->frame = this->frame > curthread->td_kstack && this->frame < this->top ? this->frame : 0;
	this->frame3 = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0;
	this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0;
	this->frame = this->frame > curthread->td_kstack && this->frame < this->top ? this->frame : 0;
	this->frame4 = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0;
	this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0;
	this->frame = this->frame > curthread->td_kstack && this->frame < this->top ? this->frame : 0;
	this->frame5 = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0;
	this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0;
	this->frame = this->frame > curthread->td_kstack && this->frame < this->top ? this->frame : 0;
	this->frame6 = this->frame != 0 ? *(uintptr_t *)(this->frame + 8) : 0;
	this->frame = this->frame != 0 ? *(uintptr_t *)this->frame : 0;
	@kernel_n[strlen(execname), execname, arg0, arg0, this->frame1, this->frame1, this->frame2, this->frame2, this->frame3, this->frame3, this->frame4, this->frame4, this->frame5, this->frame5, this->frame6, this->frame6, stack()] = count();
}

profile:::profile-997
/arg1 != 0 && pid != $pid/
{
	@user_n[strlen(execname), execname, ustack()] = count();
}

dtrace:::END
{
	printa("> on-cpu exec=%d:%s\n^%a %x\n^%a %x\n^%a %x\n^%a %x\n^%a %x\n^%a %x\n^%a %x%k= %@d\n", @kernel_n);
	printa("> user exec=%d:%s%k= %@d\n", @user_n);
	printf("#end %d %d\n", timestamp, walltimestamp);
}
