"""Readers of the output of any D program: aggregations, rows, single waits."""
