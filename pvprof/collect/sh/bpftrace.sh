# The recorder's part for bpftrace(8) of Linux; recorder.sh describes its functions.
# The output is one JSON object per line; the marks are in printf objects.

bpftrace_tools() { echo bpftrace mount umount env setsid; }

bpftrace_supply() { echo 'install the package bpftrace'; }

bpftrace_explain() {
	# Warnings come first, if there are any.
	from='1'
	! grep -v RLIMIT_MEMLOCK "$1" | grep -q ERROR || from='/ERROR/'
	problem=$(grep -v -e '^$' -e RLIMIT_MEMLOCK "$1" | sed -n "$from,\$p" | head -n 3 |
		sed -e 's/^.*ERROR: //' | tr '\n' ' ' | sed 's/ $//')
	hint=''
	case $problem in
	'process namespace')
		problem='process ids here differ from those of the kernel: this is a container'
		hint='record on the host itself' ;;
	*'invalid option'*)
		problem="$(bpftrace -V 2>/dev/null) does not know the options that are needed"
		hint='install bpftrace 0.17 or newer' ;;
	*'running as the root'*)
		problem="not allowed to trace: $problem"
		hint='run as root' ;;
	*'Segmentation fault'* | *Aborted*)
		problem="bpftrace crashed: $problem"
		hint='try another release of bpftrace'
		[ -z "${BPFTRACE_BTF-}" ] || hint="BPFTRACE_BTF is $BPFTRACE_BTF: unset it" ;;
	*'Operation not permitted'* | *'Permission denied'* | *lockdown*)
		problem="not allowed to trace: $problem"
		hint='run as root on the host itself: not in a container, without kernel lockdown' ;;
	*'not found: lock:'*)
		problem='this kernel has no lock:contention_begin'
		hint='it came with Linux 5.19; record offcpu or events' ;;
	*'racepoint not found'*)
		problem="a tracepoint is missing: $problem"
		hint='mount -t tracefs tracefs /sys/kernel/tracing' ;;
	*task_struct*)
		problem="this kernel does not describe its types: $problem"
		hint='it was built without CONFIG_DEBUG_INFO_BTF' ;;
	'')
		problem='bpftrace ended without a message' ;;
	*)
		problem="bpftrace refused the program: $problem"
		hint='pvprof script --tracer bpftrace prints the program' ;;
	esac
}

# bpftrace finds tracepoints through tracefs: mount it for the time of the run if it is missing.
bpftrace_open() {
	# Programs see process ids of the kernel's first namespace (PROC_PID_INIT_INO); in another one
	# they would not match those known here.
	if [ "$(readlink /proc/self/ns/pid)" != 'pid:[4026531836]' ]; then
		echo 'ERROR: process namespace' >"$work/trial.txt"
		return 1
	fi
	if [ ! -e /sys/kernel/tracing/events/sched ] && [ ! -e /sys/kernel/debug/tracing/events/sched ]; then
		keep mount /sys/kernel/tracing
		mount -t tracefs tracefs /sys/kernel/tracing 2>"$work/trial.txt" || { forget mount && return 1; }
	fi
	bpftrace_dialect
	bpftrace -q -e 'BEGIN { exit(); }' >/dev/null 2>"$work/trial.txt"
}

# Releases differ in two options. To try a program: -d, from 0.22 on --dry-run, which attaches its
# probes, too. To report updates of maps that fail: -k, from 0.23 on nothing: there -k reports each
# look-up of a key that is not in a map.
bpftrace_dialect() {
	usage=$(bpftrace --help 2>&1)
	case $usage in *--dry-run*) dry_run=--dry-run ;; *) dry_run=-d ;; esac
	case $usage in *' -kk '*) reports=-k ;; *) reports='' ;; esac
}

bpftrace_ending() {
	cat <<-END

		// The recorder, however it ends.
		tracepoint:sched:sched_process_exit
		/pid == \$$1/
		{ exit(); }
	END
}

apart=''
bpftrace_apart() { case $1 in on) apart=setsid ;; off) apart='' ;; esac; }

has_user_stacks() { grep -q 'ustack(' "$1"; }

