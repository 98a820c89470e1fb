"""Watch a recorder: have its output while it traces."""
