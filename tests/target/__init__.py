"""A stand-in for a FreeBSD target: makes a Linux machine look like one to ``recorder.sh``.

``bin/`` holds the programs of FreeBSD that Linux lacks or has otherwise. They stand first in PATH
and are steered by small files in the directory that ``PVPROF_FAKE`` names (``harness`` writes it).
``fake_dtrace`` is the largest: ``dprogram`` reads the D program for it, ``replay`` supplies what a
real kernel recorded. What they do is what a FreeBSD 13.2 was seen to do, and what its sources say
(``cddl/contrib/opensolaris/cmd/dtrace/dtrace.c``, ``usr.bin/time/time.c``).
"""
