# The recorder: runs on the target, needs nothing but FreeBSD's base system, or Linux and bpftrace.
#
# pvprof writes settings and programs above this text (pvprof/collect/recorder.py):
#   action        record or doctor
#   tracers       the known tracers, each as NAME:SYSTEM:SUFFIX
#   tracer        the name of one of them; empty: the first one of this system
#   TRACER_settings  a function for each tracer; it sets
#                 programs: the names of the programs to try, the best first;
#                     TRACER_program_NAME prints one (- in its name as _)
#                 refused: why the tracer has no program for what was asked, or empty
#                 environment: variables to run the tracer with
#   takes_pid     1: the programs take the process that starts the workload as $1
#   output        - for stdout, else the archive's name; empty for a default name
#   control       1: words on stdin control the run (stop, drop), and its end drops the recording
#   mode, label, run, is_warmup, scope, options, duration_s, version, schema: for the manifest
#   traced_pid    the only process to trace; empty for all
#   with_symbols  1: the recording contains the kernel's symbols
#   is_live       1: the tracer's output is sent to stdout while it traces, before the archive
#   clean         1: a doctor removes what dead recorders left
# and below it a call of main, with the workload's words after --. Each recorder has two more parts:
# processes.sh and lock.sh.
#
# What depends on the tracer is in a file of its own, TRACER.sh, as functions:
#   TRACER_tools         prints the names of the programs that it needs
#   TRACER_supply        prints where they come from
#   TRACER_open          makes the tracer usable; if it fails, the reason is in $work/trial.txt
#   TRACER_explain FILE  explains the tracer's messages: sets problem and hint
#   TRACER_ending N      prints the part of a program that ends it with the process in its argument N
#   TRACER_compile FILE PID...  compiles a program, without enabling anything
#   TRACER_start FILE PID...    becomes the tracer, which writes $record/raw.out
#   TRACER_follow        saves while it traces what is gone afterwards; returns when tracing is over
#   TRACER_attached      prints something that tells TRACER_insist whether it is still tracing;
#                        the first value is kept in attached
#   TRACER_insist        asks the tracer to end once more, if that does no harm
#   TRACER_look          keeps in $work/skipped how many events the kernel kept from the program so
#                        far, if that can be known, as it can only while it is tracing
#   TRACER_mark begin|end      prints "MONOTONIC WALL" if the program has printed that mark
#   TRACER_drops [all]   prints the number of records dropped so far; all: up to the last one
#   TRACER_apart on|off  what is started in the background in between is the first of a process group of
#                        its own, if the words in $apart come before its command
#   TRACER_starter       prints an sh program that stops itself and then runs "$@" without $1; it
#                        writes times into $1
#   TRACER_times         rewrites that file as "REAL real USER user SYS sys"
#   TRACER_killed        is true if a signal ended the workload
#   TRACER_forget FROM SIZE  makes a hole of SIZE bytes in $record/raw.out, if the system can
#   TRACER_refusal WORD  prints why the workload WORD could not be started, if so
#   TRACER_facts         prints the manifest's facts about the machine
#   TRACER_findings      prints the doctor's findings about the machine
#   TRACER_trial         prints those that need the tracer, which is usable now
#   TRACER_symbols       makes $record/symbols.nm.gz
#
# All messages go to stderr, one line each: "pvprof: error: ...", "pvprof: hint: ...",
# "pvprof: note: ...", "pvprof: state: ...", "pvprof: progress: SECONDS BYTES DROPS".
# Exit status: 0 if a recording was made, 3 if the target could not, 130 if dropped by the user.

# 4 is our stderr. 2 may be redirected, to hide messages of the shell about killed jobs.
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

host() { uname -n; }

# --- the end -------------------------------------------------------------------------------------

