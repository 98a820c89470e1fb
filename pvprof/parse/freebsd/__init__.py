"""Readers of FreeBSD's own lock and counter profilers."""
