"""Readers of what Linux tools print: bpftrace and perf script."""