clean_up() {
	trap '' HUP INT TERM PIPE USR1 USR2
	trap - EXIT
	exec 2>/dev/null
	# The watcher would start another listener in place of the one that is killed here.
	[ -z "$list" ] || : >"$list/ending"
	# A job may be in no variable yet: the signal came before the assignment.
	newest=$!
	[ "$(ps -o ppid= -p "${newest:-0}" | tr -d ' ')" = "$$" ] || newest=''
	[ "$newest" != "$watcher" ] || newest=''
	# If this shell is killed while these are stopped, they are in the list.
	# shellcheck disable=SC2086 # one word or none for each
	kill_tree $reporter $listener $follower $sender $tracing $workload $guard $newest
	if [ -n "$list" ]; then sweep "$list" "$watcher"; elif [ -n "$work" ]; then rm -rf "$work"; fi
	[ -z "$has_lock" ] || give_up_lock "$self"
	list='' work='' has_lock=''
	[ -z "$watcher" ] || kill -s KILL "$watcher"
}

drop() {
	trap '' PIPE
	say "note: dropped: nothing is left of the recording"
	clean_up
	exit 130
}

# stop INT|TERM|USR1: the first request ends tracing and keeps the recording; Ctrl-C after it drops
# the recording. TERM may come twice: timeout(1) sends it to its child and to the child's group.
stop() {
	[ "$phase" != preparing ] || drop
	if [ -n "$stopped" ]; then
		[ "$1" != INT ] || drop
		return 0
	fi
	stopped=1
	say "state: stopping"
	[ "$phase" = recording ] || return 0
	case $1 in
	TERM) { is_ending || end_tracing; } 3<&- & ;; # await reads how the tracer ended
	*) end_tracing ;;
	esac
}

# True if the tracer ends without being asked: TERM went to the whole process group.
is_ending() {
	patience=20
	while is_any_running "$tracing"; do
		[ -z "$("${tracer}_mark" end)" ] || return 0
		[ "$patience" -gt 0 ] || return 1
		patience=$((patience - 1))
		sleep 0.1
	done
}

# Ask the tracer to end, once: if asked twice, dtrace leaves out what END prints.
end_tracing() {
	[ ! -e "$work/asked" ] || return 0
	mkdir "$work/asked" 2>/dev/null
	"${tracer}_look"
	kill -s TERM "$tracing" 2>/dev/null
}

# --- what the target has ------------------------------------------------------------------------

missing_tools() {
	for tool in awk sed tar gzip mkfifo ps od dd grep readlink "$@"; do
		[ -n "$(command -v "$tool")" ] || printf '%s ' "$tool"
	done
}

# compile NAME: write the program and have the tracer compile it, without enabling anything.
compile() {
	program_file=$work/$1.$suffix
	"${tracer}_program_$(printf '%s' "$1" | tr - _)" >"$program_file" || return 1
	set -- $$
	[ "$takes_pid" = 0 ] || set -- $$ $$
	"${tracer}_ending" $# >>"$program_file"
	"${tracer}_compile" "$program_file" "$@" >/dev/null 2>"$work/trial.txt"
}

choose_program() {
	[ -z "$refused" ] || fail "$(host) runs $(uname -s): $refused"
	for program in $programs; do
		if compile "$program"; then
			[ -z "$problem" ] || note "recorded with $program: $problem"
			return 0
		fi
		"${tracer}_explain" "$work/trial.txt"
	done
	fail "$problem" "$hint"
}

make_work() {
	named=${TMPDIR:-/tmp}
	directory=$(cd "$named" 2>/dev/null && pwd -P) ||
		fail "cannot make a directory in $named" 'set TMPDIR to one that can be written to'
	case $(ls -ld "$directory") in
	d???????w[!tT]*)
		fail "everybody may rename what is in $directory" 'set TMPDIR to another one, or chmod +t it' ;;
	esac
	work=$directory/pvprof.$(random)
	keep directory "$work"
	mkdir "$work" 2>/dev/null ||
		fail "cannot make a directory in $named" 'set TMPDIR to one that can be written to'
}

