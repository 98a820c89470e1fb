"""What outputs say of a critical path: tables, a time line, a trace."""