# User stacks are recorded as addresses; pvprof looks their names up, with the memory maps that
# bpftrace_follow saves. bpftrace's own look-up takes a minute, and with libbcc before 0.33 it closes
# files that are not its own, raw.out among them. Releases since 0.18 have a mode for addresses, those
# before 0.20 a variable.
bpftrace_compile() {
	if has_user_stacks "$1"; then
		: "${raw_mode:=$(bpftrace "$dry_run" -e 'BEGIN { @a = ustack(raw, 1); }' >/dev/null 2>&1 && echo yes || echo no)}"
		[ "$raw_mode" = no ] || sed -i 's/ustack(\([0-9]\)/ustack(raw, \1/g' "$1"
	fi
	bpftrace "$dry_run" "$@"
}

bpftrace_start() {
	has_user_stacks "$1" && environment="$environment BPFTRACE_NO_USER_SYMBOLS=1"
	# A program that counts its samples knows what was lost without reports; and to those, each sample of
	# user code is a failure, since it has no kernel stack.
	grep -q '@samples' "$1" && reports=''
	# shellcheck disable=SC2086 # one word for each variable, and one or none
	exec env $environment bpftrace -q $reports -f json -o "$record/raw.out" "$@"
}

# Save the memory maps of the processes that the program announces, until it ends: a process may be
# gone a moment later. The shell itself reads the new lines, so that only maps cost a process.
bpftrace_follow() {
	has_user_stacks "$record/script.bt" || return 0
	exec 5<"$record/raw.out"
	begun='' is_last=''
	until [ -n "$is_last" ]; do
		if [ -e "$work/over" ] || [ ! -d "$work" ]; then is_last=1; fi
		set --
		while IFS= read -r line <&5; do
			line=$begun$line begun=''
			case $line in
			'{"type": "printf", "data": "#process '[0-9]*)
				process=${line#*#process }
				process=${process%%[!0-9]*}
				echo "$process" >>"$work/processes"
				set -- "$@" "/proc/$process/maps" ;;
			'{"type": "printf", "data": "#processes-end'*) break 2 ;;
			esac
		done
		begun=$begun$line
		save_maps "$@"
		# Where processes come and go, the next ones will not wait.
		if [ "$#" -eq 0 ]; then sleep 0.1; else sleep 0.02; fi
	done
	[ -e "$work/processes" ] || return 0
	# shellcheck disable=SC2046 # one word for each
	save_maps $(sort -u "$work/processes" | sed 's|.*|/proc/&/maps|')
	{
		cat "$work/maps"
		list_code
		list_compiled
	} 2>/dev/null | gzip -c >"$record/user-maps.txt.gz" || rm -f "$record/user-maps.txt.gz"
}

# save_maps FILE...: of these /proc/PID/maps, the lines of memory that holds code
save_maps() {
	[ "$#" -eq 0 ] || grep -sH '^[0-9a-f-]* ..x' "$@" >>"$work/maps"
}

