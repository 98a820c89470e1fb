# The recorder's part for dtrace(1) of FreeBSD; recorder.sh describes its functions.

dtrace_tools() { echo dtrace sysctl kldload kldstat time; }

dtrace_supply() { echo 'they are in the base system: look at PATH'; }

dtrace_explain() {
	problem=$(grep -v -e '^$' -e ' lowered to ' "$1" | head -n 3 | sed 's/^dtrace: //' | tr '\n' ' ' | sed 's/ $//')
	hint=''
	case $problem in
	*'additional privileges'*)
		problem="not allowed to trace: $problem"
		hint='run as root, and not in a jail' ;;
	*'device not available'*)
		if ! has_hooks; then
			problem='this kernel was built without DTrace'
			hint='build it with options KDTRACE_HOOKS and KDTRACE_FRAME, which GENERIC has'
		else
			problem="the kernel module dtraceall does not load: $(head -n 1 "$work/kldload.txt" 2>/dev/null | grep . || echo "$problem")"
			hint='modules must be built with the kernel: see dmesg, and kldstat'
		fi ;;
	*tf_rbp*)
		problem='this kernel is not one for amd64: samples may lack the innermost callers'
		hint='record oncpu' ;;
	*'any CTF data'*)
		problem='this kernel has no CTF data, so dtrace does not know its types'
		hint='build it with makeoptions WITH_CTF=1, which GENERIC has' ;;
	*kernel:profile*'does not match any probes'*)
		problem='this kernel has no kernel:profile probes'
		hint='apply the kernel patch (pvprof patch apply), or record offcpu or events' ;;
	*'is out of range for kernel:profile'*)
		problem='the kernel:profile probes are those of an older patch'
		hint='apply the kernel patch of this version (pvprof patch apply), or record offcpu or events' ;;
	*'does not match any probes'*)
		problem="a probe is missing: $problem"
		hint='kldload dtraceall; pvprof doctor says which modes work here' ;;
	'')
		problem='dtrace ended without a message' ;;
	*)
		problem="dtrace refused the program: $problem"
		hint='pvprof script prints the program' ;;
	esac
}

# Load the kernel module if it is not loaded. It stays loaded: the next recording needs it, too.
dtrace_open() {
	dtrace -l -n dtrace:::BEGIN >/dev/null 2>"$work/trial.txt" && return 0
	grep -q 'not available' "$work/trial.txt" || return 1
	kldload dtraceall >/dev/null 2>"$work/kldload.txt" || return 1
	dtrace -l -n dtrace:::BEGIN >/dev/null 2>"$work/trial.txt" || return 1
	note 'loaded the kernel module dtraceall'
}

dtrace_ending() {
	cat <<-END

		/* The recorder, however it ends. */
		proc:::exit
		/pid == \$$1/
		{ exit(0); }
	END
}

# sh(1) starts jobs in groups of their own while it controls them, for which it needs no terminal.
apart=''
dtrace_apart() { case $1 in on) set -m ;; off) set +m ;; esac 2>/dev/null; }

dtrace_compile() { dtrace -e -s "$@"; }

dtrace_start() {
	program_file=$1
	shift
	exec dtrace -s "$program_file" -o "$record/raw.out" "$@"
}

dtrace_attached() { :; }

dtrace_follow() { :; }

dtrace_insist() { :; }

dtrace_look() { :; }

# Of several such lines the others are in names of processes: BEGIN comes first, and END last.
dtrace_mark() {
	case $1 in
	begin) find_line begin <"$record/raw.out" ;;
	end) tail -n 9 "$record/raw.out" | grep . | tail -n 1 | find_line end ;;
	esac
}

# find_line NAME: print "MONOTONIC WALL" of the first such mark
find_line() {
	sed -n "/^#$1 [0-9][0-9]* [0-9][0-9]*\$/{
		s/^#$1 //p
		q
	}"
}

dtrace_drops() {
	awk '/^dtrace: [0-9]+ .*drops?/ { sum += $2 } END { print sum + 0 }' "$record/stderr.txt"
}

# exec gets the words unchanged.
dtrace_starter() {
	cat <<-'END'
	times=$1
	shift
	kill -s STOP $$
	exec time -l -o "$times" "$@"
	END
}

dtrace_times() { :; }

