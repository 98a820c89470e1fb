"""Readers of what the tools of bcc print: those in Python and those of libbpf-tools."""
