"""pvprof's own grammar: its header, fields and records, and the join of its waits."""
