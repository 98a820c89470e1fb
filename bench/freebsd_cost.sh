#!/bin/sh
# What tracing costs on FreeBSD: run it there, as root, in a directory of D programs.
#
#   for mode in offcpu events locks; do pvprof script $mode >$mode.d; done     # elsewhere
#   sh freebsd_cost.sh ROUNDS WORKLOAD...
#
# Each round runs the workload without and with each program, and once with lockstat(1). It prints
# "PROGRAM SECONDS-WITHOUT SECONDS-WITH MESSAGES-OF-DROPS OUTPUT-BYTES" for each pair.
set -eu
rounds=$1
shift
kldload -n dtraceall
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

real_s() { # WORKLOAD...: its real time
	time -p -o "$work/time" "$@" >/dev/null 2>&1
	awk '$1 == "real" { print $2 }' "$work/time"
}

with_dtrace() { # PROGRAM WORKLOAD...
	dtrace -q -s "$1" -o "$work/out" 2>"$work/messages" &
	tracer=$!
	shift
	waited=0 # programs of others print nothing when they begin
	until [ -s "$work/out" ] || [ "$waited" -ge 8 ]; do
		sleep 0.5
		waited=$((waited + 1))
	done
	sleep 1
	real_s "$@"
	kill -TERM "$tracer"
	wait "$tracer" || true
}

with_lockstat() { # WORKLOAD...
	lockstat -s 32 -D 100 -o "$work/out" time -p -o "$work/time" "$@" >/dev/null 2>"$work/messages"
	awk '$1 == "real" { print $2 }' "$work/time"
}

while [ "$rounds" -gt 0 ]; do
	for program in *.d lockstat; do
		without=$(real_s "$@")
		case $program in
		lockstat) with=$(with_lockstat "$@") ;;
		*) with=$(with_dtrace "$program" "$@") ;;
		esac
		drops=$(grep -c drop "$work/messages" || true)
		echo "$program $without $with $drops $(wc -c <"$work/out")"
		rm -f "$work/out"
	done
	rounds=$((rounds - 1))
done
