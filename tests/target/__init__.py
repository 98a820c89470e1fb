"""A stand-in for a FreeBSD target: makes a Linux machine look like one to ``recorder.sh``.

``bin/`` has the programs of FreeBSD that Linux lacks or that differ there. They come first in PATH,
and small files in the directory ``PVPROF_FAKE`` control them (``harness`` writes these).
``fake_dtrace`` is the largest: ``dprogram`` reads the D program for it, ``replay`` has the records
of a real kernel. They do what a FreeBSD 13.2 was seen to do, and what its sources do
(``cddl/contrib/opensolaris/cmd/dtrace/dtrace.c``, ``usr.bin/time/time.c``).
"""
