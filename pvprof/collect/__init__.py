"""The target side: make a recording, here, over ssh, or by a script that the user carries.

Needs click at most: no numpy, no analysis. ``dtrace`` and ``bpftrace`` write the tracing programs,
``recorder`` packs them into one sh program, ``session`` runs that on a ``target``.
"""
