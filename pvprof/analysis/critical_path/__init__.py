"""The critical path of a run: which waits made it as long as it was, and which did not."""
