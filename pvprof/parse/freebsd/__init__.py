"""Readers of FreeBSD's lock and counter profilers."""
