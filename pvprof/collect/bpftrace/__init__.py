"""bpftrace programs: what runs on a Linux target.

``syntax`` writes bpftrace's language, ``builders`` measure, and ``programs`` puts one program
together. ``parse.linux`` reads the JSON that they print (docs/layouts.md).
"""
