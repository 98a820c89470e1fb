# The recorder's part for processes: which ones there are, and how a whole tree of them is ended.

is_alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# born PID: print when a process began, in a word that no later process of this number has; nothing if
# it is gone, or only its parent has not taken notice. The word holds the boot, as Linux counts from it.
born() {
	if [ -e /proc/self/stat ]; then
		# Behind the name, which may hold anything: the state, and 18 fields further the time.
		fields=$(cat "/proc/$1/stat" 2>/dev/null)
		fields=${fields##*) }
		case $fields in '' | [ZX]*) return ;; esac
		read -r boot </proc/sys/kernel/random/boot_id
		# shellcheck disable=SC2086 # one word for each
		set -- $fields
		echo "${20}-${boot%%-*}"
	else
		LC_ALL=C ps -o state= -o lstart= -p "$1" 2>/dev/null |
			awk '$1 !~ /^Z/ && NF > 1 { $1 = ""; gsub(/[^0-9A-Za-z]+/, "-"); sub(/^-/, ""); print }'
	fi
}

# is_there PID.BORN: true if that very process is running.
is_there() { [ -n "${1#*.}" ] && [ "$(born "${1%%.*}")" = "${1#*.}" ]; }

# Print the number of this process. $$ is that of the shell, also in a part that runs beside it.
own_number() { exec sh -c 'echo $PPID'; }

# group_of PID: print the processes of the group that a process leads, or led before it ended.
group_of() { ps -A -o pid= -o pgid= | awk -v group="$1" '$2 == group { print $1 }'; }

state_of() { ps -o state= -p "$1" 2>/dev/null; }

# tree_of PID...: print the state of these processes and of all that descend from them: STATE PID.
tree_of() {
	ps -A -o pid= -o ppid= -o state= | awk -v tops="$*" '
		{ parent[$1] = $2; state[$1] = substr($3, 1, 1) }
		END {
			count = split(tops, top)
			for (i = 1; i <= count; i++) if (top[i] in parent) tree[top[i]] = 1
			do {
				grown = 0
				for (child in parent)
					if (!(child in tree) && (parent[child] in tree))
						grown = tree[child] = 1
			} while (grown)
			for (child in tree) print state[child], child
		}' | sort -n -k 2
}

# hold_tree PID...: stop these processes and all that descend from them; sets tree. A running process
# may fork, and a child whose parent dies is lost from the tree: so all are stopped before any is
# signalled. A process inside fork(2) stops only afterwards, and ps(1) lists processes before it asks
# for their states: so one more list is made after all were seen stopped. The tree has all that were
# stopped: another recorder may be killing it, too, and has killed the parent of one.
hold_tree() {
	patience=10
	held='' frozen='' before=unknown
	while :; do
		listed=$(tree_of "$@")
		tree=$(echo "$listed" | awk '{ print $2 }')
		running=$(echo "$listed" | grep -v '^[TtZ]')
		if [ "$tree" != "$held" ]; then
			# shellcheck disable=SC2086
			kill -s STOP $tree 2>/dev/null
			held=$tree frozen="$frozen $tree"
		elif [ -z "$before$running" ]; then
			break
		elif [ -n "$running" ]; then
			# Not for ever: the parent of a vfork(2) cannot stop before its child has begun.
			[ "$patience" -gt 0 ] || break
			patience=$((patience - 1))
			sleep 0.1
		fi
		before=$running
	done
	# shellcheck disable=SC2086
	tree=$(printf '%s\n' $frozen | grep . | sort -n -u)
}

# signal_all SIGNAL PID...: a stopped process acts on a signal only after it continues.
signal_all() {
	signal=$1
	shift
	for process in "$@"; do
		kill -s "$signal" "$process" 2>/dev/null
		kill -s CONT "$process" 2>/dev/null
	done
}

# kill_tree PID...: children first. If this is killed as well, no stopped child is without its parent.
kill_tree() {
	hold_tree "$@"
	# shellcheck disable=SC2046
	signal_all KILL $(echo "$tree" | sort -rn)
}

# cpu_ms PID: print how much CPU time a process has used, in ms, to 10 ms.
cpu_ms() {
	if [ -e /proc/self/stat ]; then
		used=$(cat "/proc/$1/stat" 2>/dev/null)
		echo "${used##*) }" | awk -v hz="${hz:-100}" '{ printf "%d", ($12 + $13) * 1000 / hz }'
	else
		LC_ALL=C ps -o time= -p "$1" 2>/dev/null |
			awk -F '[:.]' '{ printf "%d", ($(NF - 2) * 60 + $(NF - 1)) * 1000 + $NF * 10 }'
	fi
}

# is_any_running PID...
is_any_running() { ps -o state= -p "$(echo "$*" | tr ' ' ,)" 2>/dev/null | grep -q '^[^Z]'; }

# end_all TOP PID...: end these processes by TERM, then by KILL. TOP, the one that started the others,
# survives TERM if it is not the only one.
end_all() {
	top=$1
	shift
	[ "$#" -gt 0 ] || return 0
	descendants=$(printf '%s\n' "$@" | grep -vx "$top")
	# shellcheck disable=SC2086
	signal_all TERM ${descendants:-$top}
	[ -z "$top" ] || kill -s CONT "$top" 2>/dev/null
	patience=30
	while is_any_running "$@"; do
		if [ "$patience" -eq 0 ]; then
			# One by one: the parents between them and the workload may be gone.
			for survivor in "$@"; do kill_tree "$survivor"; done
			return 0
		fi
		patience=$((patience - 1))
		sleep 0.1
	done
}

# End the workload. Its starter survives, to write the times. Its group is ended, too: who lost their
# parent are in no tree.
end_workload() {
	hold_tree "$workload"
	# shellcheck disable=SC2046
	end_all "$workload" $({ echo "$tree"; group_of "$workload"; } | grep . | sort -n -u)
}

# wait, but a trapped signal does not end it
await() {
	while :; do
		wait "$1"
		awaited=$?
		[ "$awaited" -gt 128 ] && is_alive "$1" && continue
		return "$awaited"
	done
}
