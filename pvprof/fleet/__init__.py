"""Many hosts: what sends their profiles to a server."""