# Print "file DEVICE INODE BUILD-ID PATH" for each file in the maps that is still there. The build id,
# which a linker puts near the beginning of a file, tells it from others of its name.
list_code() {
	sed -n 's|^/proc/\([0-9]*\)/maps:[^ ]* [^ ]* [^ ]* \([^ ]* [0-9]*\) *\(/.*\)|\2 \3 \1|p' "$work/maps" |
		sort | awk '{ process = $NF; sub(/ [0-9]+$/, "") } $0 != last && NR > 1 { print id, last }
			{ last = $0; id = process } END { if (NR) print id, last }' |
		while read -r process device inode path; do
			file=/proc/$process/root$path # it may be in a container
			if [ ! -f "$file" ]; then
				file=$path
				[ -f "$file" ] || continue
				found=$(ls -Ldi "$file")
				found=${found#"${found%%[! ]*}"}
				[ "${found%% *}" = "$inode" ] || continue
			fi
			echo "file $device $inode $path"
			od -An -v -tx1 -N 4096 "$file"
		done | awk '
			function flush() {
				if (name == "") return
				id = match(bytes, /04000000(14|10|08)00000003000000474e5500/) ? substr(bytes, RSTART + 32) : ""
				size = id == "" ? 0 : (substr(bytes, RSTART + 8, 2) == "14" ? 40 : substr(bytes, RSTART + 8, 2) == "10" ? 32 : 16)
				print name, (size ? substr(id, 1, size) : "-"), path
			}
			$1 == "file" {
				flush()
				name = $1 " " $2 " " $3
				path = $0
				sub(/^file [^ ]* [^ ]* /, "", path)
				bytes = ""
				next
			}
			{ gsub(/ /, ""); bytes = bytes $0 }
			END { flush() }'
}

# Print what programs say of code that they have compiled at run time, as perf finds it. Anybody may
# write to /tmp: a pipe would never end, and a link may lead to what only root may read.
list_compiled() {
	sort -u "$work/processes" | while read -r process; do
		for file in "/tmp/perf-$process.map" "/proc/$process/root/tmp/perf-$process.map"; do
			{ [ -f "$file" ] && [ ! -L "$file" ]; } || continue
			head -c 16000000 "$file" | sed "s|^|compiled $process |"
			break
		done
	done | head -c 64000000
}

# shellcheck disable=SC2010 # its names are numbers
bpftrace_attached() { ls -l "/proc/$tracing/fd" 2>/dev/null | grep -c anon_inode; }

# bpftrace loses a signal that arrives while it reads events. One that arrives when its probes are
# detached, and END prints, cuts the output off.
bpftrace_insist() {
	[ "$(bpftrace_attached)" -lt "$attached" ] || kill -s TERM "$tracing" 2>/dev/null
}

# The kernel runs no program while another one runs on the same CPU, or bpf(2) changes a map there.
# It counts what it skipped.
bpftrace_look() {
	skipped=$(cat "/proc/$tracing/fdinfo/"* 2>/dev/null |
		awk '/^recursion_misses:/ { sum += $2; seen = 1 } END { if (seen) printf "%d", sum }')
	[ -z "$skipped" ] || { echo "$skipped" >"$work/skipped"; } 2>/dev/null
}

# The output may be large: the first mark is near its beginning, the other one near its end, unless
# many records of losses follow.
bpftrace_mark() {
	case $1 in
	begin) find_mark begin <"$record/raw.out" ;;
	end)
		end_mark=$(tail -n 20 "$record/raw.out" | find_mark end)
		if [ -n "$end_mark" ]; then echo "$end_mark"; else last_output | find_mark end; fi ;;
	esac
}

# Print the output in which an end mark can be: of a live view the last of it, since it may have a hole.
last_output() { if [ "$is_live" = 1 ]; then tail -c 1000000 "$record/raw.out"; else cat "$record/raw.out"; fi; }

# find_mark NAME: print "MONOTONIC WALL" of the first such mark in the output
find_mark() {
	sed -n "/^{\"type\": \"printf\", \"data\": \"#$1 /{
		s/^[^#]*#$1 \\([0-9][0-9]* [0-9][0-9]*\\)\\\\n\"}\$/\\1/p
		q
	}"
}

