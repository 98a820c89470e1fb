# The recorder: runs on the target, needs nothing but FreeBSD's base system.
#
# pvprof writes the settings and the D programs above this text (pvprof/recorder/__init__.py):
#   action       record or doctor
#   programs     names of D programs to try, best first; program_NAME prints one (- as _)
#   takes_pid    1: the programs take the process that starts the workload as $1
#   output       - for a stream on stdout, else the archive's name, empty for a default one
#   control      1: words on stdin steer (stop, drop), its end drops everything
#   mode, label, run, is_warmup, scope, options, wanted_s, version: for the manifest
#   with_symbols 1: the kernel's symbols are part of the recording
# and below it a call of main, with the workload's words behind --.
#
# Everything is said on stderr, one line each: "pvprof: error: ...", "pvprof: hint: ...",
# "pvprof: note: ...", "pvprof: state: ...", "pvprof: progress: SECONDS BYTES DROPS".
# Exit status: 0 a recording was made, 3 the target could not do it, 130 dropped on demand.

# On 4, our stderr: where 2 is elsewhere to hide what shells say of killed jobs, this still shows.
say() { printf 'pvprof: %s\n' "$*" >&4; }

note() {
	say "note: $1"
	notes="$notes${notes:+; }$1"
}

# fail MESSAGE [HINT]
fail() {
	say "error: $1"
	[ -z "${2-}" ] || say "hint: $2"
	exit 3
}

# --- processes -------------------------------------------------------------------------------

is_alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

state_of() { ps -o state= -p "$1" 2>/dev/null; }

# Print a process and all that descend from it.
tree_of() {
	ps -A -o pid= -o ppid= | awk -v top="$1" '
		{ parent[$1] = $2 }
		END {
			tree[top] = 1
			do {
				grown = 0
				for (child in parent)
					if (!(child in tree) && (parent[child] in tree))
						grown = tree[child] = 1
			} while (grown)
			for (child in tree) print child
		}' | sort -n
}

# Stop a process and all that descend from it; sets tree. Whoever runs may fork meanwhile, and a
# child whose parent dies is nobody's any more: so all are held still before any is signalled.
hold_tree() {
	held=''
	tree=$(tree_of "$1")
	while [ "$tree" != "$held" ]; do
		for process in $tree; do kill -s STOP "$process" 2>/dev/null; done
		held=$tree
		tree=$(tree_of "$1")
	done
}

# signal_all SIGNAL PID...: a stopped process acts on a signal only when it goes on.
signal_all() {
	signal=$1
	shift
	for process in "$@"; do
		kill -s "$signal" "$process" 2>/dev/null
		kill -s CONT "$process" 2>/dev/null
	done
}

kill_tree() {
	is_alive "$1" || return 0
	hold_tree "$1"
	# shellcheck disable=SC2086
	signal_all KILL $tree
}

# is_any_running PID...
is_any_running() { ps -o state= -p "$(echo "$*" | tr ' ' ,)" 2>/dev/null | grep -q '^[^Z]'; }

# End the workload: politely, then not. time(1) is left to write down what it saw.
end_workload() {
	is_alive "$workload" || return 0
	hold_tree "$workload"
	descendants=$(echo "$tree" | grep -vx "$workload")
	# shellcheck disable=SC2086
	signal_all TERM ${descendants:-$workload}
	kill -s CONT "$workload" 2>/dev/null
	patience=30
	# shellcheck disable=SC2086
	while is_any_running $tree; do
		if [ "$patience" -eq 0 ]; then
			# One by one: the parents between them and the workload may be gone.
			for survivor in $tree; do kill_tree "$survivor"; done
			return 0
		fi
		patience=$((patience - 1))
		sleep 0.1
	done
}

# wait that a trapped signal does not end
await() {
	while :; do
		wait "$1"
		awaited=$?
		[ "$awaited" -gt 128 ] && is_alive "$1" && continue
		return "$awaited"
	done
}

