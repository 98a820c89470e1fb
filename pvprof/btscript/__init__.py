"""bpftrace programs: what runs on a Linux target.

``probes`` says which tracepoints exist and what they carry, ``blocks`` how bpftrace's language is
written down, ``modes`` what each mode measures, and ``programs`` puts one program together. What
every program prints is read by ``parse.bpftrace`` (docs/formats.md).
"""