# During the run only new output is searched: the whole may be large. At the end, a program that
# counted the waits it saw begin (events) is taken at its word: each must be there.
bpftrace_drops() {
	[ -z "${1-}" ] || [ "$is_live" = 1 ] || rm -f "$work/dropped"
	seen=0 dropped=0
	[ ! -s "$work/dropped" ] || read -r seen dropped <"$work/dropped"
	size=$(($(wc -c <"$record/raw.out")))
	more=$(tail -c +$((seen + 1)) "$record/raw.out" | head -c $((size - seen)) | LC_ALL=C awk '
		function figure(text) { gsub(/[^0-9]/, "", text); return text + 0 }
		/^{"type": "lost_events"/ { sub(/.*"events": /, ""); lost += $0 }
		/^{"type": "helper_error", .*"helper": "map_update_elem"/ { full++ }
		/^{"type": "map", "data": {"@(waits|spans)_[0-9]": {/ { known += gsub(/": \[\[/, "") }
		/^{"type": "map", "data": {"@open(_spans)?": {/ { known += gsub(/": \[/, "") }
		/^{"type": "map", "data": {"@missed": / { known += figure($0) }
		/^{"type": "map", "data": {"@begun": / { if (figure($0) > begun) begun = figure($0) }
		END { printf "%d", lost + (begun == "" ? full : begun > known ? begun - known : 0) }')
	# On a full disk the next call counts all again.
	{ echo "$size $((dropped + more))" >"$work/dropped"; } 2>/dev/null || rm -f "$work/dropped"
	echo $((dropped + more))
}

# It starts no other process: that would count as the workload's.
bpftrace_starter() {
	cat <<-'END'
	out=$1
	shift
	kill -s STOP $$
	read -r begin rest </proc/uptime
	"$@"
	status=$?
	read -r end rest </proc/uptime
	{ echo "$begin $end"; times; } >"$out"
	exit "$status"
	END
}

# workload_facts: print the workload's exit code, as the kernel has it, and how long it ran, in ns.
workload_facts() {
	last_output |
		sed -n 's/^{"type": "printf", "data": "#workload-exit \([0-9]* [0-9]*\)\\n"}$/\1/p' | tail -n 1
}

# The shell's clock has steps of 10 ms. The program has measured the time from fork to exit, unless the
# workload is a command that the shell has built in.
bpftrace_times() {
	[ -s "$record/time.txt" ] || return 0
	LC_ALL=C awk -v facts="$(workload_facts)" '
		function seconds(text, parts) { split(text, parts, /[ms]/); return parts[1] * 60 + parts[2] }
		NR == 1 { real = $2 - $1; split(facts, fact); ns = fact[2] / 1e9; if (ns > 0 && ns < real + 1) real = ns }
		NR == 3 { user = seconds($1); sys = seconds($2) }
		END { if (NR == 3) printf "%.6f real %.2f user %.2f sys\n", real, user, sys }' \
		"$record/time.txt" >"$work/times" && mv "$work/times" "$record/time.txt"
}

bpftrace_killed() {
	code=$(workload_facts)
	code=${code% *}
	[ -n "$code" ] && [ $((code % 128)) -ne 0 ]
}

bpftrace_forget() { fallocate -p -o "$1" -l "$2" "$record/raw.out"; }

bpftrace_refusal() { head -n 1 "$record/workload.txt" | grep -F ": $1: " | grep 'starter\.sh: '; }

# first FILE KEY: the first VALUE in a file of lines "KEY: VALUE" or "KEY=VALUE"
first() { sed -n "s/^$2[[:space:]]*[:=][[:space:]]*\"\\{0,1\\}\\([^\"]*\\).*/\\1/p" "$1" 2>/dev/null | head -n 1; }

has_file() { if [ -e "$1" ]; then printf true; else printf false; fi; }

count_cpus() { grep -c '^processor' /proc/cpuinfo 2>/dev/null; }

clock_source() { cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2>/dev/null; }

bpftrace_facts() {
	kilobytes=$(first /proc/meminfo MemTotal)
	nodes=$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | wc -l)
	cat <<-END
	"tracer_version": $(json "$(bpftrace -V 2>/dev/null)"),
	"kernel": {
	  "system": $(json "$(uname -s)"),
	  "release": $(json "$(uname -r)"),
	  "ident": $(json "$(first /etc/os-release PRETTY_NAME)"),
	  "version": $(json "$(uname -v)"),
	  "machine": $(json "$(uname -m)"),
	  "has_witness": $(has_file /proc/lockdep),
	  "has_lock_profiling": $(has_file /proc/lock_stat)
	},
	"model": $(json "$(first /proc/cpuinfo 'model name')"),
	"ncpu": $(number "$(count_cpus)"),
	"domains": $(number "$((nodes > 0 ? nodes : 1))"),
	"memory_bytes": $(number "$((${kilobytes%% *} * 1024))"),
	"timecounter": $(json "$(clock_source)")
	END
}

bpftrace_findings() {
	finding ok system "$(uname -s) $(uname -r) $(uname -m), $(first /etc/os-release PRETTY_NAME)"
	if [ -e /sys/kernel/btf/vmlinux ]; then finding ok types 'BTF'; else
		finding note types 'no BTF' 'without it kernel threads cannot be recognised'
	fi
	finding note clock "timecounter $(clock_source), $(count_cpus) CPUs"
}

bpftrace_trial() { :; }

# Frames have names already; these symbols are for the addresses of locks. A kernel without
# CONFIG_KALLSYMS_ALL lists only a few variables, and any address would seem to be in one of them.
bpftrace_symbols() {
	[ "$(grep -c ' [bBdD] ' /proc/kallsyms 2>/dev/null)" -gt 1000 ] || return 0
	grep ' [bBdD] ' /proc/kallsyms | sort | gzip -c >"$record/symbols.nm.gz" 2>/dev/null ||
		rm -f "$record/symbols.nm.gz"
}