dtrace_killed() { grep -q 'time: command terminated abnormally$' "$record/workload.txt"; }

# truncate(1) can make holes since FreeBSD 14.
dtrace_forget() { truncate -d -o "$1" -l "$2" "$record/raw.out"; }

dtrace_refusal() { head -n 1 "$record/workload.txt" | grep '^time: '; }

fact() { sysctl -n "$1" 2>/dev/null; }

# has_fact NAME: true or false, whether the kernel has the variable
has_fact() { if fact "$1" >/dev/null; then printf true; else printf false; fi; }

dtrace_facts() {
	is_patched=false
	# Its exit status is 0 even if nothing matches.
	dtrace -l -n kernel:profile:: 2>/dev/null | grep -q ' kernel  *profile ' && is_patched=true
	kldstat >"$record/kldstat.txt" 2>/dev/null
	cat <<-END
	"kernel": {
	  "system": $(json "$(uname -s)"),
	  "release": $(json "$(uname -r)"),
	  "ident": $(json "$(fact kern.ident)"),
	  "version": $(json "$(fact kern.version)"),
	  "osreldate": $(number "$(fact kern.osreldate)"),
	  "machine": $(json "$(uname -m)"),
	  "scheduler": $(json "$(fact kern.sched.name)"),
	  "has_profile_probes": $is_patched,
	  "has_witness": $(has_fact debug.witness.watch),
	  "has_lock_profiling": $(has_fact debug.lock.prof.enable)
	},
	"model": $(json "$(fact hw.model)"),
	"ncpu": $(number "$(fact hw.ncpu)"),
	"domains": $(number "$(fact vm.ndomains)"),
	"memory_bytes": $(number "$(fact hw.physmem)"),
	"timecounter": $(json "$(fact kern.timecounter.hardware)")
	END
}

# has_hooks: whether the kernel was built with DTrace.
has_hooks() { [ "$(fact kern.features.kdtrace_hooks)" = 1 ]; }

dtrace_findings() {
	finding ok system "$(uname -s) $(uname -r) $(uname -m), $(fact kern.ident), $(fact hw.ncpu) CPUs"
	[ "$(fact security.jail.jailed)" != 1 ] ||
		finding note jail 'this is a jail' 'if dtrace cannot be used here, record on the host itself'
	clock=$(fact kern.timecounter.hardware)
	case $(uname -m) in
	amd64 | i386)
		# dtrace counts time by the TSC, whatever the timecounter is.
		if [ "$(fact kern.timecounter.smp_tsc)" = 1 ] && [ "$(fact kern.timecounter.invariant_tsc)" = 1 ]; then
			finding ok clock "timecounter $clock; the TSC is invariant, and the same on all CPUs"
		else
			finding note clock "timecounter $clock; the kernel does not trust the TSC, by which dtrace counts time" \
				'times of threads that change CPUs may be wrong; check the drift below'
		fi ;;
	*) finding ok clock "timecounter $clock" ;;
	esac
}

# How far dtrace's clock and the time of day drift apart in a second: times have that error.
dtrace_trial() {
	cat >"$work/drift.d" <<-'END'
	#pragma D option quiet
	dtrace:::BEGIN
	{
		printf("%d %d\n", timestamp, walltimestamp);
	}
	profile:::tick-1s
	{
		printf("%d %d\n", timestamp, walltimestamp);
		exit(0);
	}
	END
	drift=$(dtrace -s "$work/drift.d" 2>/dev/null | LC_ALL=C awk '
		NF == 2 { lines++; if (lines == 1) { began = $1; wall = $2 } else { ns = $1 - began; real = $2 - wall } }
		END { if (lines == 2 && real > 0) printf "%.1f", 100 * (ns > real ? ns - real : real - ns) / real }')
	case $drift in
	'') ;;
	0.*) finding ok drift "dtrace's clock and the time of day differ by $drift % in a second" ;;
	*)
		finding note drift "dtrace's clock and the time of day differ by $drift % in a second" \
			'all times have that error: compare shares, not seconds; usual under emulation' ;;
	esac
}

dtrace_symbols() {
	nm -n "$(fact kern.bootfile)" 2>/dev/null | gzip -c >"$record/symbols.nm.gz" 2>/dev/null ||
		rm -f "$record/symbols.nm.gz"
}
