"""What a wait is: its kind, its lock class, its name, and whether the user asked for it.

``rules_file`` reads rules, ``rules`` holds them, ``matcher`` applies them, ``filters`` keeps what
was asked for and returns the rest as set aside; ``classified`` is the result for a whole dataset.
The packaged rules are ``freebsd.toml`` and ``linux.toml``.
"""
