# The recorder's part for what it makes: the lock, and lists by which others remove what a dead one left.
#
# Only one recorder works at a time: two would measure each other. In the directory of the lock are
#   pid              the number of the process that has it
#   holder           a link that leads nowhere: the first recorder that took the lock, as PID.BORN
#   next.PID.BORN    such a link: the one that took it over from this one, which was dead
#   by.PID.BORN/     the list of what this one has made; a doctor, which takes no lock, has its list
#                    in LOCK.by.PID.BORN
# and in a list
#   processes                one on each line: PID BORN NAME
#   directory, file, mount   one path each
#   ending                   nothing: the shell cleans up, and no part of it may begin
#
# ln(1) makes a link only if there is none: of several recorders one takes a lock over, and the others find
# another last link. The one that has the lock gives it up by renaming it.
#
# A signal that no shell can catch leaves work for others: watch, a part of the recorder, begins to remove
# all in the list within two seconds. If that was killed as well, the next recorder does, or a doctor that
# is asked to (clean). The tracer needs neither: its program ends with the recorder's process.

# Print who has the lock: the last in the chain of links, or nothing.
last_holder() {
	last=$(readlink "$lock/holder") || return 0
	while successor=$(readlink "$lock/next.$last"); do last=$successor; done
	echo "$last"
}

# shellcheck disable=SC3067 # -O is in each sh that there is on a target
is_own_directory() { [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]; }

# try_lock PID.BORN: take the lock for a process; if it cannot, holder is who has it, or empty.
try_lock() {
	for attempt in 1 2 3 4 5; do
		# Everybody may see who has the lock. What is in a directory of others is not believed.
		(umask 022 && mkdir "$lock") 2>/dev/null
		if ! is_own_directory "$lock"; then
			# It may be gone since: another recorder has given it up.
			[ "$attempt" -lt 5 ] || fail "cannot make the lock $lock"
			continue
		fi
		holder=$(last_holder)
		link=next.$holder
		if [ -z "$holder" ]; then
			link=holder
			holder=$(cat "$lock/pid" 2>/dev/null) # of a pvprof that had no links
			! is_alive "$holder" || return 1
		elif is_there "$holder"; then
			return 1
		fi
		ln -s "$1" "$lock/$link" 2>/dev/null || continue
		if [ "$(last_holder)" = "$1" ]; then
			(umask 022 && echo "${1%%.*}" >"$lock/pid")
			return 0
		fi
		rm -f "$lock/$link" # the lock is another one by now
	done
	holder=$(last_holder)
	return 1
}

take_lock() {
	has_lock=1 # a signal may come as soon as it is so
	try_lock "$self" || fail "another recorder is at work here (process ${holder%%.*})" \
		"wait for it, or remove $lock if that is wrong"
	open_list "$lock/by.$self" || fail "cannot write the lock $lock"
}

# give_up_lock PID.BORN: if that one has it
give_up_lock() {
	if [ "$(last_holder)" = "$1" ]; then
		mv "$lock" "$lock.gone.$1" && rm -rf "$lock.gone.$1"
	else
		rmdir "$lock" 2>/dev/null # made, but not taken
	fi
}

# --- the list ------------------------------------------------------------------------------------

open_list() {
	list=$1
	mkdir "$1" 2>/dev/null || { list='' && return 1; }
	[ -z "$listener" ] || list_process "$listener" listener
	watch 3<&3 4>&- >/dev/null 2>&1 &
	watcher=$!
}

# keep KIND PATH: note what is going to be made.
keep() { [ -z "$list" ] || printf '%s' "$2" 2>/dev/null >"$list/$1" || fail "cannot write to $list"; }

forget() { [ -z "$list" ] || rm -f "$list/$1"; }

# list_process PID NAME
list_process() { echo "$1 $(born "$1") $2" >>"$list/processes"; }

# enlist NAME: in a part that runs beside the shell: put it in the list, and end it if the shell is gone
# or cleans up: the list may have been read by then. A process that the shell listed could be started and
# never listed.
enlist() {
	{ list_process "$(own_number)" "$1" && is_there "$self" && [ -d "$list" ] && [ ! -e "$list/ending" ]; } \
		2>/dev/null || exit 1
}

