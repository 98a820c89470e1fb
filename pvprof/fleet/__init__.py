"""Many hosts: what records each of them all the time, and what sends profiles to a server."""
