"""Readers of the maps that any bpftrace program prints, as text and as JSON."""
