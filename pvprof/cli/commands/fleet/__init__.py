"""The commands for many hosts: one module each, imported when it runs."""
