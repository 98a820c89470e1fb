"""Readers of files that profilers exchange: folded stacks, speedscope, HTML reports."""