# Print 16 characters that no one can guess.
random() { od -An -N8 -tx1 /dev/urandom | tr -d ' \n'; }

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
	# Processes that the workload leaves behind still hold the pipe open.
	mkfifo "$work/alive"
	{
		trap '' TERM
		enlist guard
		cat "$work/alive"
		: >"$work/quiet"
		[ ! -s "$work/tracing" ] || { read -r tracing <"$work/tracing" && "${tracer}_look"; }
	} >/dev/null 2>&1 3<&- 4>&- &
	guard=$!
	# The workload gets its words unchanged; it starts only after this process is continued.
	"${tracer}_starter" >"$work/starter.sh"
	# In a process group of its own: it may signal all of its group (kill 0).
	"${tracer}_apart" on
	{
		enlist workload
		umask "$mask"
		# shellcheck disable=SC2086 # one word or none
		exec $apart sh "$work/starter.sh" "$record/time.txt" "$@"
	} </dev/null >"$record/workload.txt" 2>&1 3<&- 4>&- 9>"$work/alive" &
	workload=$!
	"${tracer}_apart" off
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
	mv "$work/$program.$suffix" "$record/script.$suffix"
	set -- $$
	[ "$takes_pid" = 0 ] || set -- "$workload" $$
	true >"$record/raw.out"
	{
		enlist "$tracer"
		"${tracer}_start" "$record/script.$suffix" "$@"
	} </dev/null >/dev/null 2>"$record/stderr.txt" 3<&- 4>&- &
	tracing=$!
	echo "$tracing" >"$work/tracing"
	{
		enlist follower
		"${tracer}_follow"
	} </dev/null >/dev/null 2>&1 3<&- 4>&- &
	follower=$!
	until [ -n "$("${tracer}_mark" begin 2>/dev/null)" ]; do
		insist_on_work
		if ! is_alive "$tracing" || case $(state_of "$tracing") in Z*) true ;; *) false ;; esac then
			# It may have begun and ended between the two looks.
			[ -z "$("${tracer}_mark" begin)" ] || break
			"${tracer}_explain" "$record/stderr.txt"
			is_full && problem="no space left in $work: $problem" hint='set TMPDIR to a larger place'
			fail "$problem" "$hint"
		fi
		sleep 0.1
	done
}

# Send the tracer's output while it grows, in pieces: SIZE, a newline, and that many bytes. The last
# SIZE is 0.
send_output() {
	enlist sender
	sent=0 forgotten=0 is_last=''
	until [ -n "$is_last" ]; do
		if [ -e "$work/over" ] || [ ! -d "$work" ]; then is_last=1; fi
		size=$(($(wc -c <"$record/raw.out")))
		if [ "$size" -gt "$sent" ]; then
			echo $((size - sent))
			tail -c +$((sent + 1)) "$record/raw.out" | head -c $((size - sent)) || return
			sent=$size
			forget_sent
		elif [ -z "$is_last" ]; then
			sleep 0.5 # each look costs two processes
		fi
	done
	echo 0
}

# Give the disk back what was sent, but for the head with its marks, and the last megabytes, which other
# parts may not have read yet. Where holes cannot be made, the output grows, see watch_sender.
forget_sent() {
	[ $((sent - forgotten)) -gt 8388608 ] || return 0
	"${tracer}_forget" 65536 $(((sent - 4194304 - 65536) / 65536 * 65536)) 2>/dev/null
	forgotten=$sent
}

# Report progress every second; end tracing if the tracer missed the end, or the request to end.
report_progress() {
	enlist reporter
	elapsed=0
	over=0
	attached=$("${tracer}_attached")
	[ "$is_live" = 0 ] || hz=$(getconf CLK_TCK 2>/dev/null)
	while :; do
		sleep 1
		elapsed=$((elapsed + 1))
		# The watcher does what the shell would have done, unless it is gone as well.
		is_there "$self" || { is_any_running "$watcher" || stand_in; return; }
		if ! has_work; then
			kill -s KILL "$tracing" 2>/dev/null
			return
		fi
		size=$(($(wc -c <"$record/raw.out")))
		if [ "$control" = 1 ] || { [ "$quiet" = 0 ] && [ $((elapsed % 10)) -eq 0 ]; }; then
			say "progress: $elapsed $size $("${tracer}_drops")"
		fi
		[ "$is_live" = 0 ] || watch_sender
		if [ -e "$work/asked" ]; then "${tracer}_insist"; else "${tracer}_look"; fi
		[ -n "$workload" ] || continue
		case $(state_of "$workload") in
		'' | Z*) over=$((over + 1)) ;;
		esac
		[ "$over" -lt 5 ] || end_tracing
	done
}