clean_up() {
	trap '' HUP INT TERM PIPE USR1 USR2
	trap - EXIT
	exec 2>/dev/null
	for job in "$heartbeat" "$listener" "$dtrace" "$workload" "$guard"; do
		kill_tree "$job"
	done
	[ -z "$work" ] || rm -rf "$work"
	[ -z "$part" ] || rm -f "$part"
	[ -z "$lock" ] || rm -rf "$lock"
	work='' part='' lock=''
}

drop() {
	trap '' PIPE
	say "note: dropped: nothing is left of the recording"
	clean_up
	exit 130
}

# The first wish to stop ends tracing and keeps the recording, the second drops it.
stop() {
	if [ -n "$stopped" ] || [ "$phase" = preparing ]; then drop; fi
	stopped=1
	say "state: stopping"
	[ "$phase" != recording ] || end_tracing
}

# Ask dtrace to end, once: asked twice, it is in a hurry and leaves out what END prints.
end_tracing() {
	[ ! -e "$work/asked" ] || return 0
	mkdir "$work/asked" 2>/dev/null
	kill -s TERM "$dtrace" 2>/dev/null
}

# --- what the target is and can do --------------------------------------------------------------

missing_tools() {
	for tool in awk sed tar gzip mktemp mkfifo ps od dd grep time "$@"; do
		[ -n "$(command -v "$tool")" ] || printf '%s ' "$tool"
	done
}

# Say what a message of dtrace's means: sets problem and hint.
explain() {
	problem=$(grep -v -e '^$' -e ' lowered to ' "$1" | head -n 3 | sed 's/^dtrace: //' | tr '\n' ' ' | sed 's/ $//')
	hint=''
	case $problem in
	*'additional privileges'*)
		problem="not allowed to trace: $problem"
		hint='run as root, and not in a jail' ;;
	*'device not available'*)
		problem="DTrace is not loaded: $problem"
		hint='kldload dtraceall; a kernel without it was built without KDTRACE_HOOKS' ;;
	*kernel:profile*'does not match any probes'*)
		problem='this kernel has no kernel:profile probes'
		hint='apply the kernel patch (pvprof patch apply), or record offcpu or events' ;;
	*'does not match any probes'*)
		problem="a probe is missing: $problem"
		hint='kldload dtraceall; pvprof doctor says which modes work here' ;;
	'')
		problem='dtrace ended without a word' ;;
	*)
		problem="dtrace refused the program: $problem"
		hint='pvprof script prints the program; kernels without CTF data cannot compile it' ;;
	esac
}

# See that DTrace answers; load it if it is not there.
open_dtrace() {
	dtrace -l -n dtrace:::BEGIN >/dev/null 2>"$work/trial.txt" && return 0
	grep -q 'not available' "$work/trial.txt" || return 1
	kldload dtraceall >/dev/null 2>&1 || return 1
	dtrace -l -n dtrace:::BEGIN >/dev/null 2>"$work/trial.txt" || return 1
	note 'loaded the kernel module dtraceall'
}

# compile NAME: write the program and let dtrace compile it without enabling anything.
compile() {
	"program_$(printf '%s' "$1" | tr - _)" >"$work/$1.d" || return 1
	if [ "$takes_pid" = 1 ]; then
		dtrace -e -s "$work/$1.d" "$$" >/dev/null 2>"$work/trial.txt"
	else
		dtrace -e -s "$work/$1.d" >/dev/null 2>"$work/trial.txt"
	fi
}

choose_program() {
	for program in $programs; do
		if compile "$program"; then
			[ -z "$problem" ] || note "recorded with $program: $problem"
			return 0
		fi
		explain "$work/trial.txt"
	done
	fail "$problem" "$hint"
}

make_work() {
	directory=${TMPDIR:-/tmp}
	work=$(mktemp -d "$directory/pvprof.XXXXXX" 2>/dev/null) ||
		fail "cannot make a directory in $directory" 'set TMPDIR to one that can be written to'
}

