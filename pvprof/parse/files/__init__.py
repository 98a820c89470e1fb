"""Readers of files of other formats: folded stacks, speedscope, HTML reports."""