# Report the CPU time of the tracer; end tracing if no one sees what it prints, or if it fills the disk.
watch_sender() {
	say "cost: $(cpu_ms "$tracing")"
	[ $((elapsed % 5)) -eq 1 ] || return 0 # this costs processes, too
	if ! is_any_running "$sender"; then
		end_tracing
	elif [ "$(du -k "$record/raw.out" | awk '{ print $1 }')" -gt "$max_live_kb" ]; then
		[ -e "$work/asked" ] || note "ended: the output takes $((max_live_kb / 1024)) MB in $work"
		end_tracing
	fi
}

has_work() { [ -e "$record/raw.out" ]; }

# Nothing can be saved if another program has removed what was recorded.
insist_on_work() {
	has_work || fail "the recorder's directory $work was removed" \
		'something cleans it up: record into another one (--tmpdir, or TMPDIR)'
}

is_full() {
	dd if=/dev/zero of="$work/full" bs=1024 count=32 2>/dev/null && rm -f "$work/full" && return 1
	rm -f "$work/full"
	return 0
}

# True if the workload is still running, 3 s after the tracer: its end is what ends the tracer.
workload_is_running() {
	[ -n "$workload" ] || return 1
	patience=30
	while is_any_running "$workload"; do
		[ "$patience" -gt 0 ] || return 0
		patience=$((patience - 1))
		sleep 0.1
	done
	return 1
}

# True if much less was traced than was asked for. Not just less: the clock that ends tracing is not
# the one that measures it.
is_too_short() {
	[ -n "$duration_s" ] && LC_ALL=C awk -v ns="$(traced_ns)" -v wanted="$duration_s" \
		'BEGIN { exit !(ns / 1e9 + 0.2 < 0.9 * wanted) }'
}

