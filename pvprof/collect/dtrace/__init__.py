"""D programs: what runs on a FreeBSD target.

``probes`` lists the probes and what they carry, ``syntax`` writes D, ``modes`` says what each mode
measures, and ``programs`` puts one program together. ``parse.native`` reads the grammar that every
program prints (docs/formats.md).
"""