# processes_in LIST: print those in a list that are still there, as PID NAME. Of a workload they are its
# group, too: its leader may be gone.
processes_in() {
	[ ! -e "$1/processes" ] || while read -r listed since name; do
		now=$(born "$listed")
		[ "$now" != "$since" ] || echo "$listed $name"
		case $now in
		'' | "$since") [ "$name" != workload ] || group_of "$listed" | sed "s/\$/ $name/" ;;
		esac
	done <"$1/processes" | sort -n -u
}

# path_in LIST KIND: set path to the one that is noted, if it is there.
path_in() {
	path=$(cat "$1/$2" 2>/dev/null && echo .)
	path=${path%.}
	[ -n "$path" ] && case $2 in
	mount) mount | grep -qF " $path " ;;
	*) [ -e "$path" ] || [ -L "$path" ] ;;
	esac
}

# look_into LIST: set found to what is still there of it, in words.
look_into() {
	found=$(processes_in "$1" | awk '{ printf "%s%s (process %s)", gap, $2, $1; gap = ", " }')
	for kind in mount directory file; do
		! path_in "$1" "$kind" || found="$found${found:+, }$kind $path"
	done
	found=$(printf '%s' "$found" | tr '\n' ' ')
}

# sweep LIST [PID]: end and remove all that is in it but this process and PID, and the list.
sweep() {
	mine=$(own_number)
	ours=$(processes_in "$1" | awk -v mine="$mine" -v spared="${2-}" '
		$1 != mine && $1 != spared { print $1 }')
	# shellcheck disable=SC2086
	[ -z "$ours" ] || kill_tree $ours
	patience=50
	# shellcheck disable=SC2086
	while [ -n "$ours" ] && is_any_running $ours && [ "$patience" -gt 0 ]; do
		patience=$((patience - 1))
		sleep 0.1
	done
	patience=20
	# A tracer that is dying still holds files there.
	while path_in "$1" mount && ! umount "$path" 2>/dev/null && [ "$patience" -gt 0 ]; do
		patience=$((patience - 1))
		sleep 0.1
	done
	# Whoever writes there and was in no list may make a file while others are removed.
	for attempt in 1 2 3; do ! path_in "$1" directory || rm -rf "$path"; done
	! path_in "$1" file || rm -f "$path"
	rm -rf "$1"
}

# True if this is the list of a recorder or doctor that is gone.
is_dead_list() {
	is_own_directory "$1" || return 1
	owner=${1##*/}
	! is_there "${owner##*by.}"
}

# find_dead [REMOVE]: set swept to what dead recorders left, in words; remove it if so asked.
find_dead() {
	swept=''
	for each in "$lock"/by.* "$lock".by.* "$lock".gone.*/by.*; do
		is_dead_list "$each" || continue
		look_into "$each"
		swept="$swept${swept:+${found:+, }}$found"
		[ -z "${1-}" ] || sweep "$each"
	done
	[ -n "${1-}" ] || return 0
	for each in "$lock".gone.*; do
		! is_own_directory "$each" || is_there "${each##*.gone.}" || rm -rf "$each"
	done
}

# Do the shell's work if that is gone. What it wrote to is closed first: ssh, and pvprof, wait for that.
stand_in() {
	exec 2>/dev/null 3<&- 4>&2
	sweep "$list"
	own=$(own_number)
	own=$own.$(born "$own")
	try_lock "$own"
	give_up_lock "$own"
}

# The part of the recorder that stays when the shell is killed.
watch() {
	trap '' HUP INT TERM USR1 USR2
	enlist watcher
	while [ -d "$list" ]; do
		sleep 1
		is_there "$self" || { stand_in; exit; }
		[ -z "$listener" ] || is_any_running "$listener" || listen_again
	done
}

# The listener was killed: without it no request to end is heard.
listen_again() {
	{ enlist listener; listen; } &
	listener=$!
}
