"""bpftrace programs: what runs on a Linux target.

``probes`` lists the tracepoints and what they carry, ``syntax`` writes bpftrace's language,
``modes`` says what each mode measures, and ``programs`` puts one program together.
``parse.linux.bpftrace`` reads what they print (docs/formats.md).
"""
