"""Readers of the output of Linux tools: bpftrace and perf script."""
