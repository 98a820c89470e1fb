"""The commands that draw: one module each, imported when it runs."""
