"""What a wait is: its kind, its lock class, its name, and whether the user asked for it.

``rules_file`` reads rules, ``rules`` holds them, ``filters`` keeps what was asked for and returns
the rest as set aside. The packaged rules are ``freebsd.toml`` and ``linux.toml``.
"""
