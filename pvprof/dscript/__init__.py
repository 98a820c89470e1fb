"""D programs: what runs on the target.

``probes`` says which probes exist and what they carry, ``options`` what a user may ask for,
``clauses`` how D is written down, and ``programs`` puts one program together for each mode. The
output of every program is the grammar that ``parse.native`` reads (docs/formats.md).
"""