# Wait for the end of tracing, then of the workload; sets incomplete to what went wrong.
wait_for_end() {
	if [ "$is_live" = 1 ]; then
		send_output </dev/null 2>/dev/null 3<&- &
		sender=$!
	fi
	report_progress >/dev/null 3<&- &
	reporter=$!
	await "$tracing" 2>/dev/null
	tracer_status=$?
	tracing=''
	insist_on_work
	: >"$work/over"
	await "$follower" 2>/dev/null
	[ $? -lt 128 ] || note 'a part of the recorder was killed: functions of programs may have no names'
	follower=''
	[ -z "$sender" ] || await "$sender" 2>/dev/null
	sender=''
	kill_tree "$reporter"
	await "$reporter" 2>/dev/null
	reporter=''
	[ -n "$("${tracer}_mark" end)" ] && has_end=true
	if is_full; then
		incomplete="no space left in $work"
	elif [ "$tracer_status" -gt 128 ]; then
		incomplete="$tracer was killed by signal $((tracer_status - 128))"
	elif [ "$tracer_status" -ne 0 ]; then
		# Drops come first, the reason of the end comes last.
		last_words=$(grep -v '^$' "$record/stderr.txt" | tail -n 1 | sed "s/^$tracer: //")
		incomplete="$tracer failed with status $tracer_status: $last_words"
	elif [ "$has_end" = false ]; then
		incomplete='the end marker is missing'
	elif [ -n "$stopped" ] && [ -n "$workload$duration_s" ]; then
		incomplete='stopped before its end'
	elif workload_is_running; then
		incomplete="$tracer ended before the workload did"
	elif is_too_short; then
		incomplete="$tracer ended before the time was over"
	fi
	[ -n "$workload" ] || return 0
	if [ -n "$incomplete" ]; then
		end_workload
	fi
	await "$workload" 2>/dev/null
	exit_status=$?
	group=$workload workload=''
	"${tracer}_times"
	# A status above 128 may be the workload's own.
	if [ "$exit_status" -gt 128 ] && { [ ! -s "$record/time.txt" ] || "${tracer}_killed"; }; then
		exit_signal=$((exit_status - 128))
		: "${incomplete:="the workload was killed by signal $exit_signal"}"
	elif [ ! -s "$record/time.txt" ]; then
		: "${incomplete:="the workload was not started: $(head -n 1 "$record/workload.txt")"}"
	elif [ "$exit_status" = 126 ] || [ "$exit_status" = 127 ]; then
		words=$("${tracer}_refusal" "$1") &&
			: "${incomplete:="the workload was not started: $words"}"
	fi
	# What a killed process of the workload had started has lost its parent.
	# shellcheck disable=SC2046
	[ -z "$incomplete" ] || end_all '' $(group_of "$group")
	patience=10
	until [ -e "$work/quiet" ] || [ "$patience" -eq 0 ]; do
		patience=$((patience - 1))
		sleep 0.1
	done
	[ -e "$work/quiet" ] ||
		note 'the workload left processes running: their waits after its end are not recorded'
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

# spent NAME: seconds of real, user or sys time of the workload
spent() {
	[ -s "$record/time.txt" ] || return 0
	tr , . <"$record/time.txt" | awk -v name="$1" '
		{ for (i = 2; i <= NF; i++) if ($i == name && !found) { print $(i - 1); found = 1 } }'
}

# clock begin|end: the clocks that the program printed at that mark, as JSON
clock() {
	line=$("${tracer}_mark" "$1")
	if [ -n "$line" ]; then
		printf '{"monotonic_ns": %s, "wall_ns": %s}' "${line% *}" "${line#* }"
	else
		printf null
	fi
}

traced_ns() {
	printf '%s\n%s\n' "$("${tracer}_mark" begin)" "$("${tracer}_mark" end)" | LC_ALL=C awk '
		NR == 1 { begin = $1 } NR == 2 { end = $1 }
		END { if (begin != "" && end != "") printf "%.0f", end - begin; else printf "null" }'
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
	is_complete=true
	[ -z "$incomplete" ] || is_complete=false
	cat <<-END
	{
	"schema": $schema,
	"pvprof": $(json "$version"),
	"mode": $(json "$mode"),
	"program": $(json "$program"),
	"label": $(json_or_null "$label"),
	"run": $(number "$run"),
	"warmup": $is_warmup,
	"scope": $(json "$scope"),
	"options": ${options:-null},
	"host": $(json "$(host)"),
	"tracer": $(json "$tracer"),
	$("${tracer}_facts"),
	"workload": [$(words "$@")],
	"begin": $(clock begin),
	"end": $(clock end),
	"duration_ns": $(traced_ns),
	"exit_status": $(number "$exit_status"),
	"exit_signal": $(number "$exit_signal"),
	"real_s": $(number "$(spent real)"),
	"user_s": $(number "$(spent user)"),
	"sys_s": $(number "$(spent sys)"),
	"tracer_status": $tracer_status,
	"drops": $("${tracer}_drops" all),
	"skipped": $(number "$(cat "$work/skipped" 2>/dev/null)"),
	"end_marker": $has_end,
	"complete": $is_complete,
	"incomplete_reason": $(json_or_null "$incomplete"),
	"notes": $(json_or_null "$notes")
	}
	END
}

# --- commands ------------------------------------------------------------------------------------

# Set tracer and what belongs to it; or problem, if there is none for this system.
choose_tracer() {
	system=$(uname -s)
	systems='' chosen=''
	for row in $tracers; do
		row_name=${row%%:*} row_suffix=${row##*:} row_system=${row#*:}
		row_system=${row_system%:*}
		systems="$systems${systems:+, }$row_system"
		[ "$row_system" = "$system" ] || continue
		case $tracer in '' | "$row_name") chosen=$row_name suffix=$row_suffix && break ;; esac
		problem="$(host) runs $system, where there is no $tracer"
	done
	if [ -z "$chosen" ]; then
		: "${problem:="$(host) runs $system; pvprof records on $systems"}"
		return 1
	fi
	tracer=$chosen problem=''
	"${tracer}_settings"
}

check_target() {
	choose_tracer || fail "$problem"
	# shellcheck disable=SC2046 # one word for each
	lacking=$(missing_tools $("${tracer}_tools"))
	[ -z "$lacking" ] || fail "not found on $(host): $lacking" "$("${tracer}_supply")"
	[ "$(id -u)" = 0 ] || fail "not root on $(host): tracing needs it" \
		'log in as root, or give --root-command'
}

deliver() {
	members=''
	[ "$is_live" = 0 ] || rm -f "$record/raw.out" # it was sent
	for member in manifest.json "script.$suffix" stderr.txt time.txt kldstat.txt workload.txt raw.out \
		symbols.nm.gz user-maps.txt.gz; do
		[ -e "$record/$member" ] && members="$members $name/$member"
	done
	# shellcheck disable=SC2086
	if [ "$output" = - ]; then
		tar -C "$work" -cf - $members | gzip -c
		return
	fi
	# No one can have put a link of this name there: the shell makes the file, or fails.
	# shellcheck disable=SC2086
	if ! (set -C && tar -C "$work" -cf - $members | gzip -c >"$part") 2>"$work/trial.txt"; then
		rm -f "$part"
		forget directory
		fail "cannot write $output: $(head -n 1 "$work/trial.txt")" \
			"the recording is in $record: pvprof reads that, too"
	fi
	if is_name_used "$output"; then
		say "note: $output was created while recording"
		output=${output%.tar.gz}-$(random).tar.gz
	fi
	mv "$part" "$output" && say "state: wrote $output"
}

is_name_used() { [ -e "$1" ] || [ -L "$1" ]; }

# Check that the output can be written, long before it is.
open_output() {
	[ "$output" != - ] || return 0
	: "${output:=$name.tar.gz}"
	case $output in -*) output=./$output ;; esac
	! is_name_used "$output" || fail "$output exists" 'name another with -o, or remove it'
	part=$output.$(random).part
	case $part in /*) keep file "$part" ;; *) keep file "$PWD/$part" ;; esac
	(set -C && true >"$part") 2>/dev/null || fail "cannot write $output"
	rm -f "$part"
}

record() {
	name=pvprof-$(host | tr -cd 'A-Za-z0-9.-')-$mode-$(date +%Y%m%dT%H%M%S).pvprof
	check_target
	[ -n "${self#*.}" ] || fail 'cannot tell when a process began' 'is ps missing, or /proc?'
	[ -z "$traced_pid" ] || is_any_running "$traced_pid" ||
		fail "no process $traced_pid on $(host)"
	[ "$#" -eq 0 ] || check_workload "$1"
	take_lock
	find_dead remove
	[ -z "$swept" ] || say "note: removed what a recorder that was killed had left: $swept"
	make_work
	open_output
	record=$work/$name
	mkdir "$record"
	# Room for the manifest, if the recording fills the disk.
	dd if=/dev/zero of="$work/reserve" bs=1024 count=256 2>/dev/null ||
		fail "no space left in $work" 'set TMPDIR to a larger place'
	if ! "${tracer}_open"; then
		"${tracer}_explain" "$work/trial.txt"
		fail "$problem" "$hint"
	fi
	choose_program
	start_workload "$@"
	start_tracing
	phase=recording
	say "state: recording with $program"
	[ -z "$workload" ] || kill -s CONT "$workload"
	wait_for_end "$@"
	phase=finishing
	say "state: sending"
	rm -f "$work/reserve"
	write_manifest "$@" >"$record/manifest.json"
	# Last: the space kept free may not be enough for them.
	[ "$with_symbols" = 0 ] || "${tracer}_symbols"
	[ -z "$incomplete" ] || say "note: incomplete: $incomplete"
	deliver
}

# finding ok|bad|note WHAT DETAIL [HINT]
finding() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4-}"; }

doctor() {
	if [ "$(id -u)" = 0 ]; then finding ok root 'uid 0'; else
		finding bad root "uid $(id -u)" 'log in as root, or give --root-command'
	fi
	open_list "$lock.by.$self"
	make_work
	room=$(df -k "$work" | awk 'END { print int($(NF - 2) / 1024) }')
	if [ "$room" -ge 64 ]; then finding ok space "$room MB in ${TMPDIR:-/tmp}"; else
		finding bad space "$room MB in ${TMPDIR:-/tmp}" 'set TMPDIR to a larger place'
	fi
	holder=$(cat "$lock/pid" 2>/dev/null)
	if is_alive "$holder"; then
		finding bad lock "another recorder is at work (process $holder)" 'wait for it'
	else
		finding ok lock 'no other recorder'
	fi
	look_for_dead
	if ! choose_tracer; then
		finding bad system "$problem" 'record on another host: --host'
		return 0
	fi
	# shellcheck disable=SC2046 # one word for each
	lacking=$(missing_tools $("${tracer}_tools"))
	if [ -z "$lacking" ]; then finding ok tools 'all there'; else
		finding bad tools "not found: $lacking" "$("${tracer}_supply")"
	fi
	"${tracer}_findings"
	if "${tracer}_open"; then finding ok "$tracer" "$("$tracer" -V 2>/dev/null)"; else
		"${tracer}_explain" "$work/trial.txt"
		finding bad "$tracer" "$problem" "$hint"
		return 0
	fi
	"${tracer}_trial"
	for candidate in $programs; do
		if compile "$candidate"; then finding ok "$candidate" 'compiles'; else
			"${tracer}_explain" "$work/trial.txt"
			case $candidate in
			*-sdt | *-amd64) finding note "$candidate" "$problem" "$hint" ;;
			*) finding bad "$candidate" "$problem" "$hint" ;;
			esac
		fi
	done
}

# Say what dead recorders left, or remove it if the user wants that.
look_for_dead() {
	find_dead "$clean"
	# Their lock, too, which the next recorder takes over.
	if [ "$clean" = 1 ] && [ -d "$lock" ] && try_lock "$self"; then
		give_up_lock "$self"
		swept="$swept${swept:+, }the lock $lock"
	fi
	if [ -z "$swept" ]; then finding ok leftovers 'none'; elif [ "$clean" = 1 ]; then
		finding ok leftovers "removed: $swept"
	else
		finding note leftovers "a recorder that was killed left: $swept" \
			'doctor --clean removes that, and so does the next recording'
	fi
}

# Print the comment at the head of this file.
explain() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

listen() {
	while read -r word <&3; do
		case $word in stop) tell USR1 ;; drop) tell USR2 ;; esac
	done
	tell USR2 # not HUP, which stays ignored under nohup
	# It stays: without a listener the watcher would start another.
	while is_there "$self"; do sleep 1; done
}

# tell SIGNAL: signal the shell, unless it is gone and another process has its number.
tell() { ! is_there "$self" || kill -s "$1" $$; }

main() {
	case $1 in -h | --help) explain && exit ;; esac
	exec 4>&2
	PATH=$PATH:/sbin:/bin:/usr/sbin:/usr/bin
	work='' tracing='' workload='' reporter='' listener='' follower='' sender='' guard='' watcher='' stopped=''
	notes='' incomplete='' exit_status='' exit_signal='' tracer_status=0 has_end=false problem='' hint=''
	phase=preparing quiet=0 suffix='' list='' has_lock='' clean=${clean:-}
	max_live_kb=1048576
	lock=${PVPROF_LOCK:-/var/run/pvprof.lock} self=$$.$(born $$)
	# What is recorded is for root alone: words of commands, output, addresses in the kernel.
	mask=$(umask)
	umask 077
	trap clean_up EXIT
	trap drop HUP PIPE USR2
	trap 'stop INT' INT
	trap 'stop TERM' TERM
	trap 'stop USR1' USR1
	if [ "$control" = 1 ]; then
		exec 3<&0 </dev/null
		listen 4>&- >/dev/null 2>&1 &
		listener=$!
		say 'state: preparing' # only now are words heard
	else
		exec 3</dev/null
	fi
	while :; do
		case $1 in
		-o) output=${2-} && shift 2 ;;
		-q) quiet=1 && shift ;;
		--) shift && break ;;
		*) fail "unknown option: $1" "usage: sh $0 [-q] [-o OUT.tar.gz]; sh $0 --help says what it does" ;;
		esac
	done
	"$action" "$@"
}
