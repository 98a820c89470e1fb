"""pvprof's own grammar: the header, fields, records, and how waits are joined."""