# Only one recorder at a time: two would measure each other.
take_lock() {
	place=${PVPROF_LOCK:-/var/run/pvprof.lock}
	for attempt in 1 2; do
		if mkdir "$place" 2>/dev/null; then
			lock=$place
			echo "$$" >"$lock/pid"
			return 0
		fi
		[ -d "$place" ] || fail "cannot make the lock $place"
		holder=$(cat "$place/pid" 2>/dev/null)
		if [ -z "$holder" ]; then # its owner may be about to write it
			sleep 1
			holder=$(cat "$place/pid" 2>/dev/null)
		fi
		is_alive "$holder" && break
		[ "$attempt" = 1 ] || break
		rm -rf "$place" # left by one that was killed
	done
	fail "another recorder is at work here (process ${holder:-unknown})" \
		"wait for it, or remove $place if that is wrong"
}

# --- the run -------------------------------------------------------------------------------------

check_workload() {
	case $1 in
	*/*)
		[ -e "$1" ] || fail "workload not found: $1"
		{ [ -x "$1" ] && [ ! -d "$1" ]; } || fail "workload not executable: $1" ;;
	*) [ -n "$(command -v "$1")" ] || fail "workload not found: $1" ;;
	esac
}

start_workload() {
	[ "$#" -gt 0 ] || return 0
	# Whoever the workload leaves behind still holds the pipe open.
	mkfifo "$work/alive"
	{ cat "$work/alive" >/dev/null; : >"$work/quiet"; } 3<&- 4>&- &
	guard=$!
	# The words reach exec as they are; time(1) starts the workload only when released.
	# shellcheck disable=SC2016
	sh -c 'kill -s STOP $$; exec time -l -o "$0" "$@"' "$record/time.txt" "$@" \
		</dev/null >"$record/workload.txt" 2>&1 3<&- 4>&- 9>"$work/alive" &
	workload=$!
	patience=100
	until case $(state_of "$workload") in T*) true ;; *) false ;; esac do
		patience=$((patience - 1))
		if [ "$patience" -eq 0 ] || ! is_alive "$workload"; then
			fail 'the workload could not be started'
		fi
		sleep 0.1
	done
}

start_tracing() {
	mv "$work/$program.d" "$record/script.d"
	set -- -s "$record/script.d" -o "$record/raw.out"
	[ "$takes_pid" = 1 ] && set -- "$@" "$workload"
	true >"$record/raw.out"
	dtrace "$@" </dev/null >/dev/null 2>"$record/stderr.txt" 3<&- 4>&- &
	dtrace=$!
	until grep -q '^#begin ' "$record/raw.out"; do
		if ! is_alive "$dtrace" || case $(state_of "$dtrace") in Z*) true ;; *) false ;; esac then
			explain "$record/stderr.txt"
			is_full && problem="no space left in $work: $problem" hint='set TMPDIR to a larger place'
			fail "$problem" "$hint"
		fi
		sleep 0.1
	done
}

drops() {
	awk '/^dtrace: [0-9]+ .*drops?/ { sum += $2 } END { print sum + 0 }' "$record/stderr.txt"
}

# Tell how it goes, once a second; end tracing when its end was missed.
beat() {
	elapsed=0
	over=0
	while sleep 1; do
		elapsed=$((elapsed + 1))
		size=$(($(wc -c <"$record/raw.out")))
		if [ "$control" = 1 ] || { [ "$quiet" = 0 ] && [ $((elapsed % 10)) -eq 0 ]; }; then
			say "progress: $elapsed $size $(drops)"
		fi
		[ -n "$workload" ] || continue
		case $(state_of "$workload") in
		'' | Z*) over=$((over + 1)) ;;
		esac
		[ "$over" -lt 5 ] || end_tracing
	done
}

is_full() {
	dd if=/dev/zero of="$work/full" bs=1024 count=32 2>/dev/null && rm -f "$work/full" && return 1
	rm -f "$work/full"
	return 0
}

# Wait for the end of tracing, then of the workload; sets incomplete to what went wrong.
see_out() {
	beat 3<&- &
	heartbeat=$!
	await "$dtrace" 2>/dev/null
	dtrace_status=$?
	dtrace=''
	kill_tree "$heartbeat"
	await "$heartbeat" 2>/dev/null
	heartbeat=''
	grep -q '^#end ' "$record/raw.out" && has_end=true
	if is_full; then
		incomplete="no space left in $work"
	elif [ "$dtrace_status" -gt 128 ]; then
		incomplete="dtrace was killed by signal $((dtrace_status - 128))"
	elif [ "$dtrace_status" -ne 0 ]; then
		# Drops come first, what ended it last.
		last_words=$(grep -v '^$' "$record/stderr.txt" | tail -n 1 | sed 's/^dtrace: //')
		incomplete="dtrace failed with status $dtrace_status: $last_words"
	elif [ "$has_end" = false ]; then
		incomplete='the end marker is missing'
	elif [ -n "$stopped" ] && [ -n "$workload$wanted_s" ]; then
		incomplete='stopped before its end'
	fi
	[ -n "$workload" ] || return 0
	if [ -n "$incomplete" ]; then
		end_workload
	fi
	await "$workload" 2>/dev/null
	exit_status=$?
	workload=''
	# A status above 128 may be the workload's own: time(1) says which.
	if [ "$exit_status" -gt 128 ] &&
		grep -q 'time: command terminated abnormally$' "$record/workload.txt"; then
		exit_signal=$((exit_status - 128))
		: "${incomplete:="the workload was killed by signal $exit_signal"}"
	elif [ ! -s "$record/time.txt" ]; then
		: "${incomplete:="the workload was not started: $(head -n 1 "$record/workload.txt")"}"
	elif [ "$exit_status" = 126 ] || [ "$exit_status" = 127 ]; then
		refusal=$(head -n 1 "$record/workload.txt" | grep '^time: ') &&
			: "${incomplete:="the workload was not started: $refusal"}"
	fi
	patience=10
	until [ -e "$work/quiet" ] || [ "$patience" -eq 0 ]; do
		patience=$((patience - 1))
		sleep 0.1
	done
	[ -e "$work/quiet" ] ||
		note 'the workload left processes running: what they waited for after its end is not recorded'
}

# --- the manifest --------------------------------------------------------------------------------

# Print a text as a JSON string, whatever bytes it holds.
json() {
	printf '%s' "$1" | od -An -v -tu1 | LC_ALL=C awk '
		BEGIN { printf "\"" }
		{
			for (i = 1; i <= NF; i++)
				if ($i == 34 || $i == 92) printf "\\%c", $i + 0
				else if ($i < 32 || $i == 127) printf "\\u%04x", $i
				else printf "%c", $i + 0
		}
		END { printf "\"" }'
}

json_or_null() { if [ -n "$1" ]; then json "$1"; else printf null; fi; }

# number VALUE: a JSON number, or null for anything else
number() {
	case $1 in
	'' | *[!0-9.]* | *.*.* | .* | *.) printf null ;;
	*) printf '%s' "$1" | sed 's/^0*\([0-9]\)/\1/' ;;
	esac
}

fact() { sysctl -n "$1" 2>/dev/null; }

# has_fact NAME: whether the kernel has a variable at all
has_fact() { if fact "$1" >/dev/null; then printf true; else printf false; fi; }

# spent NAME: seconds of real, user or sys time of the workload
spent() {
	[ -s "$record/time.txt" ] || return 0
	tr , . <"$record/time.txt" | awk -v name="$1" '
		{ for (i = 2; i <= NF; i++) if ($i == name && !found) { print $(i - 1); found = 1 } }'
}

# clock begin|end: what the program printed of its clocks, as JSON
clock() {
	line=$(grep "^#$1 [0-9]* [0-9]*\$" "$record/raw.out" | tail -n 1)
	if [ -n "$line" ]; then
		# shellcheck disable=SC2086
		set -- $line
		printf '{"monotonic_ns": %s, "wall_ns": %s}' "$2" "$3"
	else
		printf null
	fi
}

duration() {
	LC_ALL=C awk '/^#begin [0-9]+ / { begin = $2 } /^#end [0-9]+ / { end = $2 }
		END { if (begin != "" && end != "") printf "%.0f", end - begin; else printf "null" }' \
		"$record/raw.out"
}

words() {
	separator=''
	for word in "$@"; do
		printf '%s' "$separator"
		json "$word"
		separator=', '
	done
}

write_manifest() {
	is_patched=false
	# Its exit status is 0 even where nothing matches.
	dtrace -l -n kernel:profile:: 2>/dev/null | grep -q ' kernel  *profile ' && is_patched=true
	is_complete=true
	[ -z "$incomplete" ] || is_complete=false
	cat <<-END
	{
	"schema": 1,
	"pvprof": $(json "$version"),
	"mode": $(json "$mode"),
	"program": $(json "$program"),
	"label": $(json_or_null "$label"),
	"run": $(number "$run"),
	"warmup": $is_warmup,
	"scope": $(json "$scope"),
	"options": ${options:-null},
	"host": $(json "$(hostname)"),
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
	"timecounter": $(json "$(fact kern.timecounter.hardware)"),
	"workload": [$(words "$@")],
	"begin": $(clock begin),
	"end": $(clock end),
	"duration_ns": $(duration),
	"exit_status": $(number "$exit_status"),
	"exit_signal": $(number "$exit_signal"),
	"real_s": $(number "$(spent real)"),
	"user_s": $(number "$(spent user)"),
	"sys_s": $(number "$(spent sys)"),
	"dtrace_status": $dtrace_status,
	"drops": $(drops),
	"end_marker": $has_end,
	"complete": $is_complete,
	"incomplete_reason": $(json_or_null "$incomplete"),
	"notes": $(json_or_null "$notes")
	}
	END
}

# --- commands ------------------------------------------------------------------------------------

check_target() {
	[ "$(uname -s)" = FreeBSD ] || fail "$(hostname) runs $(uname -s), not FreeBSD"
	lacking=$(missing_tools dtrace sysctl kldload kldstat)
	[ -z "$lacking" ] || fail "not found on $(hostname): $lacking"
	[ "$(id -u)" = 0 ] || fail "not root on $(hostname): DTrace needs it" \
		'log in as root, or give --root-command'
}

deliver() {
	members=''
	for member in manifest.json script.d stderr.txt time.txt kldstat.txt workload.txt raw.out \
		symbols.nm.gz; do
		[ -e "$record/$member" ] && members="$members $name/$member"
	done
	# shellcheck disable=SC2086
	if [ "$output" = - ]; then
		tar -C "$work" -cf - $members | gzip -c
	elif tar -C "$work" -cf - $members | gzip -c >"$part" && mv "$part" "$output"; then
		say "state: wrote $output"
	else
		fail "cannot write $output"
	fi
}

open_output() {
	[ "$output" != - ] || return 0
	[ -n "$output" ] || output=$name.tar.gz
	[ ! -e "$output" ] || fail "$output exists" 'name another with -o, or remove it'
	part=$output.part
	true 2>/dev/null >"$part" || fail "cannot write $output"
}

record() {
	name=pvprof-$(hostname | tr -cd 'A-Za-z0-9.-')-$mode-$(date +%Y%m%dT%H%M%S).pvprof
	check_target
	[ "$#" -eq 0 ] || check_workload "$1"
	open_output
	take_lock
	make_work
	record=$work/$name
	mkdir "$record"
	# Room for the manifest, should the recording fill the disk.
	dd if=/dev/zero of="$work/reserve" bs=1024 count=256 2>/dev/null ||
		fail "no space left in $work" 'set TMPDIR to a larger place'
	if ! open_dtrace; then
		explain "$work/trial.txt"
		fail "$problem" "$hint"
	fi
	choose_program
	start_workload "$@"
	start_tracing
	phase=recording
	say "state: recording with $program"
	[ -z "$workload" ] || kill -s CONT "$workload"
	see_out
	phase=finishing
	say "state: sending"
	rm -f "$work/reserve"
	write_manifest "$@" >"$record/manifest.json"
	kldstat >"$record/kldstat.txt" 2>/dev/null
	# Last: the room that was kept free may not be enough for them.
	[ "$with_symbols" = 0 ] ||
		nm -n "$(fact kern.bootfile)" 2>/dev/null | gzip -c >"$record/symbols.nm.gz" 2>/dev/null ||
		rm -f "$record/symbols.nm.gz"
	[ -z "$incomplete" ] || say "note: incomplete: $incomplete"
	deliver
}

# finding ok|bad|note WHAT DETAIL [HINT]
finding() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4-}"; }

doctor() {
	if [ "$(uname -s)" = FreeBSD ]; then
		finding ok system "$(uname -s) $(uname -r) $(uname -m), $(fact kern.ident)"
	else
		finding bad system "$(uname -s): not FreeBSD" 'record on a FreeBSD host: --host'
	fi
	if [ "$(id -u)" = 0 ]; then finding ok root 'uid 0'; else
		finding bad root "uid $(id -u)" 'log in as root, or give --root-command'
	fi
	lacking=$(missing_tools dtrace sysctl kldload kldstat)
	if [ -z "$lacking" ]; then finding ok tools 'all there'; else
		finding bad tools "not found: $lacking" 'they are in the base system: look at PATH'
	fi
	[ "$(fact security.jail.jailed)" != 1 ] ||
		finding bad jail 'this is a jail' 'record on the host itself'
	make_work
	room=$(df -k "$work" | awk 'END { print int($(NF - 2) / 1024) }')
	if [ "$room" -ge 64 ]; then finding ok space "$room MB in ${TMPDIR:-/tmp}"; else
		finding bad space "$room MB in ${TMPDIR:-/tmp}" 'set TMPDIR to a larger place'
	fi
	holder=$(cat "${PVPROF_LOCK:-/var/run/pvprof.lock}/pid" 2>/dev/null)
	if is_alive "$holder"; then
		finding bad lock "another recorder is at work (process $holder)" 'wait for it'
	else
		finding ok lock 'no other recorder'
	fi
	finding note clock "timecounter $(fact kern.timecounter.hardware), $(fact hw.ncpu) CPUs"
	if open_dtrace; then finding ok dtrace "$(dtrace -V 2>/dev/null)"; else
		explain "$work/trial.txt"
		finding bad dtrace "$problem" "$hint"
		return 0
	fi
	for candidate in $programs; do
		if compile "$candidate"; then finding ok "$candidate" 'compiles'; else
			explain "$work/trial.txt"
			case $candidate in
			*-sdt) finding note "$candidate" "$problem" "$hint" ;;
			*) finding bad "$candidate" "$problem" "$hint" ;;
			esac
		fi
	done
}

main() {
	exec 4>&2
	PATH=$PATH:/sbin:/bin:/usr/sbin:/usr/bin
	work='' part='' lock='' dtrace='' workload='' heartbeat='' listener='' guard='' stopped=''
	notes='' incomplete='' exit_status='' exit_signal='' dtrace_status=0 has_end=false problem='' hint=''
	phase=preparing quiet=0
	trap clean_up EXIT
	trap drop HUP PIPE USR2
	trap stop INT TERM USR1
	if [ "$control" = 1 ]; then
		exec 3<&0 </dev/null
		{
			while read -r word <&3; do
				case $word in stop) kill -s USR1 $$ ;; drop) kill -s USR2 $$ ;; esac
			done
			kill -s USR2 $$ # not HUP, which nohup has ignored for good
		} &
		listener=$!
	else
		exec 3</dev/null
	fi
	while :; do
		case $1 in
		-o) output=${2-} && shift 2 ;;
		-q) quiet=1 && shift ;;
		--) shift && break ;;
		*) fail "unknown option: $1" "usage: sh $0 [-q] [-o OUT.tar.gz]" ;;
		esac
	done
	"$action" "$@"
}
