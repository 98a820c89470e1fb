"""Readers of what D programs of others print: aggregations, rows, event records."""
